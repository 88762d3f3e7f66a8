import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, type TestContext, test } from "vitest"
import { eventually } from "../../test/support/eventually.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import type { LoadedConfig } from "../config/load.ts"
import { ConfigWatch } from "./config-watch.ts"

async function start(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "sluice-watch-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true }))
  const [main, included] = [join(directory, "nginx.conf"), join(directory, "chat.conf")]
  for (const path of [main, included]) writeFileSync(path, "1")
  const clock = new ManualClock()
  let changes = 0
  const watch = new ConfigWatch(main, clock, () => changes++)
  const loaded = (...paths: string[]): Promise<LoadedConfig> =>
    Promise.resolve({ config: null, problems: [], sources: new Map(paths.map((path) => [path, ""])) })
  /** So many looks at the files, each with the time that the system takes for it. */
  const look = async (): Promise<void> => {
    const before = clock.timersOpen
    clock.advance(5_000)
    await eventually(
      () => clock.timersOpen === before,
      () => "the files were looked at",
    )
  }
  return { main, included, watch, loaded, look, changes: () => changes }
}

test("a change of the file, or of one that it includes, is told once", async (t) => {
  const { main, included, watch, loaded, look, changes } = await start(t)
  await watch.reading(() => loaded(main, included))
  await look()
  expect(changes()).toBe(0)
  writeFileSync(included, "22")
  await look()
  await look()
  expect(changes()).toBe(1)
  writeFileSync(main, "333")
  await look()
  expect(changes()).toBe(2)
})

test("one that is no longer included is no longer looked at", async (t) => {
  const { main, included, watch, loaded, look, changes } = await start(t)
  await watch.reading(() => loaded(main, included))
  await watch.reading(() => loaded(main))
  writeFileSync(included, "22")
  await look()
  expect(changes()).toBe(0)
})

test("a change while it is read is a change", async (t) => {
  const { main, watch, loaded, look, changes } = await start(t)
  await watch.reading(() => {
    writeFileSync(main, "4444")
    return loaded(main)
  })
  await look()
  expect(changes()).toBe(1)
})

test("a file that cannot be read is looked at all the same", async (t) => {
  const { main, watch, loaded, look, changes } = await start(t)
  rmSync(main)
  await watch.reading(() => loaded())
  writeFileSync(main, "5")
  await look()
  expect(changes()).toBe(1)
})

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, type TestContext, test } from "vitest"
import { freePort } from "../../test/support/free-port.ts"
import { SluiceProcess, testDirectory } from "../../test/support/sluice-process.ts"

const LISTENING = '"message":"listening"'

describe("the pid file is that of the process that listens", () => {
  async function start(t: TestContext, reusePort: boolean, workers = 1) {
    const pid = join(testDirectory(t), "sluice.pid")
    const listeners = [{ address: `127.0.0.1:${await freePort()}`, reusePort }]
    const config = { workers, listeners, clusters: { test: ["127.0.0.1:9"] }, pidFile: pid }
    const first = new SluiceProcess(t, config)
    await first.says(LISTENING)
    const second = new SluiceProcess(t, config)
    return { pid, first, second, written: () => Number(readFileSync(pid, "latin1")) }
  }

  test("a second start that finds the port taken leaves it", async (t) => {
    const { pid, first, second, written } = await start(t, false)
    expect(await second.ended).toBe(1)
    expect(written()).toBe(first.child.pid)
    first.signal("SIGTERM")
    expect(await first.ended).toBe(0)
    expect(existsSync(pid)).toBe(false)
  })

  test.for([1, 2])("a new version beside the old one takes it over, with %i workers", async (workers, t) => {
    const { pid, first, second, written } = await start(t, true, workers)
    await second.says(LISTENING)
    first.signal("SIGTERM")
    expect(await first.ended).toBe(0)
    expect(written()).toBe(second.child.pid)
    second.signal("SIGTERM")
    expect(await second.ended).toBe(0)
    expect(existsSync(pid)).toBe(false)
  })
})

import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, type TestContext, test } from "vitest"
import { eventually } from "../../test/support/eventually.ts"
import { freePort } from "../../test/support/free-port.ts"
import { SluiceProcess, testDirectory } from "../../test/support/sluice-process.ts"

/** Sluice with `workers`, a log and an access log, both of which `rename` moves away as logrotate does. */
async function start(t: TestContext, workers: number) {
  const directory = testDirectory(t)
  const [log, access] = [join(directory, "sluice.log"), join(directory, "access.log")]
  const port = await freePort()
  const config = {
    workers,
    listeners: [`127.0.0.1:${port}`],
    clusters: { test: ["127.0.0.1:9"] },
    routes: [{ return: { status: 200, text: "here" } }],
    accessLog: { path: access, format: "combined" },
    log: { path: log, level: "info" as const },
  }
  const sluice = new SluiceProcess(t, config)
  await has(log, '"message":"listening"')
  return {
    sluice,
    log,
    access,
    rename: () => {
      renameSync(log, `${log}.1`)
      renameSync(access, `${access}.1`)
    },
    ask: (name: string) => fetch(`http://127.0.0.1:${port}/${name}`).then((answer) => answer.text()),
    stop: async () => {
      sluice.signal("SIGTERM")
      expect(await sluice.ended).toBe(0)
    },
  }
}

/** The files that a process has open. Linux only. */
function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      // It was closed meanwhile.
      return []
    }
  })
}

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "")

const has = (path: string, what: string): Promise<void> =>
  eventually(
    () => textOf(path).includes(what),
    () => `${what} within ${path}: ${textOf(path)}`,
  )

// /proc says which files a process has open.
describe.skipIf(process.platform !== "linux").for([1, 2])("with %i workers", (workers) => {
  test.for(["SIGUSR1", "SIGHUP"] as const)(
    "after %s, logs are written where they are said to be",
    async (signal, t) => {
      const { sluice, log, access, rename, ask, stop } = await start(t, workers)
      expect(await ask("before")).toBe("here")
      await has(access, "/before")
      rename()
      sluice.signal(signal)
      const old = [`${log}.1`, `${access}.1`]
      const held = () => openFiles(sluice.child.pid!).filter((file) => old.includes(file))
      await eventually(
        () => held().length === 0,
        () => `nobody holds ${held().join()}`,
      )
      expect(await ask("after")).toBe("here")
      await has(access, "/after")
      await stop()
      expect(textOf(log)).toContain('"message":"stopped"')
      expect(textOf(`${access}.1`)).not.toContain("/after")
    },
  )
})

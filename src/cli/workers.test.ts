import { type ChildProcess, spawn } from "node:child_process"
import { EventEmitter, once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { eventually } from "../../test/support/eventually.ts"
import { LogLines } from "../../test/support/log-lines.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { WORKER_READY } from "./worker-control.ts"
import { Workers } from "./workers.ts"

const program = fileURLToPath(new URL("main.ts", import.meta.url))

/** A port that nobody has: workers share theirs, so none may be 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

test("a listener that a reload brings is shared by all workers, as those of the start are", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-workers-"))
  const config = join(directory, "sluice.yaml")
  const listenOn = (...ports: number[]): void => {
    const listeners = ports.map((port) => `127.0.0.1:${port}`)
    writeFileSync(config, JSON.stringify({ workers: 2, listeners, clusters: { test: ["127.0.0.1:9"] } }))
  }
  const [first, second] = [await freePort(), await freePort()]
  listenOn(first)
  const sluice = spawn(process.execPath, [program, "run", config])
  t.onTestFinished(() => {
    sluice.kill("SIGKILL")
    rmSync(directory, { recursive: true })
  })
  let said = ""
  sluice.stderr.on("data", (octets: Buffer) => (said += octets.toString()))
  const times = (what: string): number => said.split(what).length - 1

  await eventually(
    () => times('"message":"listening"') === 1,
    () => `listening: ${said}`,
  )
  listenOn(first, second)
  sluice.kill("SIGHUP")
  await eventually(
    () => times('"configuration reloaded"') + times("cannot reload") === 2,
    () => `both workers reloaded: ${said}`,
  )
  expect(said).not.toContain("cannot reload")

  sluice.kill("SIGTERM")
  const [code] = await once(sluice, "exit")
  expect(code).toBe(0)
})

describe("workers that come and go", () => {
  class FakeWorker extends EventEmitter {
    readonly pid = 1
    readonly connected = true
    readonly heard: string[] = []
    isKilled = false
    send(message: string): void {
      this.heard.push(message)
    }
    kill(): void {
      this.isKilled = true
    }
  }

  function start(count: number) {
    const clock = new ManualClock()
    const made: FakeWorker[] = []
    let command: (command: "stop", why: string) => void = () => {}
    const said: (string | number)[] = []
    const workers = new Workers({
      count,
      start: () => {
        made.push(new FakeWorker())
        return made.at(-1) as unknown as ChildProcess
      },
      control: { onCommand: (handler) => (command = handler) },
      clock,
      log: new LogLines().log,
    })
    const done = workers.run(() => said.push("listening")).then((code) => said.push(code))
    const ready = (at: number) => made[at]!.emit("message", WORKER_READY)
    const dies = (at: number) => made[at]!.emit("exit", 1, null)
    return { clock, made, said, done, ready, dies, stop: () => command("stop", "SIGTERM") }
  }

  test("said to listen once all do", () => {
    const { said, ready } = start(2)
    ready(0)
    expect(said).toEqual([])
    ready(1)
    expect(said).toEqual(["listening"])
  })

  test("one that dies before the others are ready is waited for anew, and then all listen", () => {
    const { clock, made, said, ready, dies } = start(3)
    ready(0)
    ready(1)
    dies(0)
    ready(2)
    expect([said, made.length]).toEqual([[], 3])
    clock.advance(1000)
    ready(3)
    expect(said).toEqual(["listening"])
    dies(3)
    clock.advance(1000)
    ready(4)
    expect(said).toEqual(["listening"])
  })

  test("one that cannot start ends them all with 1", async () => {
    const { made, said, done, ready, dies } = start(2)
    ready(0)
    dies(1)
    await done
    expect([made[0]!.isKilled, said]).toEqual([true, [1]])
  })

  test("told to stop, it ends with the last of them, and replaces none", async () => {
    const { clock, made, said, done, ready, dies, stop } = start(2)
    for (const at of [0, 1]) ready(at)
    stop()
    for (const at of [0, 1]) dies(at)
    await done
    clock.advance(5000)
    expect([made.length, made[0]!.heard, said]).toEqual([2, ["stop"], ["listening", 0]])
  })
})

import type { ChildProcess } from "node:child_process"
import { EventEmitter } from "node:events"
import { describe, expect, test } from "vitest"
import { eventually } from "../../test/support/eventually.ts"
import { LogLines } from "../../test/support/log-lines.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { freePort, SluiceProcess } from "../../test/support/sluice-process.ts"
import { type Command, WORKER_READY } from "./worker-control.ts"
import { Workers } from "./workers.ts"

const LISTENING = '"message":"listening"'

test("a listener that a reload brings is shared by all workers, as those of the start are", async (t) => {
  const [first, second] = [await freePort(), await freePort()]
  const listenOn = (...ports: number[]) => ({
    workers: 2,
    listeners: ports.map((port) => `127.0.0.1:${port}`),
    clusters: { test: ["127.0.0.1:9"] },
  })
  const sluice = new SluiceProcess(t, listenOn(first))
  await sluice.says(LISTENING)
  sluice.configure(listenOn(first, second))
  sluice.signal("SIGHUP")
  await eventually(
    () => sluice.times('"configuration reloaded"') + sluice.times("cannot reload") === 2,
    () => `both workers reloaded: ${sluice.said}`,
  )
  expect(sluice.said).not.toContain("cannot reload")
  sluice.signal("SIGTERM")
  expect(await sluice.ended).toBe(0)
})

// /proc says which processes a process has made.
test.skipIf(process.platform !== "linux")("workers that all die at once are all replaced", async (t) => {
  const port = await freePort()
  const sluice = new SluiceProcess(t, {
    workers: 2,
    listeners: [`127.0.0.1:${port}`],
    clusters: { test: ["127.0.0.1:9"] },
  })
  await sluice.says(LISTENING)
  const first = sluice.workers
  for (const worker of first) process.kill(worker, "SIGKILL")
  await sluice.says("a worker died", 2)
  await eventually(
    () => sluice.workers.filter((worker) => !first.includes(worker)).length === 2,
    () => `two new workers: ${sluice.workers.join()} after ${first.join()}; ${sluice.said}`,
  )
  sluice.signal("SIGTERM")
  expect(await sluice.ended).toBe(0)
  expect(sluice.times('"stopped"')).toBe(2)
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
    let command: (command: Command, why: string) => void = () => {}
    const said: (string | number)[] = []
    const workers = new Workers({
      count,
      start: () => {
        made.push(new FakeWorker())
        return made.at(-1) as unknown as ChildProcess
      },
      control: { onCommand: (handler) => (command = handler) },
      clock,
      log: Object.assign(new LogLines().log, { reopen: () => Promise.resolve(void said.push("reopened")) }),
    })
    const done = workers.run(() => said.push("listening")).then((code) => said.push(code))
    const ready = (at: number) => made[at]!.emit("message", WORKER_READY)
    const dies = (at: number) => made[at]!.emit("exit", 1, null)
    const told = (what: Command) => command(what, "a signal")
    return { clock, made, said, done, ready, dies, told }
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

  test.for(["reopen", "reload"] as const)("told to %s, the primary opens its own log anew too", (command) => {
    const { made, said, ready, told } = start(1)
    ready(0)
    told(command)
    expect([made[0]!.heard, said]).toEqual([[command], ["listening", "reopened"]])
  })

  test("told to stop once more, they have a moment for their last lines before they are killed", async () => {
    const { clock, made, said, done, ready, dies, told } = start(2)
    for (const at of [0, 1]) ready(at)
    for (const _ of [0, 1]) told("stop")
    expect(made.map(({ heard, isKilled }) => [heard, isKilled])).toEqual([
      [["stop", "stop"], false],
      [["stop", "stop"], false],
    ])
    dies(0)
    clock.advance(1000)
    expect(made.map(({ isKilled }) => isKilled)).toEqual([false, true])
    dies(1)
    await done
    expect(said).toEqual(["listening", 0])
  })

  test("told to stop a third time, they are killed", () => {
    const { made, ready, told } = start(1)
    ready(0)
    for (const _ of [0, 1, 2]) told("stop")
    expect(made[0]!.isKilled).toBe(true)
  })

  test.for(["reload", "reopen"] as const)("told to %s while none runs, it goes on", async (command) => {
    const { clock, made, said, done, ready, dies, told } = start(2)
    for (const at of [0, 1]) ready(at)
    for (const at of [0, 1]) dies(at)
    told(command)
    await new Promise(setImmediate)
    expect(said).not.toContain(0)
    clock.advance(1000)
    expect(made).toHaveLength(4)
    told("stop")
    for (const at of [2, 3]) dies(at)
    await done
    expect(said.at(-1)).toBe(0)
  })

  test("told to stop while none runs, it ends", async () => {
    const { clock, made, said, done, ready, dies, told } = start(1)
    ready(0)
    dies(0)
    told("stop")
    await done
    clock.advance(5000)
    expect([made.length, said]).toEqual([1, ["listening", 0]])
  })

  test("told to stop, it ends with the last of them, and replaces none", async () => {
    const { clock, made, said, done, ready, dies, told } = start(2)
    for (const at of [0, 1]) ready(at)
    told("stop")
    for (const at of [0, 1]) dies(at)
    await done
    clock.advance(5000)
    expect([made.length, made[0]!.heard, said]).toEqual([2, ["stop"], ["listening", 0]])
  })
})

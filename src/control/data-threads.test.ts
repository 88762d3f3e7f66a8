import { EventEmitter } from "node:events"
import { describe, expect, test } from "vitest"
import { LogLines } from "../../test/support/log-lines.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import type { FromThread, ToThread } from "../balancer/thread/contract.ts"
import { makeMemory } from "../balancer/thread/shared-numbers.ts"
import { defaultConfig } from "../config/defaults.ts"
import { DataThreads, type ThreadWorker } from "./data-threads.ts"

class FakeWorker extends EventEmitter {
  readonly name: string
  readonly heard: string[] = []
  isTerminated = false

  constructor(name: string) {
    super()
    this.name = name
  }

  postMessage(message: ToThread): void {
    this.heard.push(message.kind)
  }

  terminate(): void {
    this.isTerminated = true
  }

  says(message: FromThread): void {
    this.emit("message", message)
  }

  dies(why = "a bug"): void {
    this.emit("error", new Error(why))
    this.emit("exit", 1)
  }
}

const soon = () => new Promise(setImmediate)

function make(count: number) {
  const clock = new ManualClock()
  const log = new LogLines()
  const made: FakeWorker[] = []
  const lost: number[] = []
  const current = {
    version: 0,
    config: defaultConfig(),
    state: { version: 1, clusters: [] },
    memory: makeMemory(count),
  }
  const threads = new DataThreads({
    count,
    clock,
    log: log.log,
    threadLog: { level: "info", path: "stderr", format: "json", color: false },
    makeWorker: (name) => {
      made.push(new FakeWorker(name))
      return made.at(-1) as unknown as ThreadWorker
    },
    current: () => current,
    endpointsOf: () => [],
    sockets: (indexes) => Promise.resolve(indexes.map(() => ({}))),
    onEvent: () => {},
    standingOrders: () => [],
    onSpans: () => {},
    onLost: (index) => lost.push(index),
  })
  threads.load()
  const start = async () => {
    const starting = threads.start()
    await soon()
    for (const worker of made) worker.says({ kind: "ready" })
    await starting
  }
  return { clock, log, made, lost, current, threads, start }
}

const prepared = (version: number, problem: string | null = null) =>
  ({ kind: "prepared", version, problem }) as const

describe("the start", () => {
  test("is over once all listen", async () => {
    const { made, threads } = make(2)
    let isOver = false
    const starting = threads.start().then(() => void (isOver = true))
    await soon()
    expect(made.map(({ name, heard }) => [name, heard])).toEqual([
      ["sluice-data-1", ["start"]],
      ["sluice-data-2", ["start"]],
    ])
    made[1]!.says({ kind: "ready" })
    await soon()
    expect(isOver).toBe(false)
    made[0]!.says({ kind: "ready" })
    await starting
  })

  test.for([
    [
      "says why",
      (worker: FakeWorker): void => worker.says({ kind: "cannot-start", reason: "no certificate" }),
      "no certificate",
    ],
    ["dies", (worker: FakeWorker): void => void worker.emit("error", new Error("a bug")), /^Error: a bug/],
    ["just ends", (): void => {}, "it ended with code 1"],
  ] as const)("fails when one thread cannot, which %s, and ends the others", async ([, fails, reason]) => {
    const { made, threads } = make(2)
    const starting = threads.start()
    await soon()
    made[0]!.says({ kind: "ready" })
    fails(made[1]!)
    made[1]!.emit("exit", 1)
    await expect(starting).rejects.toThrow(reason)
    expect(made[0]!.isTerminated).toBe(true)
    expect(made).toHaveLength(2)
  })
})

describe("a thread that dies", () => {
  test("is replaced at once where it has lived, and its streams are taken out of the counts", async () => {
    const { clock, log, made, lost, start } = make(2)
    await start()
    clock.advance(5000)
    made[0]!.dies()
    await soon()
    expect(made.map(({ name }) => name)).toEqual(["sluice-data-1", "sluice-data-2", "sluice-data-1"])
    expect(lost).toEqual([0])
    expect(made[2]!.heard).toEqual(["start"])
    made[2]!.says({ kind: "ready" })
    expect(log.lines.map(({ level, message, thread }) => [level, message, thread])).toEqual([
      ["error", "a data thread died; its streams are lost, and another takes its place", 1],
      ["info", "a data thread listens again", 1],
    ])
  })

  test("is replaced after a pause where it has not, also when its place cannot start", async () => {
    const { clock, log, made, start } = make(1)
    await start()
    for (let round = 1; round <= 3; round++) {
      if (round < 3) made.at(-1)!.dies()
      else made.at(-1)!.says({ kind: "cannot-start", reason: "no certificate" })
      if (round === 3) made.at(-1)!.emit("exit", 1)
      await soon()
      expect(made).toHaveLength(round)
      clock.advance(1000)
      await soon()
      expect(made).toHaveLength(round + 1)
    }
    expect(log.saying("a data thread cannot start; tried again").at(-1)).toEqual({
      thread: 1,
      reason: "no certificate",
    })
  })

  test("of a full heap is said to", async () => {
    const { log, made, start } = make(1)
    await start()
    made[0]!.emit("error", Object.assign(new Error("x"), { code: "ERR_WORKER_OUT_OF_MEMORY" }))
    made[0]!.emit("exit", 1)
    expect(log.lines[0]).toMatchObject({ reason: "out of memory: its heap is full" })
  })

  test("while all are told to stop is not replaced", async () => {
    const { clock, made, threads, start } = make(2)
    await start()
    const stopping = threads.stop()
    expect(made.map(({ heard }) => heard.at(-1))).toEqual(["stop", "stop"])
    made[0]!.dies()
    made[1]!.says({ kind: "stopped", problem: "disk full" })
    made[1]!.emit("exit", 0)
    expect(await stopping).toBe("disk full")
    clock.advance(5000)
    expect(made).toHaveLength(2)
  })

  test("while none runs, a stop ends at once", async () => {
    const { clock, made, threads, start } = make(1)
    await start()
    made[0]!.dies()
    expect(await threads.stop()).toBeNull()
    clock.advance(5000)
    await soon()
    expect(made).toHaveLength(1)
  })
})

describe("a reload", () => {
  async function preparing(...answers: ((worker: FakeWorker) => void)[]) {
    const all = make(answers.length)
    await all.start()
    const { current, threads, made } = all
    const next = { ...current, version: 1, state: { version: 2, clusters: [] } }
    const outcome = threads.prepare(next, [{}, {}])
    for (const [at, answer] of answers.entries()) answer(made[at]!)
    return { ...all, next, outcome: await outcome }
  }
  const yes = (worker: FakeWorker): void => worker.says(prepared(1))

  test("is prepared once all can take it, and acknowledged once all have", async () => {
    const { current, threads, made, next, outcome } = await preparing(yes, yes)
    expect(outcome).toBeNull()
    Object.assign(current, next)
    const committing = threads.commit(1)
    made[0]!.says({ kind: "committed", version: 1, problem: null })
    await soon()
    expect(threads.acknowledged).toBe(1)
    made[1]!.says({ kind: "committed", version: 1, problem: null })
    await committing
    expect(threads.acknowledged).toBe(2)
  })

  test.for([
    ["cannot", (worker: FakeWorker) => worker.says(prepared(1, "no file")), "no file"],
    ["dies of it", (worker: FakeWorker) => worker.dies(), "a data thread died of it"],
  ] as const)("is given up when one thread %s", async ([, no, reason]) => {
    const { outcome, threads, made } = await preparing(yes, no)
    expect(outcome).toBe(reason)
    threads.abandon(1)
    expect(made[0]!.heard.at(-1)).toBe("abandon")
    expect(threads.acknowledged).toBe(1)
  })

  test("that overtakes a thread which only starts makes that one anew", async () => {
    const { current, threads, made, clock, start } = make(2)
    await start()
    clock.advance(5000)
    made[0]!.dies()
    await soon()
    const outcome = threads.prepare({ ...current, version: 1 }, [{}, {}])
    made[1]!.says(prepared(1))
    expect(await outcome).toBeNull()
    current.version = 1
    const committing = threads.commit(1)
    made[1]!.says({ kind: "committed", version: 1, problem: null })
    await committing
    made[2]!.says({ kind: "ready" })
    expect(made[2]!.isTerminated).toBe(true)
    made[2]!.emit("exit", 1)
    await soon()
    expect(made[3]!.heard).toEqual(["start"])
    made[3]!.says({ kind: "ready" })
    expect(threads.acknowledged).toBe(1)
  })
})

test("a thread that listens after the others were asked to prepare is made anew, and the reload is over", async () => {
  const { current, threads, made, clock, start } = make(2)
  await start()
  clock.advance(5000)
  made[0]!.dies()
  await soon()
  const next = { ...current, version: 1, state: { version: 2, clusters: [] } }
  const outcome = threads.prepare(next, [{}, {}])
  made[2]!.says({ kind: "ready" })
  made[1]!.says(prepared(1))
  expect(await outcome).toBeNull()
  Object.assign(current, next)
  const committing = threads.commit(1)
  made[1]!.says({ kind: "committed", version: 1, problem: null })
  made[2]!.says({ kind: "committed", version: 1, problem: "it was not prepared" })
  await committing
  expect(made.map(({ isTerminated }) => isTerminated)).toEqual([false, false, true])
  expect(threads.acknowledged).toBe(1)
})

test("logs are flushed once all have answered", async () => {
  const { threads, made, start } = make(2)
  await start()
  let isOver = false
  const flushing = threads.flush().then(() => void (isOver = true))
  made[0]!.says({ kind: "flushed" })
  await soon()
  expect(isOver).toBe(false)
  made[1]!.dies()
  await flushing
})

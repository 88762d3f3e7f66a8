import { beforeEach, expect, test, vi } from "vitest"
import type { Stream, Streams } from "./api.ts"
import { LiveStreams } from "./live-streams.ts"
import type { FromWorker, ToWorker } from "./stream-worker.ts"

const row = (index: number) =>
  ({ id: `1-${index}`, client: "c", endpoint: "e", ageMs: 0, idleMs: 0, requestMessages: 0 }) as Stream
const rowsOf = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => row(from + at))

let nowMs = 0
let timers: { atMs: number; call: () => void }[] = []
let sent: ToWorker[] = []
let tell: (data: FromWorker) => void
let heardMs = 0
let isScrolling = false
let streams: LiveStreams

/** The timers that are due after so long. */
function pass(ms: number): void {
  nowMs += ms
  const due = timers.filter(({ atMs }) => atMs <= nowMs)
  timers = timers.filter((each) => !due.includes(each))
  for (const { call } of due) call()
}

const loads = () => sent.filter((message) => message.kind === "load")

/** A list comes. Its number. */
function loaded(byRows: number, from: number, to: number): number {
  const overview = { count: 10_000, matched: 10_000, total: 10_000 } as never
  const { number } = loads().at(-1)!
  tell({ kind: "loaded", number, overview, window: { from, rows: rowsOf(from, to) }, byRows })
  return number
}

function failed(status: number, message: string): void {
  tell({ kind: "failed", number: loads().at(-1)!.number, status, isTimeout: false, message })
}

function timedOut(): void {
  const message = "signal timed out"
  tell({ kind: "failed", number: loads().at(-1)!.number, status: 0, isTimeout: true, message })
}

/** Rows of a list, as the worker sends those that it was asked for. */
function answer(number: number, from: number, to: number): void {
  tell({ kind: "window", number, window: { from, rows: rowsOf(from, to) } })
}

beforeEach(async () => {
  vi.stubGlobal("document", { baseURI: "http://sluice/" })
  nowMs = 1_000_000
  ;[timers, sent, isScrolling] = [[], [], false]
  const first = {
    atMs: 1,
    total: 10_000,
    matched: 10_000,
    isComplete: true,
    streams: rowsOf(0, 100),
    next: "x",
  }
  streams = new LiveStreams(
    {
      api: { token: null, json: async <T>() => first as Partial<Streams> as T },
      clock: {
        nowMs: () => nowMs,
        after: (ms, call) => {
          const timer = { atMs: nowMs + ms, call }
          timers.push(timer)
          return () => void (timers = timers.filter((each) => each !== timer))
        },
      },
      isHidden: () => false,
      heardMs: () => heardMs,
      isScrolling: () => isScrolling,
      worker: {
        postMessage: (message) => void sent.push(message),
        addEventListener: (_type, listener) => {
          tell = (data) => listener({ data } as MessageEvent<FromWorker>)
        },
      },
    },
    { filter: "", sort: "-age" },
  )
  streams.start()
  await Promise.resolve()
  await Promise.resolve()
})

test("the first rows are there before the worker has any, as many as there will be", () => {
  expect(streams.row(99)?.id).toBe("1-99")
  expect([streams.row(100), streams.overview?.count]).toEqual([null, 10_000])
  expect(loads()).toHaveLength(1)
})

test("before the worker has a list it is asked for no rows, and the first ones stay", () => {
  let told = 0
  streams.subscribe(() => told++)
  streams.want(60, 105)
  answer(0, 0, 0)
  expect(sent.map(({ kind }) => kind)).toEqual(["load"])
  expect([streams.row(70)?.id, told]).toEqual(["1-70", 0])
  loaded(0, 0, 200)
  streams.want(160, 205)
  expect(sent.at(-1)).toEqual({ kind: "window", from: 40, to: 325 })
})

test("rows of another list are not taken for those of this one, and are asked for again", () => {
  const before = loaded(0, 0, 200)
  pass(1000)
  const number = loaded(0, 0, 200)
  sent = []
  streams.want(170, 210)
  answer(before, 50, 330)
  expect(streams.row(220)).toBe(null)
  streams.want(170, 210)
  expect(sent).toHaveLength(2)
  answer(number, 50, 330)
  expect(streams.row(220)?.id).toBe("1-220")
})

test("rows are asked for once before they are needed, and again when few are left", () => {
  const number = loaded(0, 0, 200)
  sent = []
  streams.want(0, 40)
  streams.want(100, 140)
  expect(sent).toEqual([])
  streams.want(170, 210)
  streams.want(175, 215)
  expect(sent).toEqual([{ kind: "window", from: 50, to: 330 }])
  answer(number, 50, 330)
  streams.want(175, 215)
  expect(sent).toHaveLength(1)
  expect(streams.row(329)?.id).toBe("1-329")
})

test("what is read stays where it is, but for the first rows", () => {
  const byRows: number[] = []
  streams.subscribe((rows) => byRows.push(rows))
  streams.anchor = { id: "1-400", index: 400 }
  loaded(-100, 180, 420)
  streams.anchor = null
  pass(1000)
  loaded(-3, 0, 200)
  expect(byRows).toEqual([-100, 0])
})

test("while it is scrolled the list stays for three seconds, and no longer", () => {
  loaded(0, 0, 200)
  isScrolling = true
  for (let count = 0; count < 14; count++) pass(200)
  expect(loads()).toHaveLength(1)
  for (let count = 0; count < 2; count++) pass(200)
  expect(loads()).toHaveLength(2)
  loaded(0, 0, 200)
  isScrolling = false
  pass(1000)
  expect(loads()).toHaveLength(3)
})

test("an answer to what is asked no more changes nothing", () => {
  const [first] = loads()
  streams.ask({ filter: "x", sort: "-age" })
  const window = { from: 0, rows: [] }
  tell({ kind: "loaded", number: first!.number, overview: { count: 1 } as never, window, byRows: 0 })
  expect(streams.overview?.count).toBe(10_000)
  failed(400, "bad")
  expect(streams.problem).toBe("bad")
})

test("a list that takes long is asked for less often; without contact it is asked for again soon, and not complained of", () => {
  pass(500)
  loaded(0, 0, 200)
  pass(1999)
  expect(loads()).toHaveLength(1)
  pass(1)
  expect(loads()).toHaveLength(2)
  // Contact may be lost right after.
  heardMs = nowMs + 1
  pass(10_000)
  timedOut()
  expect([streams.problem, streams.isSlow]).toEqual([null, false])
  pass(1000)
  expect(loads()).toHaveLength(3)
})

test("a list that does not come while other answers do is said to be too slow, and is asked for less often", () => {
  pass(9000)
  heardMs = nowMs
  pass(1000)
  timedOut()
  expect([streams.problem, streams.isSlow]).toEqual([null, true])
  pass(39_999)
  expect(loads()).toHaveLength(1)
  pass(1)
  expect(loads()).toHaveLength(2)
  heardMs = nowMs + 10
  pass(10)
  failed(0, "refused")
  expect([streams.problem, streams.isSlow]).toEqual([null, false])
  pass(9000)
  heardMs = nowMs
  pass(1000)
  timedOut()
  streams.ask({ filter: "x", sort: "-age" })
  loaded(0, 0, 200)
  expect([streams.problem, streams.isSlow]).toEqual([null, false])
})

import { beforeEach, expect, test, vi } from "vitest"
import type { Stream } from "./api.ts"
import type { FromWorker, ToWorker } from "./stream-worker.ts"

let send: (message: ToWorker) => void
let told: FromWorker[] = []
/** Each question's answer, by its address. */
let answers = new Map<string, (ids: readonly string[]) => void>()

/** A body that breaks off. */
const failing = (error: Error): ReadableStream => new ReadableStream({ start: (body) => body.error(error) })

beforeEach(async () => {
  ;[told, answers] = [[], new Map()]
  vi.stubGlobal("addEventListener", (_type: string, listener: (event: object) => void) => {
    send = (data) => listener({ data })
  })
  vi.stubGlobal("postMessage", (message: FromWorker) => told.push(message))
  vi.stubGlobal("fetch", (url: string) => {
    const { promise, resolve } = Promise.withResolvers<Response>()
    answers.set(url, (ids) => {
      const streams = ids.map((id) => ({ id, client: "c", endpoint: "e" }) as Stream)
      const [total, matched] = [ids.length, ids.length]
      resolve(Response.json({ atMs: 1, total, matched, isComplete: true, streams }))
    })
    return promise
  })
  vi.resetModules()
  await import("./stream-worker.ts")
})

const load = (number: number, url: string, anchor: { id: string; index: number } | null = null): void =>
  send({ kind: "load", number, url, token: null, anchor })
const until = (kind: FromWorker["kind"]): Promise<FromWorker> =>
  vi.waitUntil(() => told.find((message) => message.kind === kind), { interval: 1, timeout: 60_000 })

/** The numbers and the rows of all windows. */
const windows = () =>
  told.map((message) =>
    message.kind === "failed" ? null : [message.number, message.window.rows.map(({ id }) => id)],
  )

test("a list that took longer than the next changes nothing", async () => {
  load(1, "slow")
  load(2, "quick")
  answers.get("quick")!(["1-2"])
  await until("loaded")
  answers.get("slow")!(["1-1"])
  // Its answer is read by then.
  for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate)
  send({ kind: "window", from: 0, to: 10 })
  expect(windows()).toEqual([
    [2, ["1-2"]],
    [2, ["1-2"]],
  ])
})

test.for([
  ["of the head", () => Promise.reject(new DOMException("late", "TimeoutError")), true],
  ["of the body", async () => new Response(failing(new DOMException("late", "TimeoutError"))), true],
  ["refused", () => Promise.reject(new TypeError("refused")), false],
] as const)("a list that did not come in time is told from one that failed: %s", async ([, ask, isLate]) => {
  vi.stubGlobal("fetch", ask)
  load(1, "late")
  await until("failed")
  const message = isLate ? "late" : "refused"
  expect(told).toEqual([{ kind: "failed", number: 1, status: 0, isTimeout: isLate, message }])
})

test("before there is a list its number is 0", () => {
  send({ kind: "window", from: 0, to: 10 })
  expect(windows()).toEqual([[0, []]])
})

test("of a list that is shorter than what was in view its last rows are sent", async () => {
  send({ kind: "window", from: 500, to: 502 })
  told = []
  load(1, "short")
  answers.get("short")!(["1-1", "1-2", "1-3"])
  await until("loaded")
  expect(windows()).toEqual([[1, ["1-2", "1-3"]]])
})

/** What the page reckons with, as tables. */
import { describe, expect, test } from "vitest"
import { queryOf, toggled, withQuery } from "./address.ts"
import type { Stream, StreamDetail } from "./api.ts"
import { bytes, duration, rate, short } from "./format.ts"
import { grpcurl } from "./grpcurl.ts"
import { hunks, lineDiff } from "./line-diff.ts"
import { largest, parseMetrics, quantile, total } from "./metrics.ts"
import { layOut } from "./river-layout.ts"
import { barOf, StreamList } from "./stream-list.ts"

test.for([
  [0, "0 ms"],
  [999, "999 ms"],
  [59_999, "59 s"],
  [60_000, "1:00"],
  [3_599_999, "59:59"],
  [3_600_000, "1:00:00"],
  [90_000_000, "1 d 1 h"],
] as const)("a duration of %i ms is %s", ([ms, text]) => expect(duration(ms)).toBe(text))

test("sizes and rates have as many digits as they are worth", () => {
  expect([0, 999, 1000, 9949, 9951, 1_000_000].map(bytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 kB",
    "9.9 kB",
    "10 kB",
    "1.0 MB",
  ])
  expect([5, 12_345].map(short)).toEqual(["5", "12 k"])
  expect([0, 0.25, 9.96, 1234.5].map(rate)).toEqual(["0", "0.3", "10", "1,235"])
})

test("the address holds the filter and the order, and nothing that is the default", () => {
  const url = new URL("http://h/?x=1")
  const kept = withQuery(url, { filter: "idle:>5m path:Chat", sort: "idle" })
  expect(kept.search).toBe("?x=1&filter=idle%3A%3E5m+path%3AChat&sort=idle")
  expect(queryOf(kept)).toEqual({ filter: "idle:>5m path:Chat", sort: "idle" })
  expect(withQuery(kept, { filter: " ", sort: "-age" }).search).toBe("?x=1")
  expect(toggled("a:1 b:2", "b:2")).toBe("a:1")
  expect(toggled("a:1", "b:2")).toBe("a:1 b:2")
})

test("metrics: labels with quotes, sums, and what is not there", () => {
  const metrics = parseMetrics(
    '# HELP a b\na_total{code="OK",why="x \\"y\\\\\\n"} 3\na_total{code="B"} 4 1700\nb 1e3\nbroken\n',
  )
  expect(metrics.get("a_total")![0]!.labels).toEqual({ code: "OK", why: 'x "y\\\n' })
  expect(total(metrics, "a_total")).toBe(7)
  expect(total(metrics, "a_total", ({ code }) => code === "B")).toBe(4)
  expect([total(metrics, "b"), total(metrics, "c")]).toEqual([1000, null])
  expect([largest(metrics, "a_total"), largest(metrics, "c")]).toEqual([4, null])
})

test("a histogram's quantiles are of what came since, and lie between the bounds of a bucket", () => {
  const read = (...counts: number[]) =>
    parseMetrics(["0.001", "0.002", "+Inf"].map((le, at) => `t_bucket{le="${le}"} ${counts[at]}`).join("\n"))
  const before = read(100, 100, 100)
  const now = read(150, 190, 200)
  expect([0.25, 0.5, 0.7, 0.99].map((share) => quantile(now, before, "t", share))).toEqual([
    0.0005, 0.001, 0.0015, 0.002,
  ])
  expect(quantile(now, parseMetrics(""), "t", 0.5)).toBeCloseTo(0.000667, 6)
  expect([quantile(now, now, "t", 0.5), quantile(now, before, "other", 0.5)]).toEqual([null, null])
})

test.for([
  [0, 0],
  [999, 0],
  [1000, 1],
  [299_999, 6],
  [604_799_999, 12],
  [604_800_000, 13],
] as const)("%i ms is in bar %i", ([ms, bar]) => expect(barOf(ms)).toBe(bar))

describe("the list of streams", () => {
  const row = (id: string, endpoint: string, messages: number): Stream =>
    ({
      id,
      endpoint,
      client: `c${id}`,
      ageMs: 0,
      idleMs: 0,
      requestMessages: messages,
      responseMessages: 0,
    }) as Stream
  let atMs = 1000
  const answer = (...streams: Stream[]) => ({
    atMs: (atMs += 2000),
    isComplete: true,
    turnMaxMs: 0,
    total: 9,
    matched: streams.length,
    streams,
    next: null,
  })

  test("messages are those since the list before, and a new stream has none", () => {
    const list = new StreamList()
    list.take(answer(row("1-1", "a", 5)))
    const { threads, rates } = list.take(answer(row("1-1", "a", 8), row("2-1", "b", 400)))
    expect(rates).toEqual({ toEndpoint: 1.5, toClient: 0 })
    expect([...threads.messages]).toEqual([3, 0])
    expect(threads.endpointNames).toEqual(["a", "b"])
    expect(list.indexOf("2-1")).toBe(1)
    expect(list.window(1, 5).map(({ id }) => id)).toEqual(["2-1"])
    expect(new Set(threads.keys).size).toBe(2)
  })

  test("of many streams some have a thread, the same ones in each list, and all are counted", () => {
    const list = new StreamList()
    const rows = Array.from({ length: 10_000 }, (_, at) => row(`${at % 100}-${2 * at + 1}`, `e${at % 3}`, 0))
    const [first, second] = [list.take(answer(...rows)), list.take(answer(...rows.slice(5000)))]
    expect(first.threads.keys.length).toBeGreaterThan(1000)
    expect(first.threads.keys.length).toBeLessThan(2000)
    expect(first.threads.endpointStreams).toEqual([3334, 3333, 3333])
    const twice = list.take(answer(...rows)).threads.keys
    expect([...twice]).toEqual([...first.threads.keys])
    expect(second.threads.endpointStreams.reduce((sum, many) => sum + many)).toBe(5000)
  })

  test("a stream that moved is in the lane of its new endpoint, and is counted", () => {
    const list = new StreamList()
    const { threads } = list.take(answer(row("1-1", "b", 0), row("1-2", "b", 0), row("1-3", "", 0)))
    const endpoints = [
      { address: "a", isOut: true },
      { address: "b", isOut: false },
    ]
    const before = new Map([
      [threads.keys[0]!, "a"],
      [threads.keys[1]!, "b"],
    ])
    const { lanes, lines, moved } = layOut(threads, endpoints, before)
    expect(moved).toBe(1)
    expect(lanes.map(({ name, isOut, streams }) => [name, isOut, streams])).toEqual([
      ["a", true, 0],
      ["b", false, 2],
      ["", false, 1],
    ])
    for (const { lane, toY } of lines) {
      expect(toY).toBeGreaterThan(lanes[lane]!.top)
      expect(toY).toBeLessThan(lanes[lane]!.bottom)
    }
  })
})

test("a diff has the lines that changed, and two beside them", () => {
  const before = ["{", "a", "b", "c", "d", "e", "f", "}"]
  const after = ["{", "a", "b", "c", "D", "e", "f", "g", "}"]
  const shown = hunks(lineDiff(before, after)).map((line) => (line === null ? "…" : line.sign + line.text))
  expect(shown).toEqual([" b", " c", "-d", "+D", " e", " f", "+g", " }"])
  expect(hunks(lineDiff(before, before))).toEqual([])
})

test("grpcurl: no header that it makes itself, and each word quoted", () => {
  const detail = {
    path: "/chat.Chat/BidStream",
    authority: "chat.example.com",
    endpoint: "127.0.0.1:3000",
    requestHeaders: [
      [":path", "/chat.Chat/BidStream"],
      ["te", "trailers"],
      ["content-type", "application/grpc"],
      ["x-who", "it's me"],
    ],
  } as unknown as StreamDetail
  expect(grpcurl(detail)).toBe(
    "grpcurl -plaintext -authority chat.example.com -H 'x-who: it'\\''s me' -d @ 127.0.0.1:3000 chat.Chat/BidStream",
  )
})

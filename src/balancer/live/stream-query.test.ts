import { expect, test } from "vitest"
import { atOnce } from "../../base/steps.ts"
import type { ClientConnection } from "../../relay/downstream/client-connection.ts"
import { parseFilter } from "./stream-filter.ts"
import { type Cursor, findStreams, inOrder, type PlacedRow, type SortKey } from "./stream-query.ts"

/** Streams of a few connections, whose numbers are of every order and often the same. */
function connections(): ClientConnection[] {
  let seed = 1
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below
  return Array.from({ length: 7 }, (_, at) => {
    const connection = { id: at + 1, protocol: "h2", remoteAddress: "192.0.2.1", remotePort: 4711 }
    const streams = Array.from({ length: 30 }, (_each, number) => ({
      record: {
        connection,
        requestNumber: number,
        path: "/chat.Chat/BidStream",
        startMs: random(9),
        activeMs: random(9),
        requestMessages: random(9),
        responseMessages: 0,
        requestOctets: random(9),
        responseOctets: 0,
        attempts: Array.from({ length: random(3) }),
      },
      route: { name: "" },
      endpointAddress: `10.0.0.${random(3)}:1`,
      bufferedOctets: random(9),
    }))
    return { openListener: { config: { name: "web" } }, streams } as unknown as ClientConnection
  })
}

function pageOf(sort: SortKey, isDescending: boolean, after: Cursor | null, limit: number, filter = "") {
  const rows: PlacedRow[] = []
  const conditions = parseFilter(filter)
  if (typeof conditions === "string") throw new Error(conditions)
  const query = { conditions, sort, isDescending, after, limit }
  const time = () => ({ nowMs: 10, startMs: 0, thread: 1 })
  const found = atOnce(findStreams(connections(), query, time, (some) => void rows.push(...some)))
  return { rows, found }
}

test.for<[SortKey, boolean, number]>([
  ["age", true, 10],
  ["idle", false, 16],
  ["messages", true, 17],
  ["legs", false, 1],
  ["held", true, 209],
  ["id", false, 64],
])("pages by %s, descending %s, of %i: each stream once, in order", ([sort, isDescending, limit]) => {
  const all: PlacedRow[] = []
  for (let after: Cursor | null = null; ; ) {
    const { rows, found } = pageOf(sort, isDescending, after, limit)
    expect(found).toEqual({ total: 210, matched: 210 })
    all.push(...rows)
    if (rows.length < limit) break
    after = rows.at(-1)!
  }
  expect(all).toHaveLength(210)
  expect(new Set(all.map(({ row }) => row.id)).size).toBe(210)
  expect(all).toEqual(all.toSorted(inOrder(isDescending)))
})

test("a filter chooses, and a page of none counts", () => {
  const chosen = pageOf("bytes", true, null, 1000, "endpoint:10.0.0.1").rows
  expect(chosen.length).toBeGreaterThan(10)
  expect(new Set(chosen.map(({ row }) => row.endpoint))).toEqual(new Set(["10.0.0.1:1"]))
  const { rows, found } = pageOf("bytes", true, null, 0, "endpoint:10.0.0.1")
  expect(rows).toEqual([])
  expect(found).toEqual({ total: 210, matched: chosen.length })
})

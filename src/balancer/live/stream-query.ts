import type { StreamOwner } from "../../relay/call/stream-owner.ts"
import type { ClientConnection } from "../../relay/downstream/client-connection.ts"
import { Smallest } from "./smallest.ts"
import { type Condition, type FilteredStream, matches } from "./stream-filter.ts"
import { rowOf, type StreamRow, type ThreadTime } from "./stream-row.ts"

/** What a list may be sorted by, smallest first; `-` before it: largest first. */
export const SORT_KEYS = ["age", "idle", "messages", "bytes", "held", "legs", "id"] as const

export type SortKey = (typeof SORT_KEYS)[number]

/** Where a page begins: behind the stream with this key and place, in the order of the list. */
export interface Cursor {
  readonly key: number
  readonly connection: number
  readonly request: number
}

/** Plain data: a page of the list of live streams. */
export interface StreamQuery {
  readonly conditions: readonly Condition[]
  readonly sort: SortKey
  readonly isDescending: boolean
  readonly after: Cursor | null
  readonly limit: number
}

/** A stream's place in a list that several threads answer. */
export interface PlacedRow extends Cursor {
  readonly row: StreamRow
}

export interface StreamsFound {
  /** Streams of the thread, and those of them that match. */
  readonly total: number
  readonly matched: number
}

/** The order of a list. Streams with the same key stand as they began. */
export function inOrder(isDescending: boolean): (one: Cursor, other: Cursor) => number {
  const sign = isDescending ? -1 : 1
  return (one, other) =>
    sign * (one.key - other.key) || one.connection - other.connection || one.request - other.request
}

interface Candidate extends Cursor {
  readonly owner: StreamOwner
  readonly listener: string
}

/** Streams looked at before the clock is. */
const STEP = 16

/**
 * The streams of one thread that belong to a page, in its order; `tell` is given them piece by piece. Yields between pieces
 * of work: streams come and go meanwhile, and one that has ended since is told with its last numbers.
 */
export function* findStreams(
  connections: Iterable<ClientConnection>,
  query: StreamQuery,
  time: () => ThreadTime,
  tell: (rows: PlacedRow[]) => void,
): Generator<void, StreamsFound> {
  const { conditions, sort, isDescending, after, limit } = query
  const order = inOrder(isDescending)
  const page = new Smallest<Candidate>(limit, order)
  let total = 0
  let matched = 0
  let now = time()
  // One for all streams: of a hundred thousand most are not in the page, and none of those is to leave garbage.
  const place = { key: 0, connection: 0, request: 0 }
  let seen: { -readonly [Key in keyof FilteredStream]: FilteredStream[Key] } | null = null
  for (const connection of connections) {
    const { name: listener } = connection.openListener.config
    for (const owner of connection.streams) {
      if (total++ % STEP === 0) {
        yield
        now = time()
      }
      seen ??= { owner, listener, thread: now.thread, nowMs: now.nowMs }
      seen.owner = owner
      seen.listener = listener
      seen.nowMs = now.nowMs
      if (!matches(conditions, seen)) continue
      matched++
      place.key = keyOf(owner, sort, now)
      place.connection = owner.record.connection.id
      place.request = owner.record.requestNumber
      if (after !== null && order(place, after) <= 0) continue
      const { bound } = page
      if (limit > 0 && (bound === undefined || order(place, bound) < 0))
        page.add({ ...place, owner, listener })
    }
  }
  const sorted: Candidate[] = []
  for (let last = page.takeLargest(); last !== undefined; last = page.takeLargest()) {
    sorted.push(last)
    if (sorted.length % STEP === 0) yield
  }
  for (let end = sorted.length; end > 0; end -= STEP) {
    now = time()
    tell(
      sorted
        .slice(Math.max(0, end - STEP), end)
        .reverse()
        .map(({ key, connection, request, owner, listener }) => ({
          key,
          connection,
          request,
          row: rowOf(owner, listener, now),
        })),
    )
    yield
  }
  return { total, matched }
}

/** Of times the moment since 1970 that does not move, negated where less is later: so a cursor stays where it was. */
function keyOf(owner: StreamOwner, sort: SortKey, { startMs }: ThreadTime): number {
  const { record } = owner
  switch (sort) {
    case "age":
      return -(startMs + record.startMs)
    case "idle":
      return -(startMs + record.activeMs)
    case "messages":
      return record.requestMessages + record.responseMessages
    case "bytes":
      return record.requestOctets + record.responseOctets
    case "held":
      return owner.bufferedOctets
    case "legs":
      return record.attempts.length
    case "id":
      return 0
  }
}

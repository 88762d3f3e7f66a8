import type { AnswerPart } from "../../balancer/live/question.ts"
import { parseFilter } from "../../balancer/live/stream-filter.ts"
import {
  type Cursor,
  inOrder,
  type PlacedRow,
  SORT_KEYS,
  type SortKey,
  type StreamQuery,
} from "../../balancer/live/stream-query.ts"
import type { StreamDetail } from "../../balancer/live/stream-row.ts"
import { didYouMean } from "../../config/problem.ts"
import { AdminError } from "./route.ts"
import type { Streams } from "./schema.ts"
import type { ControlView } from "./view.ts"

const LIMIT_DEFAULT = 100
const LIMIT_MAX = 10_000

export const streamsQuery = {
  filter:
    "Conditions with blanks between, all of which must hold: endpoint:10.0.0.3 idle:>5m path:Chat -cluster:chat.",
  sort: `One of ${SORT_KEYS.join(", ")}; with - before it the largest come first. Default: -age.`,
  limit: `Streams of a page. Default: ${LIMIT_DEFAULT}; at most ${LIMIT_MAX}.`,
  after: "The page behind another, by its `next`.",
} as const

/** Errors: throws AdminError in one line. */
export function readStreamQuery(params: URLSearchParams): StreamQuery {
  for (const name of params.keys())
    if (!Object.hasOwn(streamsQuery, name)) {
      const hint = didYouMean(name, Object.keys(streamsQuery))
      throw new AdminError(400, `there is no parameter "${name}"${hint === null ? "" : `; ${hint}`}`)
    }
  const conditions = parseFilter(params.get("filter") ?? "")
  if (typeof conditions === "string") throw new AdminError(400, `filter: ${conditions}`)
  const written = params.get("sort") ?? "-age"
  const sort = written.replace(/^-/, "")
  if (!(SORT_KEYS as readonly string[]).includes(sort))
    throw new AdminError(400, `sort: one of ${SORT_KEYS.join(", ")}, "-" before it for the largest first`)
  const limit = Number(params.get("limit") ?? LIMIT_DEFAULT)
  if (!Number.isInteger(limit) || limit < 0 || limit > LIMIT_MAX)
    throw new AdminError(400, `limit: a whole number from 0 to ${LIMIT_MAX}`)
  const after = params.get("after")
  return {
    conditions,
    sort: sort as SortKey,
    isDescending: written.startsWith("-"),
    after: after === null ? null : readCursor(after),
    limit,
  }
}

function readCursor(text: string): Cursor {
  const [, key, connection, request] = /^(-?\d+)_(\d+)_(\d+)$/.exec(text) ?? []
  if (key === undefined) throw new AdminError(400, "after: must be the `next` of another page")
  return { key: Number(key), connection: Number(connection), request: Number(request) }
}

/** A page of the live streams of all threads. */
export async function streamsOf(view: ControlView, query: StreamQuery, nowMs: number): Promise<Streams> {
  const answers = await view.ask({ kind: "streams", query })
  const rows: PlacedRow[] = []
  let total = 0
  let matched = 0
  let turnMaxMs = 0
  for (const part of answers.flatMap((parts) => parts ?? [])) {
    if (part.kind === "rows") rows.push(...part.rows)
    if (part.kind !== "found") continue
    total += part.found.total
    matched += part.found.matched
    turnMaxMs = Math.max(turnMaxMs, part.turnMaxMs)
  }
  rows.sort(inOrder(query.isDescending))
  const page = rows.slice(0, query.limit)
  const last = page.at(-1)
  const isWhole = rows.length <= query.limit && page.length < query.limit
  return {
    atMs: nowMs,
    isComplete: answers.every((parts) => parts !== null) && answers.length === view.threads.length,
    turnMaxMs,
    total,
    matched,
    streams: page.map(({ row }) => row),
    next: isWhole || last === undefined ? null : `${last.key}_${last.connection}_${last.request}`,
  }
}

/** Errors: throws AdminError when there is no such stream, or no more, and when its thread does not answer. */
export async function streamOf(view: ControlView, id: string): Promise<StreamDetail> {
  const { connection, request, thread } = placeOf(view, id)
  const parts = await view.askOne(thread, { kind: "stream", connection, request })
  // It may live all the same.
  if (parts === null) throw new AdminError(503, `data thread ${thread + 1}, which has ${id}, does not answer`)
  const found = parts.find((part): part is Extract<AnswerPart, { kind: "stream" }> => part.kind === "stream")
  if (found?.stream == null) throw new AdminError(404, `there is no live stream ${id}`)
  return found.stream
}

/** Threads take turns in the sequence of connections: the number says which has it. */
function placeOf(view: ControlView, id: string): { connection: number; request: number; thread: number } {
  const [, connection, request] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? []
  if (connection === undefined || Number(connection) < 1)
    throw new AdminError(400, `"${id}" is no stream's id, as 17-3 is`)
  const thread = (Number(connection) - 1) % view.memory.threads
  return { connection: Number(connection), request: Number(request), thread }
}

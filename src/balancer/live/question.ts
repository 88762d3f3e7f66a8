/** What the control side asks a data thread of what lives in it, and the answers: plain data. */
import type { ClusterSnapshot } from "../status.ts"
import type { PlacedRow, StreamQuery, StreamsFound } from "./stream-query.ts"
import type { StreamDetail } from "./stream-row.ts"

export type Question =
  | { readonly kind: "clusters" }
  | { readonly kind: "streams"; readonly query: StreamQuery }
  | { readonly kind: "stream"; readonly connection: number; readonly request: number }

/** A piece of an answer. Rows come in the order of the list, many pieces of them, before `found`. */
export type AnswerPart =
  | { readonly kind: "clusters"; readonly clusters: readonly ClusterSnapshot[] }
  | { readonly kind: "rows"; readonly rows: readonly PlacedRow[] }
  /** `turnMaxMs`: the longest turn of the thread that the answer took. */
  | { readonly kind: "found"; readonly found: StreamsFound; readonly turnMaxMs: number }
  /** Null: there is none of that number any more. */
  | { readonly kind: "stream"; readonly stream: StreamDetail | null }

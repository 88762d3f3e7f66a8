/** What the clients of the options suite are told, and answer. */
import type { CallRecord, StreamRecord } from "../churn/protocol.ts"

export type ClientCommand =
  /** Opens all streams; answered once each has had an answer. */
  | { do: "start" }
  /** Figures are counted anew from here. */
  | { do: "mark" }
  | { do: "read" }
  /** The longest waits of streams are those from here on. */
  | { do: "watch" }
  /** No more calls, every stream is ended; answered by `ClientReport`. */
  | { do: "finish" }

/** Since the last mark. */
export interface ClientFigures {
  messages: number
  calls: number
  /** Of a message of a stream and its answer, microseconds. */
  medianUs: number
  p99Us: number
  /** Of the clients' process, microseconds. */
  cpuUs: number
  /** Live streams by the number of their backend, counted from 1. */
  live: number[]
  /** Streams that another backend answers than before, at some time so far. */
  moved: number
}

export interface ClientReport {
  streams: StreamRecord[]
  calls: CallRecord[]
  /** Answers that were lost, doubled or out of order, and streams that did not end well at the end. */
  wrong: number
}

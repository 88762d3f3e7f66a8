/** What the processes of the churn suite say to one another. */

export const HEALTH_PATHS = { grpc: "/grpc.health.v1.Health/Check", http: "/healthz" } as const

/** What a backend tells of itself, again and again. */
export interface BackendReport {
  /** Keys of the streams and calls that sent it their first message since the last report. */
  seen: number[]
  /** Messages that came lost, doubled or changed since then. */
  wrong: number
}

/** Milliseconds of a clock that all processes of this machine share. */
export const sharedMs = (): number => Number(process.hrtime.bigint()) / 1e6

export interface LoadOptions {
  port: number
  connections: number
  streams: number
  /** Between two messages of a stream. */
  intervalMs: number
  callsPerSecond: number
  /** A call without an answer for so long is cancelled, and has failed. */
  callTimeoutMs: number
}

export type LoadCommand =
  | ({ do: "start" } & LoadOptions)
  /** From now on what happens is of the case: answered at once. */
  | { do: "mark" }
  /** No more calls; streams are ended as their protocol wants; answered by `LoadReport`. */
  | { do: "finish" }

/** What one long-lived stream went through. */
export interface StreamRecord {
  /** Its backend's number; -1: none has answered. */
  backend: number
  openedMs: number
  /** Null: it lived until the end, and ended as it should. */
  lostMs: number | null
  /** Why it was lost; empty otherwise. */
  reason: string
  /** The longest that a message waited for its echo, or for the stream's loss: before the mark and after it. */
  quietStallMs: number
  stallMs: number
}

/** One short call. */
export interface CallRecord {
  dueMs: number
  backend: number
  /** Null: not answered, or by an error. */
  answeredMs: number | null
  reason: string
}

export interface LoadReport {
  streams: StreamRecord[]
  calls: CallRecord[]
  /** Octets that are not the ones sent, messages doubled, out of order, or missing at a stream's regular end. */
  wrong: number
  firstWrong: string
}

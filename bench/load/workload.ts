import type { Histogram } from "../measure/histogram.ts"
import type { Failures } from "./failures.ts"

/** What one run does. Sent to the generator over IPC. */
export interface WorkloadSpec {
  kind: "bidi" | "unary" | "connect" | "push" | "upload"
  connections: number
  /** Streams (or calls at once) on each connection. */
  streams: number
  /** Payload of one message. */
  octets: number
  /** `peak`: as fast as it goes. `idle`: one message per stream, then silence. A number: so many messages a second. */
  pace: "peak" | "idle" | number
  /** The client speaks TLS 1.3. Default: no. */
  tls?: boolean
  /** Bidi: the backend says that it hands streams off and resumes them. Default: no. */
  continued?: boolean
}

/** One kind of load on one target. */
export interface Workload {
  /** Messages that came through, whole and right. */
  readonly messages: number
  /** Opens everything; resolves when every stream has carried a message and the pace has begun. */
  start(): Promise<void>
  /** Ends every stream as its protocol wants and checks its status; resolves when all are closed. */
  stop(): Promise<void>
}

export interface WorkloadContext {
  port: number
  spec: WorkloadSpec
  failures: Failures
  times: Histogram
}

/** Resolves when `count` has reached zero. */
export class Countdown {
  readonly done: Promise<void>
  #left: number
  #resolve: () => void = () => {}

  constructor(count: number) {
    this.#left = count
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    if (count === 0) this.#resolve()
  }

  step(): void {
    if (--this.#left === 0) this.#resolve()
  }
}

const PATIENCE_MS = 20_000

/** Waits for `promise`, but no longer than 20 s or the first failure: then says `what` did not happen. */
export async function within(promise: Promise<void>, failures: Failures, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const giveUp = new Promise<void>((resolve) => {
    const deadline = Date.now() + PATIENCE_MS
    timer = setInterval(() => {
      if (failures.count > 0) resolve()
      if (Date.now() < deadline) return
      failures.add(`${what} within ${PATIENCE_MS / 1000} s`)
      resolve()
    }, 20)
  })
  await Promise.race([promise, giveUp])
  clearInterval(timer)
}

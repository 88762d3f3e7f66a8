import { ticksToMs } from "../base/clock.ts"
import type { HeaderList } from "../http2/header-list.ts"
import type { RequestHead } from "../http2/message-head.ts"
import type { ContinuityRecord } from "./continuity-record.ts"
import type { AttemptRecord, ConnectionRecord, StreamRecord } from "./record.ts"
import type { RequestState } from "./request-state.ts"
import type { StreamTrace } from "./trace.ts"

const NO_ATTEMPTS: readonly AttemptRecord[] = []

/**
 * The record of a stream as it begins. What the head says is read from the head, which streams of the same request
 * share: a stream that waits for hours should hold little.
 */
export class NewStreamRecord implements StreamRecord {
  readonly connection: ConnectionRecord
  readonly requestNumber: number
  serverName: string
  readonly startMs: number
  requestId = ""
  deadlineMs = 0
  endMs = 0
  /** When octets last came; 0: none have. */
  activeTicks = 0
  /** When the last whole message came, each way; -1: none has, or they are not counted. */
  requestTicks = -1
  responseTicks = -1
  requestOctets = 0
  responseOctets = 0
  requestMessages = 0
  responseMessages = 0
  status = 0
  grpcStatus = -1
  grpcMessage = ""
  responseHeaders: HeaderList | null = null
  responseTrailers: HeaderList | null = null
  resumes = 0
  attemptsTold: number | null = null
  continuity: ContinuityRecord | null = null
  state: RequestState | null = null
  trace: StreamTrace | null = null
  readonly head: RequestHead
  /** Nearly always there is one, and a list of one would be 56 octets more. */
  #attempts: AttemptRecord | AttemptRecord[] | null = null
  #shown: { method: string; path: string } | null = null

  constructor(connection: ConnectionRecord, head: RequestHead, serverName: string, startMs: number) {
    this.connection = connection
    this.requestNumber = connection.requests
    this.serverName = serverName
    this.startMs = startMs
    this.head = head
  }

  get activeMs(): number {
    return Math.max(this.startMs, ticksToMs(this.activeTicks))
  }

  get method(): string {
    return this.#shown?.method ?? this.head.method
  }

  get scheme(): string {
    return this.head.scheme
  }

  get authority(): string {
    return this.head.authority
  }

  get path(): string {
    return this.#shown?.path ?? this.head.path
  }

  get requestHeaders(): HeaderList {
    return this.head.list
  }

  /** A bridge's client asked for something else than the call that became of it. */
  showAs(method: string, path: string): void {
    this.#shown = { method, path }
  }

  get attempts(): readonly AttemptRecord[] {
    if (this.#attempts === null) return NO_ATTEMPTS
    return Array.isArray(this.#attempts) ? this.#attempts : [this.#attempts]
  }

  /** As many as `attempts` has; that makes a list each time. */
  get attemptCount(): number {
    if (this.#attempts === null) return 0
    return Array.isArray(this.#attempts) ? this.#attempts.length : 1
  }

  /** Of a stream that goes on and on: the first attempt and the latest stay, `most` in all. */
  keepAttempts(most: number): void {
    const { attempts } = this
    if (attempts.length <= most) return
    this.#attempts = [attempts[0]!, ...attempts.slice(1 - most)]
    this.trace?.retain(this.#attempts)
  }

  /** Notes one more endpoint tried. */
  addAttempt(attempt: AttemptRecord): void {
    this.#attempts = this.#attempts === null ? attempt : [...this.attempts, attempt]
  }
}

import type { Connection } from "../load/connection.ts"
import type { Fields } from "../load/header-reader.ts"
import { MessageChecker, PREFIX_OCTETS, writeMessage } from "../load/message.ts"
import type { Stream, StreamOwner } from "../load/stream.ts"
import type { StreamRecord } from "./protocol.ts"

const OCTETS = 100
/** A stream whose echoes stay away sends no more until one comes: what waits is bounded. */
const UNANSWERED_MAX = 32
const scratch = Buffer.alloc(PREFIX_OCTETS + OCTETS)

/** What opened a stream wants to hear of it. */
export interface LongStreamOwner {
  /** Whether the case has begun. */
  readonly isMarked: boolean
  nowMs(): number
  /** It ended otherwise than by our half-close and its last echo. */
  streamLost(stream: LongStream): void
  /** It ended as it should. */
  streamEnded(stream: LongStream): void
  wrong(what: string): void
}

/** A long-lived stream of numbered messages, each of which has to come back once and in order. */
export class LongStream implements StreamOwner {
  readonly connection: Connection
  readonly record: StreamRecord
  /** When its next message is due. */
  nextMs = 0
  stream: Stream | null = null
  readonly #owner: LongStreamOwner
  readonly #checker: MessageChecker
  readonly #sentMs = new Float64Array(UNANSWERED_MAX)
  #sent = 0
  #isHalfClosed = false
  #isOver = false

  constructor(owner: LongStreamOwner, connection: Connection, key: number) {
    this.#owner = owner
    this.connection = connection
    this.#checker = new MessageChecker(OCTETS, key, 0)
    const openedMs = owner.nowMs()
    this.record = { backend: -1, openedMs, lostMs: null, reason: "", quietStallMs: 0, stallMs: 0 }
  }

  get isEstablished(): boolean {
    return this.#checker.next > 0
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Sends the next message. */
  fire(nowMs: number): void {
    if (this.#isHalfClosed || this.#isOver || this.#sent - this.#checker.next >= UNANSWERED_MAX) return
    this.#sentMs[this.#sent % UNANSWERED_MAX] = nowMs
    const to = writeMessage(scratch, 0, OCTETS, this.#checker.key, this.#sent++)
    this.connection.send(this.stream!, scratch, 0, to)
  }

  /** What has waited until now counts, whether or not it is answered later. */
  look(nowMs: number): void {
    if (this.#sent > this.#checker.next)
      this.#waited(this.#sentMs[this.#checker.next % UNANSWERED_MAX]!, nowMs)
  }

  halfClose(): void {
    if (this.#isHalfClosed || this.#isOver) return
    this.#isHalfClosed = true
    this.connection.end(this.stream!, "data")
  }

  headers(_stream: Stream, fields: Fields, end: boolean): void {
    if (fields.backend !== "") this.record.backend = Number(fields.backend)
    if (end)
      this.#over(`grpc-status ${fields.grpcStatus || "missing"} ${fields.grpcMessage}`.trimEnd(), fields)
    else if (fields.status !== "200") this.#over(`:status ${fields.status}`, null)
  }

  data(_stream: Stream, octets: Buffer, from: number, to: number, end: boolean): void {
    if (this.#isOver) return
    const before = this.#checker.next
    if (this.#checker.check(octets, from, to) < 0) {
      this.#owner.wrong(`stream ${this.#checker.key}: not echo ${before} came`)
      return this.#over("a wrong echo", null)
    }
    const nowMs = this.#owner.nowMs()
    for (let number = before; number < this.#checker.next; number++)
      this.#waited(this.#sentMs[number % UNANSWERED_MAX]!, nowMs)
    if (end) this.#over("an end without trailers", null)
  }

  reset(_stream: Stream, code: number): void {
    this.#over(`reset with code ${code}`, null)
  }

  lost(reason: string): void {
    this.#over(reason, null)
  }

  #waited(sentMs: number, nowMs: number): void {
    const waitedMs = nowMs - sentMs
    if (this.#owner.isMarked) this.record.stallMs = Math.max(this.record.stallMs, waitedMs)
    else this.record.quietStallMs = Math.max(this.record.quietStallMs, waitedMs)
  }

  #over(how: string, trailers: Fields | null): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#isHalfClosed && trailers?.grpcStatus === "0") {
      if (this.#checker.next !== this.#sent)
        this.#owner.wrong(
          `stream ${this.#checker.key} ended well after ${this.#checker.next} of ${this.#sent} echoes`,
        )
      return this.#owner.streamEnded(this)
    }
    const nowMs = this.#owner.nowMs()
    this.look(nowMs)
    this.record.lostMs = nowMs
    this.record.reason = how
    this.#owner.streamLost(this)
  }
}

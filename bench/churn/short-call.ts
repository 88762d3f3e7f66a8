import type { Connection } from "../load/connection.ts"
import type { Fields } from "../load/header-reader.ts"
import { MessageChecker, PREFIX_OCTETS, writeMessage } from "../load/message.ts"
import type { Stream, StreamOwner } from "../load/stream.ts"
import type { CallRecord } from "./protocol.ts"

const OCTETS = 100
const CANCEL = 8
const scratch = Buffer.alloc(PREFIX_OCTETS + OCTETS)

/** One message each way. */
export class ShortCall implements StreamOwner {
  readonly record: CallRecord
  #isOver = false
  #stream: Stream | null = null
  readonly #connection: Connection
  readonly #checker: MessageChecker
  readonly #nowMs: () => number

  constructor(connection: Connection, key: number, nowMs: () => number) {
    this.#connection = connection
    this.#checker = new MessageChecker(OCTETS, key, 0)
    this.#nowMs = nowMs
    this.record = { dueMs: nowMs(), backend: -1, answeredMs: null, reason: "" }
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** `stream` was opened for this call. */
  begin(stream: Stream): void {
    this.#stream = stream
    const to = writeMessage(scratch, 0, OCTETS, this.#checker.key, 0)
    this.#connection.send(stream, scratch, 0, to)
    this.#connection.end(stream, "data")
  }

  headers(_stream: Stream, fields: Fields, end: boolean): void {
    if (fields.backend !== "") this.record.backend = Number(fields.backend)
    if (!end && fields.status !== "200") this.#fail(`:status ${fields.status}`)
    else if (end && (fields.grpcStatus !== "0" || this.#checker.next !== 1))
      this.#fail(`grpc-status ${fields.grpcStatus || "missing"} ${fields.grpcMessage}`.trimEnd())
    else if (end) this.#answered()
  }

  data(_stream: Stream, octets: Buffer, from: number, to: number, end: boolean): void {
    if (this.#checker.check(octets, from, to) < 0) this.#fail("a wrong answer")
    else if (end) this.#fail("an end without trailers")
  }

  reset(_stream: Stream, code: number): void {
    this.#fail(`reset with code ${code}`)
  }

  lost(reason: string): void {
    this.#fail(reason)
  }

  giveUp(): void {
    if (this.#isOver) return
    this.#fail("no answer in time")
    this.#connection.reset(this.#stream!, CANCEL)
  }

  #answered(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.record.answeredMs = this.#nowMs()
  }

  #fail(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.record.reason = reason
  }
}

import { type Client, type ClientDuplexStream, Metadata } from "@grpc/grpc-js"
import { type StreamRecord, sharedMs } from "../churn/protocol.ts"
import { asItIs, ECHO_PATH } from "./service.ts"

const OCTETS = 100
/** A stream whose answers stay away sends no more until one comes. */
const UNANSWERED_MAX = 32

/** What opened a stream wants to hear of it. */
export interface EchoOwner {
  /** Whether what was to be looked at has begun. */
  readonly isMarked: boolean
  answered(delayMs: number): void
  /** It is over; `isWell`: by its half-close, with every answer. */
  ended(stream: EchoStream, isWell: boolean): void
}

/** A long-lived stream of numbered messages, each of which has to come back once and in order. */
export class EchoStream {
  readonly record: StreamRecord
  wrong = 0
  moves = 0
  isOver = false
  readonly #owner: EchoOwner
  readonly #call: ClientDuplexStream<Buffer, Buffer>
  readonly #sentMs = new Float64Array(UNANSWERED_MAX)
  #sent = 0
  #answered = 0
  #isHalfClosed = false

  constructor(client: Client, owner: EchoOwner) {
    this.#owner = owner
    this.record = { backend: -1, openedMs: sharedMs(), lostMs: null, reason: "", quietStallMs: 0, stallMs: 0 }
    this.#call = client.makeBidiStreamRequest(ECHO_PATH, asItIs, asItIs, new Metadata())
    this.#call.on("data", (message: Buffer) => this.#take(message))
    this.#call.on("error", () => {})
    this.#call.on("status", ({ code, details }) => this.#end(code, details))
  }

  get isEstablished(): boolean {
    return this.#answered > 0
  }

  fire(): void {
    if (this.isOver || this.#isHalfClosed || this.#sent - this.#answered >= UNANSWERED_MAX) return
    const message = Buffer.alloc(OCTETS)
    message.writeUInt32BE(this.#sent)
    this.#sentMs[this.#sent++ % UNANSWERED_MAX] = sharedMs()
    this.#call.write(message)
  }

  halfClose(): void {
    this.#isHalfClosed = true
    this.#call.end()
  }

  #take(message: Buffer): void {
    const backend = message[0]!
    if (message.length !== OCTETS + 1 || message.readUInt32BE(1) !== this.#answered) this.wrong++
    const delayMs = sharedMs() - this.#sentMs[this.#answered++ % UNANSWERED_MAX]!
    if (this.record.backend >= 0 && this.record.backend !== backend) this.moves++
    this.record.backend = backend
    this.#waited(delayMs)
    this.#owner.answered(delayMs)
  }

  #waited(ms: number): void {
    const { record } = this
    if (this.#owner.isMarked) record.stallMs = Math.max(record.stallMs, ms)
    else record.quietStallMs = Math.max(record.quietStallMs, ms)
  }

  #end(code: number, details: string): void {
    this.isOver = true
    const isWell = this.#isHalfClosed && code === 0 && this.#answered === this.#sent
    if (!isWell) {
      this.record.lostMs = sharedMs()
      this.record.reason = `status ${code} ${details}`.trimEnd()
      if (this.#sent > this.#answered)
        this.#waited(sharedMs() - this.#sentMs[this.#answered % UNANSWERED_MAX]!)
    }
    this.#owner.ended(this, isWell)
  }
}

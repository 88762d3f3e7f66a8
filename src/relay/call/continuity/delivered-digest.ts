import { createHash, type Hash } from "node:crypto"
import { MessageCutter } from "../../../grpc/message-cutter.ts"
import type { ResponseSink } from "./whole-messages.ts"

const ALGORITHM = "sha256"

/**
 * A running hash of all that the client is given, for mode `replay`: a leg that is sent all requests again must first say
 * the same once more, octet for octet, which the client is not given. Cost: the hash, and a view for each piece.
 */
export class DeliveredDigest implements ResponseSink {
  readonly #sink: ResponseSink
  readonly #delivered = createHash(ALGORITHM)
  /** Of what the present leg says again; null: it has said all of that, or does not repeat any. */
  #repeated: Hash | null = null
  readonly #cutter = new MessageCutter()
  /** Messages that it has to say again. */
  #messages = 0

  constructor(sink: ResponseSink) {
    this.#sink = sink
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    this.#delivered.update(octets.subarray(start, end))
    return this.#sink.sendData(octets, start, end, endStream)
  }

  /** A leg begins that says the first `messages` again, which are all that the client has; 0: none. */
  begin(messages: number): void {
    this.#messages = messages
    this.#repeated = messages === 0 ? null : createHash(ALGORITHM)
    this.#cutter.whole = 0
    this.#cutter.restart()
  }

  /** Messages that are still to be said again. */
  get messagesLeft(): number {
    return this.#repeated === null ? 0 : this.#messages - this.#cutter.whole
  }

  /** Takes what is said again off the front of `start..end`: where the rest begins; -1: it is not the same. */
  take(octets: Buffer, start: number, end: number): number {
    const repeated = this.#repeated
    if (repeated === null || start === end) return start
    const cut = this.#cutter.scan(octets, start, end, this.messagesLeft)
    const isAll = this.messagesLeft === 0
    const to = isAll ? cut : end
    repeated.update(octets.subarray(start, to))
    if (!isAll) return to
    this.#repeated = null
    return repeated.digest().equals(this.#delivered.copy().digest()) ? to : -1
  }
}

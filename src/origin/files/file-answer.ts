import type { Readable } from "node:stream"
import { HeaderList } from "../../http2/header-list.ts"
import { failure } from "../../record/failure.ts"
import type { Answer, AnsweredCall, ContentHandler } from "../../relay/route/route.ts"

/** Octets that wait for the client, at most, before no more is read. */
const QUEUED_OCTETS_MAX = 131_072

/** A whole head without a body. */
export function headOnly(fields: readonly string[]): ContentHandler {
  return {
    kind: "content",
    answer(call) {
      call.sendAnswerHead(new HeaderList(fields), true)
      return { onSent() {}, cancel() {} }
    },
  }
}

/** What is open, from its first octet to its last. */
export function fileContent(fields: readonly string[], octets: number, file: Readable): ContentHandler {
  return { kind: "content", answer: (call) => new FileAnswer(call, fields, octets, file) }
}

/** Reads as the client takes: no more than a slice beyond what may wait for it. */
class FileAnswer implements Answer {
  readonly #call: AnsweredCall
  readonly #file: Readable
  #octetsLeft: number

  constructor(call: AnsweredCall, fields: readonly string[], octets: number, file: Readable) {
    this.#call = call
    this.#file = file
    this.#octetsLeft = octets
    call.sendAnswerHead(new HeaderList(fields), false)
    file.on("data", (chunk) => this.#send(chunk as Buffer))
    file.on("end", () => this.#cutShort("it is shorter than it was"))
    file.on("error", ({ message }) => this.#cutShort(message))
  }

  onSent(): void {
    if (this.#call.queuedOctets < QUEUED_OCTETS_MAX / 2 && this.#file.isPaused()) this.#file.resume()
  }

  cancel(): void {
    this.#octetsLeft = 0
    this.#file.destroy()
  }

  #send(chunk: Buffer): void {
    if (this.#octetsLeft === 0) return
    const end = Math.min(chunk.length, this.#octetsLeft)
    this.#octetsLeft -= end
    const isWhole = this.#octetsLeft === 0
    if (isWhole) this.#file.destroy()
    this.#call.sendAnswerData(chunk, 0, end, isWhole)
    if (!isWhole && this.#call.queuedOctets >= QUEUED_OCTETS_MAX) this.#file.pause()
  }

  #cutShort(why: string): void {
    if (this.#octetsLeft === 0) return
    this.#octetsLeft = 0
    this.#call.fail(failure("internal", `a file could not be read to its end: ${why}`))
  }
}

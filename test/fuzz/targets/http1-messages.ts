import assert from "node:assert/strict"
import { seededRandom } from "../../../src/base/random.ts"
import { BodyReader } from "../../../src/http1/body-reader.ts"
import { readFraming } from "../../../src/http1/framing.ts"
import { isToken } from "../../../src/http1/grammar.ts"
import { HeadReader } from "../../../src/http1/head-reader.ts"
import { fieldLines, writeChunk, writeLastChunk } from "../../../src/http1/writer.ts"
import { Output } from "../../../src/http2/output.ts"
import { randomly } from "../../support/memory-link.ts"
import type { Target } from "../engine/target.ts"

const BOUNDS = { octetsMax: 512, fieldsMax: 16 }
const IS_REQUEST = 0x80

interface Message {
  readonly startLine: string
  readonly fields: readonly string[]
  body: string
  trailers: readonly string[] | null
}

interface Outcome {
  readonly messages: Message[]
  fault: string | null
}

/** Messages one after the other; one that has neither a length nor chunks has no body where `isRequest`, else the rest. */
class MessageReader {
  readonly outcome: Outcome = { messages: [], fault: null }
  readonly #head: HeadReader
  readonly #body = new BodyReader(BOUNDS)
  readonly #isRequest: boolean

  constructor(isRequest: boolean) {
    this.#isRequest = isRequest
    this.#head = new HeadReader({ bounds: BOUNDS, startLineProblem: () => null, skipsEmptyLines: isRequest })
  }

  read(octets: Buffer): void {
    let at = 0
    while (at < octets.length && this.outcome.fault === null)
      at = this.#body.isWhole
        ? this.#readHead(octets, at, octets.length)
        : this.#readBody(octets, at, octets.length)
  }

  #readHead(octets: Buffer, start: number, end: number): number {
    const head = this.#head
    const at = head.read(octets, start, end)
    if (head.fault !== null) this.outcome.fault = head.fault.reason
    if (!head.isWhole) return at
    assert(head.octets <= BOUNDS.octetsMax && head.fields.length <= 2 * BOUNDS.fieldsMax, "beyond its bounds")
    const { startLine, fields } = head
    checkFields(fields)
    head.reset()
    const framing = readFraming(fields)
    if (typeof framing === "string") this.outcome.fault = framing
    else {
      this.outcome.messages.push({ startLine, fields, body: "", trailers: null })
      if (framing.isChunked) this.#body.beginChunked()
      else if (framing.contentLength >= 0) this.#body.beginLength(framing.contentLength)
      else if (this.#isRequest) this.#body.beginLength(0)
      else this.#body.beginUntilClose()
    }
    return at
  }

  #readBody(octets: Buffer, start: number, end: number): number {
    const body = this.#body
    const message = this.outcome.messages.at(-1)!
    const at = body.read(octets, start, end)
    message.body += octets.toString("latin1", body.pieceStart, body.pieceEnd)
    if (body.trailers !== null) checkFields(body.trailers)
    if (body.isWhole) message.trailers = body.trailers
    this.outcome.fault = body.fault
    return at
  }
}

function checkFields(fields: readonly string[]): void {
  for (let i = 0; i < fields.length; i += 2) {
    assert(isToken(fields[i]!) && fields[i] === fields[i]!.toLowerCase(), "a name that is none")
    assert(
      /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/.test(fields[i + 1]!),
      "a value that is none",
    )
  }
}

function readAs(isRequest: boolean, pieces: Iterable<Buffer>): Outcome {
  const reader = new MessageReader(isRequest)
  for (const piece of pieces) reader.read(piece)
  return reader.outcome
}

/** In chunks, as we write it. */
function written({ startLine, fields, body, trailers }: Message): Buffer {
  const output = new Output({ onOutput: () => {}, onMuchOutput: () => {} })
  const own = fields.flatMap((name, i) =>
    i % 2 > 0 || /^(content-length|transfer-encoding)$/.test(name) ? [] : [name, fields[i + 1]!],
  )
  output.text(`${startLine}\r\n${fieldLines(own)}transfer-encoding: chunked\r\n\r\n`)
  writeChunk(output, Buffer.from(body, "latin1"), 0, body.length)
  writeLastChunk(output, trailers ?? [])
  return Buffer.concat(output.take().map(({ buffer, length }) => buffer.subarray(0, length)))
}

/**
 * Messages of HTTP/1.1 are the same ones however the reads are cut; what was read and is written again is read as the same.
 */
export const http1Messages: Target = {
  steps: { base: 5000, perOctet: 500 },
  words: [
    ...[
      "GET / HTTP/1.1\r\n",
      "HTTP/1.1 200 OK\r\n",
      "content-length: 5\r\n",
      "transfer-encoding: chunked\r\n",
    ],
    ...["\r\n\r\n", "5\r\nhello\r\n", "0\r\n\r\n", ";a=b\r\n", "0\r\nx: 1\r\n\r\n", "\n", "\r", "\0", " : "],
  ],
  *seeds() {
    const messages = [
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: 1\r\n b\r\n\r\n",
      "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
    ]
    for (const message of messages)
      for (const how of [3, IS_REQUEST | 1]) yield Buffer.concat([Buffer.from([how]), Buffer.from(message)])
  },
  run(input) {
    const how = input[0] ?? 0
    const isRequest = (how & IS_REQUEST) !== 0
    const octets = input.subarray(1)
    const whole = readAs(isRequest, [octets])
    const cut = randomly(seededRandom(how), 1 + 2 * (how & 0x3f))(octets)
    assert.deepEqual(readAs(isRequest, cut), whole, "other reads, other messages")
    const last = whole.messages.at(-1)
    if (last === undefined) return
    const again = readAs(isRequest, [written(last)])
    const [message] = again.messages
    if (again.fault !== null) return assert.match(again.fault, /more than/, "what was written is malformed")
    assert.equal(message!.body, last.body)
    assert.deepEqual(message!.trailers, last.trailers)
  },
}

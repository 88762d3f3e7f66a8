import type { Limits } from "../../base/limits.ts"
import { BodyReader } from "../../http1/body-reader.ts"
import { type Framing, readFraming } from "../../http1/framing.ts"
import { HeadReader } from "../../http1/head-reader.ts"
import type { ResponseHead } from "../../http2/message-head.ts"
import { connectionOptions, originHead, switchHead } from "./response.ts"

const NO_OCTETS = Buffer.alloc(0)
const NO_CONTENT = 204
const NOT_MODIFIED = 304
const SWITCHING = 101

/** What a response is told to, as it is read. Octets are valid during the call only. */
export interface ResponseEvents {
  /** A status below 200 that is not the last. */
  onInterim(head: ResponseHead): void
  /** `isLast`: it has no body. */
  onHead(head: ResponseHead, isLast: boolean): void
  /** From here on all octets are of another protocol, as long as the connection is there. */
  onSwitch(head: ResponseHead): void
  onBody(octets: Buffer, start: number, end: number, isLast: boolean): void
  /** In place of the body's last octets. */
  onTrailers(fields: readonly string[]): void
  onMalformed(reason: string): void
}

/** How the request was, which decides what its response may be. */
export interface Expected {
  readonly isHead: boolean
  /** It asks for another protocol. */
  readonly maySwitch: boolean
}

/** Reads the responses that come over one connection, each once it is expected, as octets come. */
export class ResponseReader {
  /** It has been read to its end, or no further. */
  isOver = true
  /** Its end was told by itself, nothing came behind it, and the backend keeps the connection. */
  isReusable = false
  readonly #head: HeadReader
  readonly #body: BodyReader
  #events!: ResponseEvents
  #expected!: Expected
  #isInBody = false
  #isSwitched = false
  #keepsAlive = false
  /** Backends say the same for as long as a second. */
  #last: Meaning | null = null

  constructor({ http1HeadOctets, responseFieldsMax }: Limits) {
    const bounds = { octetsMax: http1HeadOctets, fieldsMax: responseFieldsMax }
    this.#head = new HeadReader({ bounds, startLineProblem, skipsEmptyLines: true, remembersLast: true })
    this.#body = new BodyReader(bounds)
  }

  expect(expected: Expected, events: ResponseEvents): void {
    this.#expected = expected
    this.#events = events
    this.isOver = false
    this.isReusable = false
    this.#isInBody = false
    this.#isSwitched = false
  }

  /** No more of it is wanted. */
  stop(): void {
    this.isOver = true
  }

  read(octets: Buffer, start: number, end: number): void {
    let at = start
    while (at < end && !this.isOver) {
      if (this.#isSwitched) return this.#events.onBody(octets, at, end, false)
      at = this.#isInBody ? this.#readBody(octets, at, end) : this.#readHead(octets, at, end)
    }
  }

  /** The backend has ended. False: the response is cut short. */
  ended(): boolean {
    if (this.isOver) return true
    if (!this.#isSwitched && !(this.#isInBody && this.#body.ended())) return false
    this.isOver = true
    this.#events.onBody(NO_OCTETS, 0, 0, true)
    return true
  }

  #malformed(reason: string): void {
    this.isOver = true
    this.#events.onMalformed(reason)
  }

  #readHead(octets: Buffer, start: number, end: number): number {
    const head = this.#head
    const at = head.read(octets, start, end)
    if (head.fault !== null) this.#malformed(head.fault.reason)
    else if (head.isWhole) {
      const { startLine, fields } = head
      head.reset()
      const isSame = this.#last?.fields === fields && this.#last.startLine === startLine
      const meaning = isSame ? this.#last! : meaningOf(startLine, fields)
      if (typeof meaning === "string") this.#malformed(meaning)
      else this.#headRead((this.#last = meaning), at === end)
    }
    return at
  }

  #headRead({ status, head, fields, framing, upgrade, keepsAlive }: Meaning, isAll: boolean): void {
    if (status === SWITCHING) return this.#switch(fields, upgrade)
    const { contentLength, isChunked } = framing
    const hasBody = isChunked || contentLength > 0
    if (status < 200) {
      if (hasBody) return this.#malformed("an interim response has a body")
      return this.#events.onInterim(head)
    }
    this.#isInBody = true
    // What the backend may yet send for a body that is none would be taken for the next response.
    const { isHead } = this.#expected
    this.#keepsAlive = keepsAlive && (isBodiless(status) ? !hasBody : !isHead || contentLength === 0)
    const isLast = isHead || isBodiless(status) || contentLength === 0
    if (isLast) this.#over(isAll)
    this.#events.onHead(head, isLast)
    if (this.isOver) return
    if (isChunked) this.#body.beginChunked()
    else if (contentLength > 0) this.#body.beginLength(contentLength)
    else this.#body.beginUntilClose()
  }

  #over(isAll: boolean): void {
    this.isOver = true
    this.isReusable = this.#keepsAlive && isAll
  }

  #switch(fields: readonly string[], upgrade: string): void {
    if (!this.#expected.maySwitch) return this.#malformed("it switches protocols, which was not asked for")
    if (upgrade === "") return this.#malformed("it switches protocols without saying to which")
    this.#isSwitched = true
    this.#events.onSwitch(switchHead(fields, upgrade))
  }

  #readBody(octets: Buffer, start: number, end: number): number {
    const body = this.#body
    const at = body.read(octets, start, end)
    const { pieceStart, pieceEnd, trailers } = body
    const isLast = body.isWhole && trailers === null
    if (body.isWhole) this.#over(at === end)
    if (pieceEnd > pieceStart || isLast) this.#events.onBody(octets, pieceStart, pieceEnd, isLast)
    if (body.fault !== null && !this.isOver) this.#malformed(body.fault)
    else if (body.isWhole && trailers !== null) this.#events.onTrailers(trailers)
    return at
  }
}

/** What a head says, whatever it answers. */
interface Meaning {
  readonly startLine: string
  readonly fields: readonly string[]
  readonly status: number
  readonly head: ResponseHead
  readonly framing: Framing
  readonly upgrade: string
  readonly keepsAlive: boolean
}

/** A string says why it is malformed. */
function meaningOf(startLine: string, fields: readonly string[]): Meaning | string {
  const framing = readFraming(fields)
  if (typeof framing === "string") return framing
  // What is taken off on the way cannot be passed on as something else: RFC 9112 §6.1.
  if (framing.hasUnknownCoding) return "of transfer codings chunked alone is known"
  const status = statusOf(startLine)
  const { closes, keepsAlive, upgrade } = connectionOptions(fields)
  return {
    startLine,
    fields,
    status,
    head: originHead(status, fields, framing.contentLength),
    framing,
    upgrade,
    keepsAlive: !closes && (!isOld(startLine) || keepsAlive),
  }
}

function isBodiless(status: number): boolean {
  return status === NO_CONTENT || status === NOT_MODIFIED
}

/** RFC 9112 §4, and of HTTP/2.0 what some say that mean HTTP/1.1. The reason may be missing with its space. */
const STATUS_LINE = /^HTTP\/(?:1\.[01]|2\.0) [1-9]\d\d(?: |$)/

function startLineProblem(line: string): string | null {
  return STATUS_LINE.test(line) ? null : `its first line is ${JSON.stringify(line.slice(0, 40))}`
}

const STATUS_AT = "HTTP/1.1 ".length

function statusOf(startLine: string): number {
  return Number(startLine.slice(STATUS_AT, STATUS_AT + 3))
}

/** HTTP/1.0: the connection ends with the response unless it says otherwise. */
function isOld(startLine: string): boolean {
  return startLine.startsWith("HTTP/1.0")
}

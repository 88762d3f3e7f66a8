import { BodyReader } from "../../http1/body-reader.ts"
import { type HeadFault, HeadReader, type HeadReaderOptions } from "../../http1/head-reader.ts"
import { OctetQueue, type OctetSink } from "../../http2/octet-queue.ts"

/** What is told of requests as they are read. */
export interface RequestEvents {
  /** The answer to the request before is whole, so that another may be looked at. */
  readonly mayBeginRequest: boolean
  onHeadBegun(): void
  /** Calls `beginBody` where the request has one, and `stop` where it is the last. */
  onHead(startLine: string, fields: readonly string[]): void
  /** Nothing behind it can be read. `fields`: those before it. */
  onHeadFault(fault: HeadFault, startLine: string, fields: readonly string[]): void
  /** `start..end` of the body, perhaps none of it; `isEnd`: its last. Valid during the call. */
  onBody(octets: Buffer, start: number, end: number, isEnd: boolean): void
  /** Nothing behind it can be read. */
  onBodyFault(reason: string): void
  /** Calls back in this turn of the event loop, from no one else's call. */
  later(run: () => void): void
  /** What it held it holds no more. */
  resumeReading(): void
}

/**
 * The requests that a client sends on one connection, one after the other: the next is looked at once the one before is over.
 * What comes before that waits in one queue.
 */
export class RequestInput {
  /** A head has been read whose body has not come to its end. */
  isInBody = false
  readonly #head: HeadReader
  readonly #options: HeadReaderOptions
  readonly #events: RequestEvents
  /** Made for the first request that has one. */
  #body: BodyReader | null = null
  #ahead: OctetQueue | null = null
  #isHeld = false
  #isStopped = false
  #isReading = false
  #isPumpDue = false
  /** Takes all that comes behind a switch of protocols. */
  #sink: OctetSink | null = null

  constructor(options: HeadReaderOptions, events: RequestEvents) {
    this.#options = options
    this.#head = new HeadReader(options)
    this.#events = events
  }

  /**
   * It wants no more octets for now. A head's worth of the requests behind is taken all the same, so that a client is heard
   * that goes.
   */
  get isFull(): boolean {
    const ahead = this.#ahead
    return ahead !== null && (this.#isHeld || ahead.length >= this.#options.bounds.octetsMax)
  }

  /** Of a body in chunks the last has come, and the end has not. */
  get isInTrailers(): boolean {
    return this.isInBody && this.#body!.isInTrailers
  }

  /** Something came that is not looked at yet. */
  get hasAhead(): boolean {
    return this.#ahead !== null
  }

  /** Read, and not looked at or not whole. */
  get heldOctets(): number {
    return (this.#ahead?.capacity ?? 0) + this.#head.octets + (this.#body?.heldOctets ?? 0)
  }

  /** Octets came; what is not looked at yet is copied. */
  receive(octets: Buffer, start: number, end: number): void {
    const at = this.#ahead === null ? this.#read(octets, start, end) : start
    if (at === end) return
    if (this.#sink !== null) return this.#sink(octets, at, end)
    if (this.#isStopped) return
    this.#ahead ??= OctetQueue.obtain()
    this.#ahead.push(octets, at, end)
    this.#ahead.settle()
  }

  /** Octets, -1: chunks. */
  beginBody(contentLength: number): void {
    this.#body ??= new BodyReader(this.#options.bounds)
    if (contentLength < 0) this.#body.beginChunked()
    else this.#body.beginLength(contentLength)
    this.isInBody = true
  }

  /** Looks at nothing until `release`. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.goOn()
  }

  /** To be called when something has changed for which it waited. */
  goOn(): void {
    if (this.#ahead === null || this.#isPumpDue || this.#isReading || !this.#mayRead) return
    this.#isPumpDue = true
    this.#events.later(() => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  /** Throws away what else comes: nothing it could say is answered. It is read, so that no reset follows. */
  stop(): void {
    this.#isStopped = true
    this.#dropAhead()
  }

  /** All that comes behind what was read is `sink`'s. */
  passOn(sink: OctetSink): void {
    this.#sink = sink
    this.#head.forget()
  }

  get #mayRead(): boolean {
    if (this.#isStopped || this.#isHeld || this.#sink !== null) return false
    return this.isInBody || this.#events.mayBeginRequest
  }

  /** Reads for as long as it may. Returns where it stopped. */
  #read(octets: Buffer, start: number, end: number): number {
    let at = start
    this.#isReading = true
    while (at < end && this.#mayRead)
      at = this.isInBody ? this.#readBody(octets, at, end) : this.#readHead(octets, at, end)
    this.#isReading = false
    return at
  }

  #readHead(octets: Buffer, start: number, end: number): number {
    const head = this.#head
    if (head.octets === 0) this.#events.onHeadBegun()
    const at = head.read(octets, start, end)
    const { fault, isWhole, startLine, fields } = head
    if (fault !== null) this.#events.onHeadFault(fault, startLine, fields)
    else if (isWhole) {
      head.reset()
      this.#events.onHead(startLine, fields)
    }
    return at
  }

  #readBody(octets: Buffer, start: number, end: number): number {
    const body = this.#body!
    const at = body.read(octets, start, end)
    const { fault, isWhole, pieceStart, pieceEnd } = body
    if (isWhole) {
      this.isInBody = false
      // A request's trailers go nowhere.
      body.dropTrailers()
    }
    if (fault !== null) this.#events.onBodyFault(fault)
    else if (isWhole || pieceEnd > pieceStart) this.#events.onBody(octets, pieceStart, pieceEnd, isWhole)
    return at
  }

  #pump(): void {
    while (this.#ahead !== null && this.#mayRead) {
      const ahead = this.#ahead
      const { buffer, start, headLength } = ahead
      const used = this.#read(buffer, start, start + headLength) - start
      if (this.#ahead !== ahead) return
      ahead.drop(used)
      if (this.#sink !== null) ahead.each(this.#sink)
      if (this.#sink !== null || ahead.length === 0) this.#dropAhead()
    }
    if (this.#ahead !== null && !this.isFull) this.#events.resumeReading()
  }

  #dropAhead(): void {
    const ahead = this.#ahead
    if (ahead === null) return
    this.#ahead = null
    ahead.recycle()
    this.#events.resumeReading()
  }
}

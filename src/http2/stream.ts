import type { HeaderList } from "./header-list.ts"
import type { OctetQueue } from "./octet-queue.ts"

/** What a stream asks of the half that sends. */
export interface StreamSender<Owner> {
  readonly peer: { readonly maxHeaderListSize: number }
  headers(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): void
  data(stream: Http2Stream<Owner>, octets: Buffer, start: number, end: number, endStream: boolean): number
  forget(stream: Http2Stream<Owner>): void
}

/** What a stream asks of the streams of its connection. */
export interface StreamHost<Owner> {
  readonly sender: StreamSender<Owner>
  consume(stream: Http2Stream<Owner>, octets: number): void
  resetStream(stream: Http2Stream<Owner>, code: number): void
  endEarly(stream: Http2Stream<Owner>): void
  chargePeer(): void
}

/** What has become of a stream, in one number: a field for each would be 48 octets more, of the 160 that it had. */
const LOCAL_ENDED = 1
const REMOTE_ENDED = 2
const CLOSED = 4
const HEAD_RECEIVED = 8
const IS_HEAD = 16
const QUEUED_END = 32
/** From here on a count. */
const INTERIM_RESPONSE = 64

/**
 * One stream of a connection. The state of RFC 9113 §5.1 is the pair of half-closes plus `isClosed`; "idle" streams
 * have no object.
 *
 * All of it is plain fields, made once: there may be a hundred thousand.
 */
export class Http2Stream<Owner> {
  readonly id: number
  readonly host: StreamHost<Owner>
  /** The handler of this stream; the connection does not look at it. */
  owner: Owner | null = null
  #state = 0
  /** Credit to send DATA; below zero after the peer lowered SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.9.2). */
  sendWindow: number
  /** Credit the peer has left. As plain numbers: a `ReceiveWindow` would be one more object a stream. */
  receiveOctets: number
  /** Octets taken that the peer has no credit for yet. */
  owedOctets = 0
  /** What still has to come to match content-length; -1 when it was not said. */
  contentLengthLeft = -1
  /** Octets that wait for credit, then END_STREAM or trailers behind them. */
  queue: OctetQueue | null = null
  queuedTrailers: HeaderList | null = null
  /** Whole milliseconds: a fraction would cost an object. */
  readonly openedMs: number

  constructor(host: StreamHost<Owner>, id: number, sendWindow: number, receiveWindow: number, nowMs: number) {
    this.host = host
    this.id = id
    this.sendWindow = sendWindow
    this.receiveOctets = receiveWindow
    this.openedMs = Math.floor(nowMs)
  }

  /** We have sent END_STREAM, or it waits behind queued octets. */
  get localEnded(): boolean {
    return (this.#state & LOCAL_ENDED) !== 0
  }

  set localEnded(is: boolean) {
    this.#state = withBit(this.#state, LOCAL_ENDED, is)
  }

  /** The peer has sent END_STREAM. */
  get remoteEnded(): boolean {
    return (this.#state & REMOTE_ENDED) !== 0
  }

  set remoteEnded(is: boolean) {
    this.#state = withBit(this.#state, REMOTE_ENDED, is)
  }

  /** Both halves have ended, or one RST_STREAM has. Nothing may be sent any more. */
  get isClosed(): boolean {
    return (this.#state & CLOSED) !== 0
  }

  set isClosed(is: boolean) {
    this.#state = withBit(this.#state, CLOSED, is)
  }

  /** The final head of the peer's message has come. */
  get headReceived(): boolean {
    return (this.#state & HEAD_RECEIVED) !== 0
  }

  set headReceived(is: boolean) {
    this.#state = withBit(this.#state, HEAD_RECEIVED, is)
  }

  /** Octets of the largest header list that the peer says it takes: RFC 9113 §6.5.2. */
  get headerListMax(): number {
    return this.host.sender.peer.maxHeaderListSize
  }

  /** Request method HEAD: the response says a length and sends nothing. */
  get isHead(): boolean {
    return (this.#state & IS_HEAD) !== 0
  }

  set isHead(is: boolean) {
    this.#state = withBit(this.#state, IS_HEAD, is)
  }

  /** END_STREAM follows the queued octets. */
  get queuedEnd(): boolean {
    return (this.#state & QUEUED_END) !== 0
  }

  set queuedEnd(is: boolean) {
    this.#state = withBit(this.#state, QUEUED_END, is)
  }

  /** A response below 200 came; returns how many there were by now. */
  countInterimResponse(): number {
    this.#state += INTERIM_RESPONSE
    return Math.floor(this.#state / INTERIM_RESPONSE)
  }

  /** Sends a head, or trailers where `endStream` closes what a head began. Trailers wait behind queued octets. */
  sendHeaders(list: HeaderList, endStream: boolean): void {
    if (!this.isClosed && !this.localEnded) this.host.sender.headers(this, list, endStream)
  }

  /**
   * Sends DATA as far as credit and the socket allow and queues the rest.
   * Returns how many octets were taken now; `onSent` tells of the others.
   */
  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    if (this.isClosed || this.localEnded) return end - start
    return this.host.sender.data(this, octets, start, end, endStream)
  }

  /** Gives the peer credit for octets that were taken. */
  consume(octets: number): void {
    if (!this.isClosed && !this.remoteEnded) this.host.consume(this, octets)
  }

  /** Ends both halves at once. No event follows. Does nothing on a closed stream. */
  reset(code: number): void {
    if (!this.isClosed) this.host.resetStream(this, code)
  }

  /**
   * Ends both halves, our rest unsent. Where the peer has said all, by END_STREAM: servers count resets, and end
   * connections for too many. Not for a message whose content-length was said: it would be malformed.
   */
  endEarly(): void {
    if (!this.isClosed) this.host.endEarly(this)
  }

  /** The request is one that no honest client sends: it counts against its connection. */
  chargePeer(): void {
    this.host.chargePeer()
  }

  /** Throws away what waits to be sent, with the END_STREAM or trailers behind it. Something must be sent in its place. */
  discardQueued(): void {
    if (this.queue === null) return
    this.host.sender.forget(this)
    this.queuedEnd = false
    this.localEnded = false
  }

  /** DATA that waits, and trailers behind it. */
  get queuedOctets(): number {
    if (this.queue === null) return 0
    return this.queue.length + (this.queuedTrailers === null ? 0 : this.queuedTrailers.octets)
  }
}

/** No private method: those cost each object 8 octets. */
function withBit(state: number, bit: number, is: boolean): number {
  return is ? state | bit : state & ~bit
}

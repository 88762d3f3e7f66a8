import type { Http2Connection } from "./connection.ts"
import type { HeaderList } from "./header-list.ts"
import type { OctetQueue } from "./octet-queue.ts"

/**
 * One stream of a connection. The state of RFC 9113 §5.1 is the pair of half-closes plus `isClosed`; "idle" streams
 * have no object.
 *
 * All of it is plain fields, made once: there may be a hundred thousand.
 */
export class Http2Stream<Owner> {
  readonly id: number
  readonly connection: Http2Connection<Owner>
  /** Whoever handles this stream; the connection does not look at it. */
  owner: Owner | null = null
  /** We have sent END_STREAM, or it waits behind queued octets. */
  localEnded = false
  /** The peer has sent END_STREAM. */
  remoteEnded = false
  /** Both halves have ended, or one RST_STREAM has. Nothing may be sent any more. */
  isClosed = false
  /** The final head of the peer's message has come. */
  headReceived = false
  /** Responses below 200 that came before the final one. */
  interimResponses = 0
  /** Request method HEAD: the response says a length and sends nothing. */
  isHead = false
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
  queuedEnd = false
  queuedTrailers: HeaderList | null = null
  readonly openedMs: number

  constructor(
    connection: Http2Connection<Owner>,
    id: number,
    sendWindow: number,
    receiveWindow: number,
    nowMs: number,
  ) {
    this.connection = connection
    this.id = id
    this.sendWindow = sendWindow
    this.receiveOctets = receiveWindow
    this.openedMs = nowMs
  }

  /** Sends a head, or trailers where `endStream` closes what a head began. Trailers wait behind queued octets. */
  sendHeaders(list: HeaderList, endStream: boolean): void {
    if (!this.isClosed && !this.localEnded) this.connection.sender.headers(this, list, endStream)
  }

  /**
   * Sends DATA as far as credit and the socket allow and queues the rest.
   * Returns how many octets were taken now; `onTaken` tells of the others.
   */
  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    if (this.isClosed || this.localEnded) return end - start
    return this.connection.sender.data(this, octets, start, end, endStream)
  }

  /** Gives the peer credit for octets that were taken. */
  consume(octets: number): void {
    if (!this.isClosed && !this.remoteEnded) this.connection.consume(this, octets)
  }

  /** Ends both halves at once. No event follows. Does nothing on a closed stream. */
  reset(code: number): void {
    if (!this.isClosed) this.connection.resetStream(this, code)
  }

  /** Throws away what waits to be sent, with the END_STREAM or trailers behind it. Something must be sent in its place. */
  discardQueued(): void {
    if (this.queue === null) return
    this.connection.sender.forget(this)
    this.queuedEnd = false
    this.queuedTrailers = null
    this.localEnded = false
  }

  get queuedOctets(): number {
    return this.queue === null ? 0 : this.queue.length
  }
}

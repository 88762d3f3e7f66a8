import type { Socket } from "node:net"
import type { Clock, Timer } from "../../base/clock.ts"
import type { Limits } from "../../base/limits.ts"
import { VERSION } from "../../base/version.ts"
import { framedMessage } from "../../grpc/framed-message.ts"
import { isGrpcContentType, parseGrpcStatus } from "../../grpc/status.ts"
import { Http2Connection } from "../../http2/connection.ts"
import { errorCodeName, type Fault } from "../../http2/error-code.ts"
import type { ConnectionEvents, StreamEnd } from "../../http2/events.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { ResponseHead } from "../../http2/message-head.ts"
import type { Http2Stream } from "../../http2/stream.ts"
import type { Link, LinkUser } from "../../net/link.ts"
import type { OnOctets } from "../../net/shared-read.ts"
import { WholeMessages } from "./whole-messages.ts"

export interface AdsConnectionOptions {
  readonly limits: Limits
  readonly clock: Clock
  /** `/package.Service/Method`. */
  readonly path: string
  readonly authority: string
  readonly isTls: boolean
  dial(onOctets: OnOctets): Socket
  link(socket: Socket): Link
  /** The stream is open: what is sent goes out. */
  onOpen(): void
  /** Whole messages come one by one: the next once `done` was called. */
  onMessage(octets: Buffer, done: () => void): void
  /** A message was larger than the limit; `onEnd` follows. */
  onTooLarge(octets: number): void
  /** Once. */
  onEnd(reason: string): void
}

type Stream = Http2Stream<null>

/** A control plane that is there says so: its kernel may go on without it. */
const KEEPALIVE_MS = 30_000
const KEEPALIVE_TIMEOUT_MS = 10_000
/** For the connection, TLS and SETTINGS. */
const CONNECT_TIMEOUT_MS = 10_000

/** A connection to the control plane, and the one stream on it. */
export class AdsConnection implements ConnectionEvents<null>, LinkUser {
  readonly #options: AdsConnectionOptions
  readonly #http2: Http2Connection<null>
  readonly #link: Link
  readonly #messages: WholeMessages
  #stream: Stream | null = null
  #timer: Timer
  #isOver = false
  /** A message is being looked at: what comes meanwhile waits, and so does its credit. */
  #isBusy = false
  #withheldOctets = 0

  constructor(options: AdsConnectionOptions) {
    const { limits, clock } = options
    this.#options = options
    this.#messages = new WholeMessages(limits.controlPlaneMessageOctets)
    this.#http2 = new Http2Connection<null>({ role: "client", limits, events: this, nowMs: clock.now() })
    const socket = options.dial((octets, length) => this.#link.received(octets, 0, length))
    this.#link = options.link(socket)
    this.#link.use(this)
    this.#http2.start()
    this.#timer = clock.after(CONNECT_TIMEOUT_MS, () => this.#fail("it does not answer as an HTTP/2 server"))
  }

  send(message: Uint8Array): void {
    if (this.#stream === null || this.#isOver) return
    const framed = framedMessage(message)
    this.#stream.sendData(framed, 0, framed.length, false)
  }

  /** Ends it; nothing is told any more. */
  close(): void {
    this.#isOver = true
    this.#timer.cancel()
    this.#http2.drain("no longer needed")
    this.#link.end(this.#options.limits.drainTimeoutMs)
  }

  #fail(reason: string): void {
    if (this.#isOver) return
    this.close()
    this.#options.onEnd(reason)
  }

  #open(): void {
    const { authority, isTls, path } = this.#options
    const fields = [":method", "POST", ":scheme", isTls ? "https" : "http", ":path", path]
    fields.push(":authority", authority, "te", "trailers", "content-type", "application/grpc")
    fields.push("user-agent", `sluice/${VERSION}`)
    this.#stream = this.#http2.open(new HeaderList(fields), false, false, null)
    this.#ping()
    this.#options.onOpen()
  }

  #ping(): void {
    const { clock } = this.#options
    this.#timer.cancel()
    this.#timer = clock.after(KEEPALIVE_MS, () => {
      this.#http2.ping()
      this.#timer = clock.after(KEEPALIVE_TIMEOUT_MS, () => this.#fail("it does not answer a PING"))
    })
  }

  /** The messages that are whole, one after the other. */
  #deliver(): void {
    while (!this.#isBusy && !this.#isOver) {
      const message = this.#messages.next()
      if (message === null) break
      if (typeof message !== "string") {
        this.#isBusy = true
        this.#options.onMessage(message, () => this.#done())
        continue
      }
      const { tooLargeOctets } = this.#messages
      if (tooLargeOctets > 0) this.#options.onTooLarge(tooLargeOctets)
      return this.#fail(message)
    }
    if (this.#isBusy || this.#isOver || this.#withheldOctets === 0) return
    const octets = this.#withheldOctets
    this.#withheldOctets = 0
    this.#stream!.consume(octets)
  }

  #done(): void {
    this.#isBusy = false
    this.#deliver()
  }

  // ---- LinkUser -----------------------------------------------------------------------------------------------

  get output() {
    return this.#http2.output
  }

  get shouldPauseReading(): boolean {
    return this.#http2.shouldPauseReading
  }

  receive(octets: Buffer, start: number, end: number): void {
    this.#http2.receive(octets, start, end, this.#options.clock.now())
  }

  receiveEnd(reason: string): void {
    this.#http2.receiveEnd(reason)
  }

  drained(): void {
    this.#http2.drained()
  }

  // ---- ConnectionEvents ---------------------------------------------------------------------------------------

  onSettings(): void {
    if (this.#stream === null && !this.#isOver) this.#open()
  }

  onResponse(_stream: Stream, { status, list }: ResponseHead, endStream: boolean): void {
    if (status !== 200) return this.#fail(`it answers with HTTP status ${status}`)
    if (endStream) this.onTrailers(_stream, list)
    else if (!isGrpcContentType(list.get("content-type"))) this.#fail("it answers, and not in gRPC")
  }

  onData(_stream: Stream, octets: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#isOver) return
    this.#messages.push(octets.subarray(start, end))
    this.#withheldOctets += end - start
    this.#deliver()
    if (endStream) this.#fail("the stream ended without a grpc-status")
  }

  onTrailers(_stream: Stream, trailers: HeaderList): void {
    const status = trailers.get("grpc-status")
    const message = trailers.get("grpc-message") ?? ""
    if (status === undefined) return this.#fail("the stream ended without a grpc-status")
    const code = parseGrpcStatus(status)
    this.#fail(code === 0 ? "it ended the stream" : `grpc-status ${code}${message && `: ${shown(message)}`}`)
  }

  onReset(_stream: Stream, { code, origin, reason }: StreamEnd): void {
    this.#fail(origin === "peer" ? `RST_STREAM (${errorCodeName(code)})` : reason)
  }

  onEnd(_fault: Fault | null): void {
    this.#link.end(this.#options.limits.drainTimeoutMs)
    this.#timer.cancel()
    if (this.#isOver) return
    this.#isOver = true
    this.#options.onEnd(this.#http2.ending.reason)
  }

  onOutput(): void {
    // Before the constructor is through there is no link yet.
    this.#link?.schedule()
  }

  onMuchOutput(): void {
    this.#link.flush()
  }

  onQueueExceeded(): void {
    this.#fail("it does not take what it is sent")
  }

  onGoaway(): void {
    // Its stream goes on, and ends when it likes: then all is asked anew elsewhere.
  }

  onPong(): void {
    if (!this.#isOver) this.#ping()
  }

  onRequest(): void {}
  onRefusedRequest(): void {}
  onRequestFault(): void {}
  onInformational(): void {}
  onSent(): void {}
  onLimit(): void {}
}

function shown(message: string): string {
  return message.slice(0, 200)
}

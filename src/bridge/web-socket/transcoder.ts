import { counterIds } from "../../base/counters.ts"
import { Keepalive } from "../../base/keepalive.ts"
import type { BridgeConfig } from "../../config/model.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { guarded } from "../../log/guarded.ts"
import { failure } from "../../record/failure.ts"
import { CreditGate } from "../shared/credit-gate.ts"
import { messageTooLarge } from "../shared/message-limits.ts"
import { Transcoder, type TranscoderOptions } from "../shared/transcoder.ts"
import type { BridgeSocket } from "./bridge-socket.ts"

/** Pages cannot ping, so Sluice does; who does not answer is gone. */
const PING = { intervalMs: 30_000, timeoutMs: 20_000 }
const MESSAGE_TOO_BIG = 1009
const SWITCHING_PROTOCOLS = 101

/** What a call must know of the connection under its WebSocket. */
export interface MessageSource {
  /** Octets of memory held, and charged: messages of the client's that are not whole, and the last it has not taken. */
  readonly heldOctets: number
  /** Lets go of them, and of all messages that follow. */
  discard(): void
}

export interface WebSocketTranscoderOptions extends TranscoderOptions {
  socket: BridgeSocket
  /** Under the socket. */
  source: MessageSource
  /** The handshake's own method and path, for the log. */
  handshakePath: string
  /** Called once, when both halves are over. */
  onOver: (call: WebSocketTranscoder) => void
}

/** A call that holds a WebSocket of its own. Subclasses say what its messages mean. */
export abstract class WebSocketTranscoder extends Transcoder {
  isClosed = false
  protected readonly socket: BridgeSocket
  readonly #bridge: BridgeConfig
  readonly #source: MessageSource
  readonly #onOver: (call: WebSocketTranscoder) => void
  readonly #keepalive: Keepalive
  readonly #responseGate = new CreditGate()
  /** Request octets given to the call and not yet taken. */
  #unconsumed = 0
  /** `ws` closes the socket by itself, with its own code. */
  #isJudged = false
  /** Of the Close that goes out once the last message is taken; 0: there is none to send. */
  #closeCode = 0
  /** The client's half-close is not waited for any more. */
  #isRequestOver = false
  /** Octets waited for the client at the last tick. */
  #hadWaiting = false

  constructor(options: WebSocketTranscoderOptions) {
    super(options)
    const { socket } = options
    this.socket = socket
    this.#bridge = options.route.settings.bridge
    this.#source = options.source
    this.#onOver = options.onOver
    this.#keepalive = new Keepalive(PING, options.context.clock.now())
    this.record.showAs("GET", options.handshakePath)
    this.record.status = SWITCHING_PROTOCOLS
    socket.onClosing = this.guard((code) =>
      code === null ? this.#gone("the client closed the WebSocket") : this.#onVerdict(code),
    )
    const gone = this.guard(() => this.#gone("the client's connection was lost"))
    socket.on("close", gone)
    const received = this.guard((message: Buffer, isBinary: boolean) => {
      this.#heard()
      if (!this.isClosed && !this.localEnded) this.receive(message, isBinary)
    })
    socket.on("message", (data, isBinary) => received(data as Buffer, isBinary))
    for (const event of ["ping", "pong"] as const) socket.on(event, () => this.#heard())
  }

  /** A callback whose bugs end this WebSocket alone. */
  protected guard<Given extends unknown[]>(run: (...given: Given) => void): (...given: Given) => void {
    return guarded(this.context, () => this.socket.terminate(), run)
  }

  // ---- What a subclass does -------------------------------------------------------------------------------------

  protected abstract receive(message: Buffer, isBinary: boolean): void

  /** Length-prefixed messages for the backend. */
  protected forward(octets: Buffer, start: number, end: number, endStream: boolean): void {
    if (endStream) this.remoteEnded = true
    this.#unconsumed += end - start
    this.call.onRequestData(octets, start, end, endStream)
    if (this.#unconsumed >= this.context.limits.streamWindowOctets) this.socket.pause()
    this.#closeIfOver()
  }

  consume(octets: number): void {
    this.#unconsumed -= octets
    if (this.socket.isPaused && this.#unconsumed < this.context.limits.streamWindowOctets / 2)
      this.socket.resume()
  }

  /** Sends one WebSocket message. */
  protected write(message: string | Buffer): void {
    const octets = typeof message === "string" ? Buffer.byteLength(message) : message.length
    this.#responseGate.passed(octets)
    this.context.budget.add(octets)
    this.socket.send(
      message,
      this.guard((error?: Error | null) => this.#sent(octets, !(error instanceof Error))),
    )
  }

  /** `octets` of the backend's have been written. Returns how many of them were taken now. */
  protected written(octets: number): number {
    return this.#responseGate.received(octets)
  }

  /** After the last message, which may wait long for a slow page; `ws` gives it little time from its Close on. */
  protected closeSocket(code: number): void {
    this.record.status = SWITCHING_PROTOCOLS
    if (!this.#isJudged) this.#closeCode = code
    // What else the client says is not listened to, but its answers to pings are.
    this.#source.discard()
    if (this.socket.isPaused) this.socket.resume()
    this.#closeIfOver()
  }

  // ---- DownstreamStream -----------------------------------------------------------------------------------------

  get queuedOctets(): number {
    return this.#responseGate.outstanding
  }

  override get bufferedOctets(): number {
    return super.bufferedOctets + this.#source.heldOctets
  }

  /** What waits are whole messages in the socket, which goes with them. */
  discardQueued(): void {
    if (this.queuedOctets > 0) this.socket.terminate()
  }

  protected end(): void {
    this.#isRequestOver = true
    this.#closeIfOver()
  }

  onRequestData(): void {}
  onRequestTrailers(_list: HeaderList): void {}
  onDownstreamSent(): void {}

  // ---- Time -----------------------------------------------------------------------------------------------------

  tick(nowMs: number): void {
    if (this.isClosed) return
    this.#hadWaiting = this.queuedOctets > 0
    const wish = this.#keepalive.check(nowMs, true, this.socket.isPaused)
    if (wish === "ping") this.socket.ping()
    if (wish !== "dead") return
    this.context.counters.add(counterIds.ping_timeout)
    this.socket.terminate()
    this.#gone("no answer to a ping")
  }

  #heard(): void {
    this.#keepalive.received(this.context.clock.now())
  }

  // ---- Endings --------------------------------------------------------------------------------------------------

  #sent(octets: number, isTaken: boolean): void {
    this.context.budget.add(-octets)
    const due = this.#responseGate.taken(octets)
    if (this.isClosed) return
    // A ping waits behind data, so a page that reads need not have come to it. The kernel takes data for one that is
    // gone too, but not when more of it had to wait.
    if (isTaken && this.#hadWaiting) this.#heard()
    this.call.onDownstreamSent(due)
    this.#closeIfOver()
  }

  /** `ws` found fault with what came; the client gets its status before the Close. */
  #onVerdict(code: number): void {
    if (this.isClosed || this.localEnded) return
    this.#isJudged = true
    if (code === MESSAGE_TOO_BIG)
      this.fail(messageTooLarge(this.context, this.#bridge, this.record, "a WebSocket message"))
    else this.fail(failure("bad_request", `the WebSocket's framing is wrong (${code})`))
  }

  #gone(reason: string): void {
    if (this.isClosed) return
    this.#close()
    this.call.onDownstreamReset({
      code: ErrorCode.CANCEL,
      origin: "connection",
      unprocessed: false,
      reason,
    })
  }

  #closeIfOver(): void {
    if (this.isClosed || !this.localEnded || this.queuedOctets > 0) return
    if (this.#closeCode > 0) this.socket.finish(this.#closeCode)
    this.#closeCode = 0
    if (this.remoteEnded || this.#isRequestOver) this.#close()
  }

  #close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.held.release()
    this.#source.discard()
    // A held-back socket would never see the answer to its Close.
    if (this.socket.isPaused) this.socket.resume()
    this.#onOver(this)
  }
}

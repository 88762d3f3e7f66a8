import { type CounterName, counterIds } from "../../base/counters.ts"
import { type Deadline, makeDeadline } from "../../base/timer-wheel.ts"
import type { Output } from "../../http2/output.ts"
import { LogOnce } from "../../log/log-once.ts"
import type { LinkUser } from "../../net/link.ts"
import { failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { StreamOwner } from "../../relay/call/stream-owner.ts"
import type { ClientConnection } from "../../relay/downstream/client-connection.ts"
import type { DownstreamOptions } from "../../relay/downstream/downstream.ts"
import { headerTimeoutMsOf } from "../../relay/downstream/listener-limits.ts"
import type { OpenListener } from "../../relay/downstream/listener-view.ts"
import { HeldOctets } from "../../relay/overload/held-octets.ts"
import type { Http1Socket } from "../http1/socket.ts"
import { MessageAssembler } from "./message-assembler.ts"
import type { MessageSource } from "./transcoder.ts"

/** A stream owner that wants to know the time, once a second. */
interface Ticking {
  tick(nowMs: number): void
}

/**
 * libuv reads up to 2 MiB of a socket before it looks at the next, and no window bounds what a page sends: 200 of them with
 * half a message each would be half a second for all others.
 */
const REST_OCTETS = 131_072
/** Most that a first message may be which has to be a request's headers: beyond that it is not even read. */
const OPENING_HEADS = 4

/** A client's connection from its handshake for a WebSocket on, in place of the one that served HTTP/1: one call. */
export class WebSocketConnection implements ClientConnection, LinkUser, MessageSource {
  place = -1
  readonly record: ConnectionRecord
  readonly streams = new Set<StreamOwner & Ticking>()
  readonly output: Output
  readonly options: DownstreamOptions
  readonly #socket: Http1Socket
  readonly #logOnce: LogOnce
  readonly #assembler: MessageAssembler
  readonly #held: HeldOctets
  /** Set while the process holds too much: nothing is read until the largest were reset. */
  readonly #room: Deadline
  /** Read from now on until others have their turn. */
  #octetsToRest = REST_OCTETS
  #isClosed = false
  /** When the handshake was over, until the call begins; then -1. */
  #openingSinceMs: number

  constructor(options: DownstreamOptions, socket: Http1Socket) {
    const { context, record, link } = options
    this.options = options
    this.record = record
    this.#socket = socket
    this.output = socket.output
    this.#openingSinceMs = context.clock.now()
    this.#logOnce = new LogOnce(context.log, { client: `${record.remoteAddress}:${record.remotePort}` })
    this.#held = new HeldOctets(context.budget)
    this.#room = makeDeadline(() => this.#waitForRoom())
    this.#assembler = new MessageAssembler({
      maxOctets: OPENING_HEADS * context.limits.http1HeadOctets,
      onHeld: (octets) => this.#onHeld(octets),
      onTooLarge: () => {
        if (this.#openingSinceMs >= 0) this.onLimit("http1_head_too_large")
      },
    })
    socket.framing = this.#assembler
    link.use(this)
  }

  // ---- LinkUser -----------------------------------------------------------------------------------------------

  get shouldPauseReading(): boolean {
    return this.#socket.isFull
  }

  receive(octets: Buffer, start: number, end: number): void {
    this.#socket.receive(octets, start, end)
    this.#octetsToRest -= end - start
    if (this.#octetsToRest > 0) return
    this.#octetsToRest = REST_OCTETS
    this.#socket.stopReading()
    setImmediate(() => {
      if (this.#room.slot < 0) this.#socket.resumeReading()
    })
  }

  receiveEnd(_reason: string): void {
    this.#close()
  }

  drained(): void {
    this.#socket.drained()
  }

  // ---- MessageSource ------------------------------------------------------------------------------------------

  get heldOctets(): number {
    return this.#held.octets + this.#socket.heldOctets
  }

  discard(): void {
    this.#assembler.discard()
  }

  /** Messages have no window: 400 clients can send 2 MiB each in one turn of the event loop. */
  #onHeld(octets: number): void {
    this.#held.add(octets)
    if (octets > 0 && this.options.context.budget.excess > 0 && this.#room.slot < 0) this.#waitForRoom()
  }

  #waitForRoom(): void {
    const { budget, deadlines } = this.options.context
    if (budget.excess > 0 && !this.#isClosed) {
      this.#socket.stopReading()
      deadlines.set(this.#room, 0)
    } else this.#socket.resumeReading()
  }

  // ---- The call -----------------------------------------------------------------------------------------------

  /** The request is whole. `messageOctetsMax`: the largest message from here on. */
  opened(call: StreamOwner & Ticking, messageOctetsMax: number): void {
    this.#openingSinceMs = -1
    this.#assembler.maxOctets = messageOctetsMax
    this.streams.add(call)
  }

  ended(call: StreamOwner & Ticking): void {
    this.streams.delete(call)
  }

  onLimit(counter: CounterName): void {
    this.options.context.counters.add(counterIds[counter])
    this.#logOnce.warn(counter, `limit reached: ${counter}`)
  }

  // ---- Time and ending ----------------------------------------------------------------------------------------

  tick(nowMs: number): void {
    const { context, listener } = this.options
    for (const call of this.streams) call.tick(nowMs)
    // `ws` sees to it that a WebSocket whose call is over ends.
    if (this.#openingSinceMs < 0) return
    if (nowMs - this.#openingSinceMs <= headerTimeoutMsOf(listener, context.limits)) return
    this.onLimit("header_block_timeout")
    this.#socket.destroy()
  }

  /** A call ends by itself; a WebSocket without one ends at once. */
  drain(): void {
    if (this.streams.size === 0) this.#socket.end()
  }

  /** The Close goes out behind the call's status, and ends the connection. */
  abort(reason: string): void {
    if (this.streams.size === 0) this.#socket.end()
    for (const call of [...this.streams]) call.fail(failure("shutdown", reason))
  }

  cut(): void {
    this.#socket.destroy()
  }

  get openListener(): OpenListener {
    return this.options.openListener
  }

  get overflowOctets(): number {
    return this.streams.size === 0 ? this.heldOctets : 0
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.destroy()
    this.#assembler.discard()
    this.#held.release()
    this.options.context.deadlines.cancel(this.#room)
    this.options.onClosed(this)
  }
}

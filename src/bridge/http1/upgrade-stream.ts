import { isFieldValue } from "../../http1/grammar.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { guarded } from "../../log/guarded.ts"
import type { DownstreamStream, StreamOwner } from "../../relay/call/stream-owner.ts"
import type { DownstreamContext } from "../../relay/downstream/downstream-context.ts"
import { HeldOctets } from "../../relay/overload/held-octets.ts"
import { statusLine } from "./response-head.ts"
import type { Http1Socket } from "./socket.ts"

const NO_OCTETS = Buffer.alloc(0)

export interface UpgradeStreamOptions {
  socket: Http1Socket
  context: DownstreamContext
  isHead: boolean
  /** The connection is over, or ends behind what was written. */
  onClosed: () => void
}

/**
 * A request that asks for another protocol, and what follows: once the backend has switched, octets as they come, both
 * ways. Any other answer is the last on its connection.
 */
export class UpgradeStream implements DownstreamStream {
  /** Set before `begin`. */
  owner: StreamOwner | null = null
  isClosed = false
  localEnded = false
  /** Until the backend switches there is nothing but the head. */
  remoteEnded = true
  queuedOctets = 0
  readonly headerListMax = Number.POSITIVE_INFINITY
  readonly #socket: Http1Socket
  readonly #context: DownstreamContext
  readonly #isHead: boolean
  readonly #onClosed: () => void
  /** Written, and not yet taken by the kernel. */
  readonly #held: HeldOctets
  #unconsumed = 0
  #isHolding = false
  #isHeadSent = false

  constructor({ socket, context, isHead, onClosed }: UpgradeStreamOptions) {
    this.#socket = socket
    this.#context = context
    this.#isHead = isHead
    this.#onClosed = onClosed
    this.#held = new HeldOctets(context.budget)
    socket.once(
      "close",
      this.#guard(() => this.#gone()),
    )
  }

  /** The backend has switched: reads what follows the head, once the call that tells so is through. */
  #switch(): void {
    this.remoteEnded = false
    queueMicrotask(
      this.#guard(() => {
        if (this.isClosed) return
        this.#socket.on(
          "data",
          this.#guard((octets: Buffer) => this.#receive(octets)),
        )
        this.#socket.resume()
      }),
    )
  }

  // ---- DownstreamStream ---------------------------------------------------------------------------------------

  sendHeaders(list: HeaderList, endStream: boolean): void {
    if (this.isClosed || this.localEnded) return
    const status = Number(list.get(":status"))
    // Trailers have no place behind a body that ends with its connection.
    if (!this.#isHeadSent && status !== 100) this.#writeHead(list, status)
    if (endStream) this.#end()
  }

  #writeHead({ fields }: HeaderList, status: number): void {
    this.#isHeadSent = status >= 200 || status === 101
    let text = statusLine(status)
    if (status >= 200) text += "connection: close\r\n"
    for (let i = 0; i < fields.length; i += 2)
      if (!fields[i]!.startsWith(":") && isFieldValue(fields[i + 1]!))
        text += `${fields[i]}: ${fields[i + 1]}\r\n`
    this.#write(Buffer.from(`${text}\r\n`, "latin1"), 0)
    if (status === 101) this.#switch()
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    const length = end - start
    if (this.isClosed || this.localEnded || this.#isHead) {
      if (endStream) this.#end()
      return length
    }
    if (length > 0) {
      this.queuedOctets += length
      this.#held.add(length)
      this.#write(Buffer.from(octets.subarray(start, end)), length)
    }
    if (endStream) this.#end()
    return 0
  }

  #write(octets: Buffer, counted: number): void {
    this.#socket.write(
      octets,
      this.#guard((error?: Error | null) => {
        if (!error && counted > 0) this.#taken(counted)
      }),
    )
  }

  #taken(octets: number): void {
    this.queuedOctets -= octets
    this.#held.add(-octets)
    if (this.isClosed) return
    this.#closeIfOver()
    this.owner!.onDownstreamSent(octets)
  }

  discardQueued(): void {
    if (this.queuedOctets > 0) this.reset(ErrorCode.CANCEL)
  }

  consume(octets: number): void {
    this.#unconsumed -= octets
    if (!this.#isHolding || this.#unconsumed >= this.#context.limits.streamWindowOctets / 2) return
    this.#isHolding = false
    this.#socket.release()
  }

  chargePeer(): void {}

  reset(_code: number): void {
    if (this.isClosed) return
    this.#close()
    if (this.#isHeadSent) this.#socket.abortOutput()
    else this.#socket.destroy()
  }

  // ---- From the client ----------------------------------------------------------------------------------------

  #receive(octets: Buffer): void {
    if (this.isClosed) return
    this.#unconsumed += octets.length
    this.owner!.onRequestData(octets, 0, octets.length, false)
    if (this.isClosed || this.#isHolding || this.#unconsumed < this.#context.limits.streamWindowOctets) return
    this.#isHolding = true
    this.#socket.hold()
  }

  #gone(): void {
    this.#held.release()
    if (this.isClosed) return
    this.#close()
    this.owner!.onDownstreamReset({
      code: ErrorCode.CANCEL,
      origin: "connection",
      unprocessed: false,
      reason: "the client closed the connection",
    })
  }

  // ---- Endings ------------------------------------------------------------------------------------------------

  /** The backend's side is over, and with it the whole, as in nginx. */
  #end(): void {
    this.localEnded = true
    this.#socket.end()
    if (!this.remoteEnded) {
      this.remoteEnded = true
      this.owner!.onRequestData(NO_OCTETS, 0, 0, true)
    }
    this.#closeIfOver()
  }

  #closeIfOver(): void {
    if (this.localEnded && this.queuedOctets === 0) this.#close()
  }

  #close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#held.release()
    this.#onClosed()
  }

  #guard<Given extends unknown[]>(run: (...given: Given) => void): (...given: Given) => void {
    return guarded(this.#context, () => this.#socket.destroy(), run)
  }
}

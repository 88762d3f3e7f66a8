import { Setting } from "../../../src/http2/frame/settings.ts"
import { Flag, FrameType } from "../../../src/http2/frame/types.ts"
import type { WireTap } from "../network/virtual-link.ts"
import { type Rule, Violation } from "../violation.ts"
import { DrainWatch } from "./drain-watch.ts"
import { type Frame, FrameScanner } from "./frame-scanner.ts"

/** One stream as its connection's observer knows it. */
interface ObservedStream {
  /** What the balancer may still send. */
  credit: number
  balancerEnded: boolean
  peerEnded: boolean
  balancerReset: boolean
  peerReset: boolean
  /** Octets of DATA, padding included, that the balancer has read. */
  readOctets: number
  /** Credit the balancer gave for them. */
  returnedOctets: number
}

/** What the peer asked for and the balancer has not acknowledged yet. */
type SettingsEntries = readonly (readonly [id: number, value: number])[]

export interface WireObserverOptions {
  name: string
  /** The balancer's role on this connection. */
  role: "server" | "client"
  /** What it adds to the connection window at the start. */
  connectionRaiseOctets: number
  /** How long a drain waits for the answer to its PING. */
  drainTimeoutMs: number
  /** From then on it need not wait: its own grace is over. */
  mayEndAtOnceFromMs(): number
  now(): number
  /** Told of a broken rule: what is thrown here goes through the balancer, which may catch it. */
  onViolation(violation: Violation): void
  /** Each frame, for the story. Null: none is read. */
  onFrame: ((name: string, fromBalancer: boolean, frame: Frame) => void) | null
}

/**
 * Watches one connection at the balancer's end and holds the balancer to RFC 9113, by counting of its own: what it may
 * send follows from what it has read, and what it gives back from what it was sent. A setting of the peer counts from
 * the acknowledgement on, credit from when it was read; so nothing right is ever blamed.
 */
export class WireObserver implements WireTap {
  readonly #name: string
  readonly #isClient: boolean
  readonly #connectionRaise: number
  readonly #onViolation: WireObserverOptions["onViolation"]
  readonly #onFrame: WireObserverOptions["onFrame"]
  readonly #streams = new Map<number, ObservedStream>()
  readonly #fromBalancer: FrameScanner
  readonly #fromPeer: FrameScanner
  /** The peer's frames that the balancer has not read to their end. */
  readonly #coming: { readonly endOffset: number; readonly apply: () => void }[] = []
  readonly #unacknowledged: SettingsEntries[] = []
  readonly #pings: string[] = []
  readonly #drain: DrainWatch
  #readOffset = 0
  #isForgiven = false
  #credit = 65_535
  #initialWindow = 65_535
  #maxFrame = 16_384
  #maxStreams = Number.POSITIVE_INFINITY
  #streamsOpen = 0
  #lastOpened = 0
  #lastGoaway = Number.POSITIVE_INFINITY
  #blockOf = 0
  #readOctets = 0
  #returnedOctets = 0

  constructor(options: WireObserverOptions) {
    this.#name = options.name
    this.#isClient = options.role === "client"
    this.#connectionRaise = options.connectionRaiseOctets
    this.#onViolation = (violation) => options.onViolation(violation)
    this.#onFrame = options.onFrame
    this.#drain = new DrainWatch(options)
    this.#fromBalancer = new FrameScanner(this.#isClient, (frame) => this.#sent(frame))
    this.#fromPeer = new FrameScanner(!this.#isClient, (frame, endOffset) => this.#comes(frame, endOffset))
  }

  /** The peer breaks the protocol from here on: what the balancer makes of it has no rule. */
  forgive(): void {
    this.#isForgiven = true
  }

  /** DATA of the peer's that the balancer has read and given no credit for. */
  get owedOctets(): number {
    return this.#readOctets - this.#returnedOctets
  }

  // ---- WireTap ------------------------------------------------------------------------------------------------

  onWritten(octets: Buffer): void {
    if (!this.#isForgiven) this.#fromBalancer.read(octets)
  }

  onPeerWritten(octets: Buffer): void {
    if (!this.#isForgiven) this.#fromPeer.read(octets)
  }

  onRead(octets: number): void {
    this.#readOffset += octets
    while (this.#coming.length > 0 && this.#coming[0]!.endOffset <= this.#readOffset)
      this.#coming.shift()!.apply()
  }

  onMisuse(what: string): void {
    this.#fail("socket misuse", what)
  }

  #fail(rule: Rule, detail: string): never {
    const violation = new Violation(rule, `${this.#name}: ${detail}`)
    this.#onViolation(violation)
    throw violation
  }

  // ---- From the balancer --------------------------------------------------------------------------------------

  #sent(frame: Frame): void {
    this.#onFrame?.(this.#name, true, frame)
    const { type, flags, id, length } = frame
    if (length > this.#maxFrame)
      this.#fail("frame order", `a frame of ${length} octets, allowed are ${this.#maxFrame}`)
    if (this.#blockOf !== 0 && (type !== FrameType.CONTINUATION || id !== this.#blockOf))
      this.#fail("frame order", `a header block of stream ${this.#blockOf} was interrupted`)
    switch (type) {
      case FrameType.HEADERS:
        this.#sentHeaders(id, (flags & Flag.END_STREAM) !== 0)
        this.#blockOf = (flags & Flag.END_HEADERS) === 0 ? id : 0
        return
      case FrameType.CONTINUATION:
        if (this.#blockOf === 0) this.#fail("frame order", "CONTINUATION without HEADERS")
        if ((flags & Flag.END_HEADERS) !== 0) this.#blockOf = 0
        return
      case FrameType.DATA:
        return this.#sentData(id, length, (flags & Flag.END_STREAM) !== 0)
      case FrameType.RST_STREAM:
        return this.#sentReset(id)
      case FrameType.WINDOW_UPDATE:
        return this.#sentCredit(id, frame.payload.readUInt32BE(0))
      case FrameType.SETTINGS:
        if ((flags & Flag.ACK) !== 0) this.#acknowledged()
        return
      case FrameType.PING:
        return this.#sentPing(frame.payload.toString("hex"), (flags & Flag.ACK) !== 0)
      case FrameType.GOAWAY: {
        const last = frame.payload.readUInt32BE(0)
        if (last > this.#lastGoaway) this.#fail("frame order", `GOAWAY raised its last stream to ${last}`)
        this.#lastGoaway = last
        const wrong = this.#drain.wentAway(last, frame.payload.readUInt32BE(4))
        if (wrong !== null) this.#fail("frame order", wrong)
      }
    }
  }

  #sentPing(payload: string, isAck: boolean): void {
    if (!isAck) this.#drain.pinged(payload)
    else if (this.#pings.shift() !== payload)
      this.#fail("frame order", "a PING was answered that was not sent, or out of turn")
  }

  #sentHeaders(id: number, endStream: boolean): void {
    let stream = this.#streams.get(id)
    if (stream === undefined) {
      if (!this.#isClient) this.#fail("stream state", `HEADERS on stream ${id}, which nobody opened`)
      if ((id & 1) === 0 || id <= this.#lastOpened)
        this.#fail("stream state", `stream ${id} was opened after stream ${this.#lastOpened}`)
      if (this.#streamsOpen >= this.#maxStreams)
        this.#fail(
          "stream limit",
          `stream ${id} was opened with ${this.#streamsOpen} of ${this.#maxStreams} open`,
        )
      this.#lastOpened = id
      stream = this.#open(id)
    }
    this.#mustBeOpen(stream, id, "HEADERS")
    if (endStream) this.#balancerEnds(stream)
  }

  #sentData(id: number, length: number, endStream: boolean): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return this.#fail("stream state", `DATA on stream ${id}, which nobody opened`)
    this.#mustBeOpen(stream, id, "DATA")
    stream.credit -= length
    this.#credit -= length
    if (length > 0 && stream.credit < 0)
      this.#fail("window", `DATA on stream ${id} goes ${-stream.credit} octets past its window`)
    if (length > 0 && this.#credit < 0)
      this.#fail("window", `DATA on stream ${id} goes ${-this.#credit} octets past the connection's window`)
    if (endStream) this.#balancerEnds(stream)
  }

  #sentReset(id: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined)
      return this.#fail("stream state", `RST_STREAM on stream ${id}, which nobody opened`)
    if (stream.balancerReset) this.#fail("stream state", `stream ${id} was reset twice`)
    const wasOpen = isOpen(stream)
    stream.balancerReset = true
    this.#closedIf(wasOpen)
  }

  #sentCredit(id: number, increment: number): void {
    if (increment === 0) this.#fail("credit", `WINDOW_UPDATE of 0 on stream ${id}`)
    if (id === 0) {
      this.#returnedOctets += increment
      const allowed = this.#readOctets + this.#connectionRaise
      if (this.#returnedOctets > allowed)
        this.#fail(
          "credit",
          `the connection was given ${this.#returnedOctets} octets of credit, ${allowed} are right`,
        )
      return
    }
    const stream = this.#streams.get(id)
    if (stream === undefined)
      return this.#fail("stream state", `WINDOW_UPDATE on stream ${id}, which nobody opened`)
    stream.returnedOctets += increment
    if (stream.returnedOctets > stream.readOctets)
      this.#fail(
        "credit",
        `stream ${id} was given ${stream.returnedOctets} octets of credit for ${stream.readOctets}`,
      )
  }

  #acknowledged(): void {
    const entries = this.#unacknowledged.shift()
    if (entries === undefined)
      return this.#fail("frame order", "SETTINGS were acknowledged that were not sent")
    for (const [id, value] of entries) {
      if (id === Setting.MAX_FRAME_SIZE) this.#maxFrame = value
      else if (id === Setting.MAX_CONCURRENT_STREAMS) this.#maxStreams = value
      else if (id === Setting.INITIAL_WINDOW_SIZE) {
        for (const stream of this.#streams.values()) stream.credit += value - this.#initialWindow
        this.#initialWindow = value
      }
    }
  }

  #mustBeOpen(stream: ObservedStream, id: number, what: string): void {
    if (stream.balancerEnded) this.#fail("stream state", `${what} on stream ${id} after END_STREAM`)
    if (stream.balancerReset) this.#fail("stream state", `${what} on stream ${id} after RST_STREAM`)
  }

  #balancerEnds(stream: ObservedStream): void {
    const wasOpen = isOpen(stream)
    stream.balancerEnded = true
    this.#closedIf(wasOpen && !isOpen(stream))
  }

  // ---- From the peer ------------------------------------------------------------------------------------------

  /** Notes what the frame will mean once the balancer has read all of it. */
  #comes(frame: Frame, endOffset: number): void {
    this.#onFrame?.(this.#name, false, frame)
    const apply = this.#meaning(frame)
    if (apply !== null) this.#coming.push({ endOffset, apply })
  }

  #meaning({ type, flags, id, length, payload }: Frame): (() => void) | null {
    switch (type) {
      case FrameType.HEADERS:
        return () => this.#peerHeaders(id, (flags & Flag.END_STREAM) !== 0)
      case FrameType.DATA:
        return () => this.#peerData(id, length, (flags & Flag.END_STREAM) !== 0)
      case FrameType.RST_STREAM:
        return () => this.#peerReset(id)
      case FrameType.WINDOW_UPDATE: {
        const increment = payload.readUInt32BE(0)
        return () => this.#peerCredit(id, increment)
      }
      case FrameType.SETTINGS: {
        if ((flags & Flag.ACK) !== 0) return null
        const entries: [number, number][] = []
        for (let at = 0; at < length; at += 6)
          entries.push([payload.readUInt16BE(at), payload.readUInt32BE(at + 2)])
        return () => void this.#unacknowledged.push(entries)
      }
      case FrameType.PING: {
        const text = payload.toString("hex")
        if ((flags & Flag.ACK) !== 0) return () => this.#drain.answered(text)
        return () => void this.#pings.push(text)
      }
      default:
        return null
    }
  }

  #peerHeaders(id: number, endStream: boolean): void {
    const stream = this.#streams.get(id) ?? (this.#isClient ? undefined : this.#open(id))
    if (stream !== undefined && endStream) this.#peerEnds(stream)
  }

  #peerData(id: number, length: number, endStream: boolean): void {
    this.#readOctets += length
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    stream.readOctets += length
    if (endStream) this.#peerEnds(stream)
  }

  #peerReset(id: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    const wasOpen = isOpen(stream)
    stream.peerReset = true
    this.#closedIf(wasOpen)
  }

  #peerCredit(id: number, increment: number): void {
    if (id === 0) this.#credit += increment
    else {
      const stream = this.#streams.get(id)
      if (stream !== undefined) stream.credit += increment
    }
  }

  #peerEnds(stream: ObservedStream): void {
    const wasOpen = isOpen(stream)
    stream.peerEnded = true
    this.#closedIf(wasOpen && !isOpen(stream))
  }

  // ---- Streams ------------------------------------------------------------------------------------------------

  #open(id: number): ObservedStream {
    const stream: ObservedStream = {
      credit: this.#initialWindow,
      balancerEnded: false,
      peerEnded: false,
      balancerReset: false,
      peerReset: false,
      readOctets: 0,
      returnedOctets: 0,
    }
    this.#streams.set(id, stream)
    this.#streamsOpen++
    return stream
  }

  #closedIf(hasClosed: boolean): void {
    if (hasClosed) this.#streamsOpen--
  }
}

function isOpen(stream: ObservedStream): boolean {
  return !stream.balancerReset && !stream.peerReset && !(stream.balancerEnded && stream.peerEnded)
}

import { defaultLimits, type Limits } from "../../src/base/limits.ts"
import type { BufferBudget } from "../../src/http2/buffer-budget.ts"
import { Http2Connection } from "../../src/http2/connection.ts"
import type { Fault } from "../../src/http2/error-code.ts"
import { errorCodeName } from "../../src/http2/error-code.ts"
import type { ConnectionEvents, Refusal, StreamEnd } from "../../src/http2/events.ts"
import type { HeaderList } from "../../src/http2/header-list.ts"
import type { RequestHead, ResponseHead } from "../../src/http2/message-head.ts"
import { recycleChunk } from "../../src/http2/output.ts"
import type { Http2Stream } from "../../src/http2/stream.ts"
import type { Role } from "../../src/http2/stream-table.ts"
import { describeFrame, FrameLog, preface, type SeenFrame, settings, settingsAck } from "./frame-dsl.ts"

/** Everything a connection says of its streams and of itself, as lines of text; a test overrides what it acts on. */
export class EventLog implements ConnectionEvents<string> {
  readonly lines: string[] = []
  readonly limits: string[] = []
  readonly streams = new Map<number, Http2Stream<string>>()
  fault: Fault | null = null

  /** The lines since the last call. */
  take(): string[] {
    return this.lines.splice(0)
  }

  onRequest(stream: Http2Stream<string>, head: RequestHead, endStream: boolean): void {
    stream.owner = "test"
    this.streams.set(stream.id, stream)
    this.lines.push(`request ${stream.id} ${head.path}${ending(endStream)}`)
  }

  onRefusedRequest(stream: Http2Stream<string>, list: HeaderList, { counter }: Refusal): void {
    this.lines.push(`refused ${stream.id} ${counter} ${list.get("content-type") ?? ""}`.trimEnd())
  }

  onRequestFault(stream: Http2Stream<string>, code: number, _reason: string): void {
    this.lines.push(`fault ${stream.id} ${errorCodeName(code)}`)
  }

  onResponse(stream: Http2Stream<string>, head: ResponseHead, endStream: boolean): void {
    this.lines.push(`response ${stream.id} ${head.status}${ending(endStream)}`)
  }

  onInformational(stream: Http2Stream<string>, head: ResponseHead): void {
    this.lines.push(`informational ${stream.id} ${head.status}`)
  }

  onData(stream: Http2Stream<string>, octets: Buffer, start: number, end: number, endStream: boolean): void {
    this.lines.push(
      `data ${stream.id} ${octets.toString("latin1", start, Math.min(end, start + 40))}${ending(endStream)}`,
    )
  }

  onTrailers(stream: Http2Stream<string>, trailers: HeaderList): void {
    this.lines.push(`trailers ${stream.id} ${trailers.fields.join(" ")}`)
  }

  onReset(stream: Http2Stream<string>, end: StreamEnd): void {
    const unprocessed = end.unprocessed ? " unprocessed" : ""
    this.lines.push(`reset ${stream.id} ${errorCodeName(end.code)} ${end.origin}${unprocessed}`)
  }

  onSent(_stream: Http2Stream<string>, _octets: number): void {}
  onOutput(): void {}
  onMuchOutput(): void {}
  onQueueExceeded(): void {}
  onSettings(): void {}

  onGoaway(code: number, debug: string): void {
    this.lines.push(`goaway ${errorCodeName(code)} ${debug}`.trimEnd())
  }

  onPong(): void {
    this.lines.push("pong")
  }

  onLimit(counter: string): void {
    this.limits.push(counter)
  }

  onEnd(fault: Fault | null): void {
    this.fault = fault
    if (fault?.limit != null && !this.limits.includes(fault.limit)) this.limits.push(fault.limit)
    this.lines.push(`end ${fault === null ? "" : errorCodeName(fault.code)}`.trimEnd())
  }
}

const ending = (endStream: boolean): string => (endStream ? " END_STREAM" : "")

export interface LabOptions {
  limits?: Partial<Limits>
  maxConcurrentStreams?: number
  events?: EventLog
  budget?: BufferBudget
  /** False: not even the handshake is done yet. */
  greeted?: boolean
}

/** One connection under test, and its peer as a script of frames. */
export class Lab {
  readonly connection: Http2Connection<string>
  readonly events: EventLog
  nowMs = 0
  readonly #seen: SeenFrame[] = []
  readonly #log: FrameLog

  constructor(role: Role, options: LabOptions = {}) {
    const { maxConcurrentStreams, budget, greeted = true } = options
    this.events = options.events ?? new EventLog()
    this.connection = new Http2Connection<string>({
      role,
      limits: { ...defaultLimits, ...options.limits },
      events: this.events,
      nowMs: 0,
      ...(maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams }),
      ...(budget === undefined ? {} : { budget }),
    })
    this.#log = new FrameLog(role, (seen) => this.#seen.push(seen))
    this.connection.start()
    if (!greeted) return
    if (role === "server") this.send(preface)
    this.send(settings(), settingsAck())
    this.said()
    this.events.take()
  }

  /** The peer sends octets, in one piece. */
  send(...frames: Uint8Array[]): void {
    const octets = Buffer.concat(frames)
    this.connection.receive(octets, 0, octets.length, this.nowMs)
  }

  /** Frames the connection has sent since the last call; a socket that takes everything. */
  frames(): SeenFrame[] {
    for (const octets of takeOutput(this.connection)) this.#log.push(octets)
    return this.#seen.splice(0)
  }

  /** The same as lines of text. */
  said(): string[] {
    return this.frames().map(describeFrame)
  }
}

/** Takes what a connection wants to send, as the kernel would. */
export function takeOutput(connection: Http2Connection<string>): Buffer[] {
  const pieces: Buffer[] = []
  const { output } = connection
  while (!output.isEmpty) {
    let taken = 0
    for (const { buffer, length } of output.take()) {
      pieces.push(Buffer.from(buffer.subarray(0, length)))
      taken += length
      recycleChunk(buffer)
    }
    output.sent(taken)
    connection.drained()
  }
  return pieces
}

/** Cuts octets into the pieces in which they arrive. */
export type Splitter = (octets: Buffer) => Buffer[]

export const whole: Splitter = (octets) => [octets]

/** Pieces of 1 to `most` octets, by `random`. */
export function randomly(random: () => number, most: number): Splitter {
  return (octets) => {
    const pieces: Buffer[] = []
    for (let at = 0; at < octets.length; ) {
      const next = at + 1 + Math.floor(random() * most)
      pieces.push(octets.subarray(at, next))
      at = next
    }
    return pieces
  }
}

/** Two connections joined by memory, a watcher on each direction. `pump` until neither has more to say. */
export class MemoryLink {
  readonly client: Http2Connection<string>
  readonly server: Http2Connection<string>
  readonly #split: Splitter
  readonly #watch: { client: FrameLog; server: FrameLog }
  nowMs = 0

  constructor(
    client: Http2Connection<string>,
    server: Http2Connection<string>,
    options: { split?: Splitter; onFrame?: (from: Role, seen: SeenFrame) => void } = {},
  ) {
    this.client = client
    this.server = server
    this.#split = options.split ?? whole
    const onFrame = options.onFrame ?? (() => {})
    this.#watch = {
      client: new FrameLog("client", (seen) => onFrame("client", seen)),
      server: new FrameLog("server", (seen) => onFrame("server", seen)),
    }
  }

  /** Carries everything there is, both ways; true when that was anything. */
  turn(): boolean {
    const some = this.#carry("client", this.client, this.server)
    return this.#carry("server", this.server, this.client) || some
  }

  pump(): void {
    while (this.turn()) {}
  }

  #carry(role: Role, from: Http2Connection<string>, to: Http2Connection<string>): boolean {
    const octets = Buffer.concat(takeOutput(from))
    if (octets.length === 0) return false
    this.#watch[role].push(octets)
    for (const piece of this.#split(octets)) to.receive(piece, 0, piece.length, this.nowMs)
    return true
  }
}

import { REQUESTS } from "../../bench/load/calls.ts"
import type { Connection, ConnectionOwner } from "../../bench/load/connection.ts"
import { Failures } from "../../bench/load/failures.ts"
import type { Fields } from "../../bench/load/header-reader.ts"
import { LABEL_OCTETS, MessageChecker, PREFIX_OCTETS, writeMessage } from "../../bench/load/message.ts"
import type { Stream, StreamOwner } from "../../bench/load/stream.ts"
import type { Histogram } from "../../bench/measure/histogram.ts"
import type { Random } from "../../src/base/random.ts"
import { dial } from "./sockets.ts"

const TICK_MS = 10
/** A stream whose echoes stay away sends no more until one comes: what waits is bounded. */
const UNANSWERED_MAX = 8
const FIRST_ONE_BY_ONE = 10
/** As large as the load's noise. */
const MESSAGE_OCTETS_MAX = 65_000
const USUAL_OCTETS_MAX = 2000
const CANCEL = 8
let nextKey = 0
const scratch = Buffer.alloc(PREFIX_OCTETS + MESSAGE_OCTETS_MAX)

/** One long-lived stream of numbered messages, each of which has to come back, in order and once. */
export class LiveStream implements StreamOwner {
  readonly key: number
  readonly connection: Connection
  readonly checker: MessageChecker
  stream: Stream | null = null
  sent = 0
  /** How it ended, in words; null while it lives. */
  ending: string | null = null
  endings = 0
  nextMs = 0
  isHalfClosed = false
  readonly #sentMs = new Float64Array(UNANSWERED_MAX)
  readonly #owner: LiveStreams

  constructor(owner: LiveStreams, connection: Connection, key: number, octets: number) {
    this.#owner = owner
    this.connection = connection
    this.key = key
    this.checker = new MessageChecker(octets, key, 0)
  }

  /** Messages that came back. */
  get echoed(): number {
    return this.checker.next
  }

  fire(nowMs: number): void {
    if (this.isHalfClosed || this.sent - this.echoed >= UNANSWERED_MAX) return
    this.#sentMs[this.sent % UNANSWERED_MAX] = nowMs
    const to = writeMessage(scratch, 0, this.checker.octets, this.key, this.sent++)
    this.connection.send(this.stream!, scratch, 0, to)
  }

  halfClose(): void {
    if (this.isHalfClosed) return
    this.isHalfClosed = true
    this.connection.end(this.stream!, "data")
  }

  cancel(): void {
    this.connection.reset(this.stream!, CANCEL)
    this.#end("cancelled")
  }

  headers(_stream: Stream, fields: Fields, end: boolean): void {
    if (end) this.#end(`${fields.grpcStatus || "no"} ${fields.grpcMessage}`.trimEnd())
    else if (fields.status !== "200") this.#owner.failures.add(`a response had :status ${fields.status}`)
  }

  data(_stream: Stream, octets: Buffer, from: number, to: number, end: boolean): void {
    if (this.ending !== null) this.#owner.failures.add(`stream ${this.key}: a message came after its end`)
    const before = this.echoed
    if (this.checker.check(octets, from, to) < 0)
      this.#owner.failures.add(`stream ${this.key}: not echo ${this.echoed} came`)
    const nowMs = performance.now()
    for (let number = before; number < this.echoed; number++)
      this.#owner.echoed(this, nowMs - this.#sentMs[number % UNANSWERED_MAX]!)
    if (end) this.#end("an end without trailers")
  }

  /** NO_ERROR after the trailers only says that no more of the request is wanted. */
  reset(_stream: Stream, code: number): void {
    if (this.ending === null || code !== 0) this.#end(`reset ${code}`)
  }

  lost(reason: string): void {
    if (this.ending === null) this.#end(`connection lost: ${reason}`)
  }

  #end(how: string): void {
    this.endings++
    this.ending ??= how
    this.#owner.ended(this)
  }
}

/** What all streams have to show. */
export interface LiveTotals {
  opened: number
  open: number
  sent: number
  echoed: number
  /** Streams that ended more than once. */
  endedTwice: number
  /** How many ended how. */
  endings: Map<string, number>
}

/** Many live streams on a few connections, each sending at a steady pace. */
export class LiveStreams implements ConnectionOwner {
  readonly failures = new Failures()
  readonly all: LiveStream[] = []
  /** Where echo times go, in microseconds, by stream; null: nowhere. */
  timesOf: (stream: LiveStream) => Histogram | null = () => null
  /** Called when a stream has ended. */
  onEnded: (stream: LiveStream) => void = () => {}
  readonly #random: Random
  readonly #intervalMs: number
  readonly #octetsMax: number
  readonly #connections: Connection[] = []
  /** Those of them that take new streams. */
  #open: Connection[] = []
  #live = new Set<LiveStream>()
  #ticker: NodeJS.Timeout | null = null
  #isClosing = false

  private constructor(options: { random: Random; intervalMs: number; octetsMax?: number }) {
    this.#random = options.random
    this.#intervalMs = options.intervalMs
    this.#octetsMax = options.octetsMax ?? USUAL_OCTETS_MAX
  }

  /**
   * Opens `streams` on `connections`, each with a message every `intervalMs` of up to `octetsMax` octets (2,000), small
   * ones more often; resolves when all have had an echo.
   */
  static async start(options: {
    port: number
    connections: number
    streams: number
    intervalMs: number
    octetsMax?: number
    random: Random
  }): Promise<LiveStreams> {
    const live = new LiveStreams(options)
    await live.connect(options.port, options.connections)
    for (let i = 0; i < options.streams; i++) live.openOne()
    live.#ticker = setInterval(() => live.#tick(), TICK_MS)
    await live.until(
      () => live.all.every((stream) => stream.echoed > 0),
      "every stream has had its first echo",
    )
    return live
  }

  /** Makes `many` more connections for streams to come. */
  async connect(port: number, many: number): Promise<void> {
    for (let i = 0; i < many; i++) this.#open.push(await dial(port, this))
    this.#connections.push(...this.#open.slice(-many))
  }

  /** One more, on the connection whose turn it is. */
  openOne(): LiveStream {
    const connection = this.#open[this.all.length % this.#open.length]!
    const octets = LABEL_OCTETS + Math.floor(this.#random() ** 3 * (this.#octetsMax - LABEL_OCTETS))
    const stream = new LiveStream(this, connection, nextKey++, octets)
    this.all.push(stream)
    this.#live.add(stream)
    stream.stream = connection.open(REQUESTS.echo, stream)
    stream.fire(performance.now())
    stream.nextMs = performance.now() + this.#random() * this.#intervalMs
    return stream
  }

  /**
   * Opens `many` more and waits for their echoes. One after the other at first: a backend that was out is tried with a
   * single stream before it is given others.
   */
  async openMore(many: number): Promise<void> {
    for (let i = 0; i < many; i++) {
      const stream = this.openOne()
      const isEstablished = () => stream.echoed > 0 || stream.ending !== null
      if (i < FIRST_ONE_BY_ONE) await this.until(isEstablished, "a new stream has had its first echo")
    }
    const allAre = () => this.all.every(({ echoed, ending }) => echoed > 0 || ending !== null)
    await this.until(allAre, "every new stream has had its first echo")
  }

  /** Of those that are open, the one that was opened first. */
  get oldest(): LiveStream | undefined {
    return this.#live.values().next().value
  }

  totals(): LiveTotals {
    const endings = new Map<string, number>()
    let sent = 0
    let echoed = 0
    for (const stream of this.all) {
      sent += stream.sent
      echoed += stream.echoed
      if (stream.ending !== null) endings.set(stream.ending, (endings.get(stream.ending) ?? 0) + 1)
    }
    const endedTwice = this.all.filter(({ endings }) => endings > 1).length
    return { opened: this.all.length, open: this.#live.size, sent, echoed, endedTwice, endings }
  }

  /** Half-closes what is open; resolves when each has its last echo and its end, or after ten seconds. */
  async finish(): Promise<void> {
    if (this.#ticker !== null) clearInterval(this.#ticker)
    for (const stream of this.#live) stream.halfClose()
    await this.until(() => this.#live.size === 0, "every stream has ended after its half-close")
    this.close()
  }

  close(): void {
    this.#isClosing = true
    if (this.#ticker !== null) clearInterval(this.#ticker)
    for (const connection of this.#connections) connection.close()
  }

  /** Waits until `isSo`; after ten seconds that is a failure. */
  async until(isSo: () => boolean, what: string, waitTimeoutMs = 10_000): Promise<void> {
    const deadline = performance.now() + waitTimeoutMs
    while (!isSo()) {
      if (performance.now() > deadline)
        return this.failures.add(`not within ${waitTimeoutMs / 1000} s: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
  }

  echoed(stream: LiveStream, ms: number): void {
    this.timesOf(stream)?.add(ms * 1000)
  }

  ended(stream: LiveStream): void {
    if (this.#live.delete(stream)) this.onEnded(stream)
  }

  #tick(): void {
    const nowMs = performance.now()
    for (const stream of this.#live) {
      if (stream.nextMs > nowMs) continue
      stream.nextMs = nowMs + this.#intervalMs
      stream.fire(nowMs)
    }
  }

  // ---- ConnectionOwner ----------------------------------------------------------------------------------------

  lost(connection: Connection, reason: string): void {
    if (this.#isClosing) return
    // It has been left, and its last stream has ended.
    if (!this.#open.includes(connection) && connection.streams.size === 0) return
    this.failures.add(`a client's connection was lost: ${reason}`)
    for (const stream of [...this.#live]) if (stream.connection === connection) stream.lost(reason)
  }

  leave(connection: Connection): void {
    this.#open = this.#open.filter((one) => one !== connection)
  }

  open(): StreamOwner {
    throw new Error("a server opened a stream")
  }

  room(): void {}
}

import { REQUESTS } from "../load/calls.ts"
import type { Connection, ConnectionOwner } from "../load/connection.ts"
import { dial } from "../load/sockets.ts"
import type { StreamOwner } from "../load/stream.ts"
import { LongStream, type LongStreamOwner } from "./long-stream.ts"
import type { CallRecord, LoadOptions, LoadReport, StreamRecord } from "./protocol.ts"
import { sharedMs } from "./protocol.ts"
import { ShortCall } from "./short-call.ts"

const TICK_MS = 5
/** How long a client waits before it opens a lost stream again, or dials again. */
const REOPEN_MS = 200
const REDIAL_MS = 50
const START_PATIENCE_MS = 20_000
const FINISH_PATIENCE_MS = 5_000

/**
 * The clients: long-lived streams that send numbered messages at a steady pace and are opened anew where they are lost,
 * and short calls at a steady rate, all on a few connections. A connection that is lost, or left because of GOAWAY, is
 * replaced.
 */
export class Load implements ConnectionOwner, LongStreamOwner {
  isMarked = false
  readonly #options: LoadOptions
  /** Those that take new streams. */
  #open: Connection[] = []
  readonly #all = new Set<Connection>()
  readonly #live = new Set<LongStream>()
  readonly #streams: StreamRecord[] = []
  readonly #calls: CallRecord[] = []
  /** Calls in the order they began; the first that is not over is the first to be given up. */
  #pending: ShortCall[] = []
  #reopenAtMs: number[] = []
  #nextKey = 0
  #callsDue = 0
  #startMs = 0
  #isFinishing = false
  #wrong = 0
  #firstWrong = ""
  #ticker: NodeJS.Timeout | null = null

  constructor(options: LoadOptions) {
    this.#options = options
  }

  readonly nowMs = sharedMs

  /** Resolves when every stream has had its first echo. Throws when that does not come about. */
  async start(): Promise<void> {
    const { connections, streams, port } = this.#options
    for (let index = 0; index < connections; index++) this.#take(await dial(port, false, this))
    for (let index = 0; index < streams; index++) this.#openStream()
    const areAll = (): boolean => [...this.#live].every(({ isEstablished }) => isEstablished)
    if (!(await until(areAll, START_PATIENCE_MS))) throw new Error("not every stream has had its first echo")
    if (this.#live.size !== streams)
      throw new Error(
        `a stream was lost before anything was done: ${this.#streams.find(({ reason }) => reason)?.reason}`,
      )
    this.#startMs = sharedMs()
    this.#ticker = setInterval(() => this.#tick(), TICK_MS)
  }

  mark(): void {
    this.isMarked = true
  }

  async finish(): Promise<LoadReport> {
    clearInterval(this.#ticker!)
    this.#isFinishing = true
    const nowMs = sharedMs()
    for (const stream of this.#live) stream.look(nowMs)
    // Those under way have as much time as all before them.
    await until(() => this.#pending.every(({ isOver }) => isOver), this.#options.callTimeoutMs)
    for (const call of this.#pending) call.giveUp()
    for (const stream of this.#live) stream.halfClose()
    await until(() => this.#live.size === 0, FINISH_PATIENCE_MS)
    if (this.#live.size > 0) this.wrong(`${this.#live.size} streams did not end after their half-close`)
    for (const connection of this.#all) connection.close()
    return { streams: this.#streams, calls: this.#calls, wrong: this.#wrong, firstWrong: this.#firstWrong }
  }

  #tick(): void {
    const nowMs = sharedMs()
    const { intervalMs, callsPerSecond, callTimeoutMs } = this.#options
    while (this.#reopenAtMs.length > 0 && this.#reopenAtMs[0]! <= nowMs) {
      this.#reopenAtMs.shift()
      this.#openStream()
    }
    for (const stream of this.#live) {
      if (stream.nextMs > nowMs) continue
      stream.nextMs += intervalMs
      stream.fire(nowMs)
    }
    const due = ((nowMs - this.#startMs) * callsPerSecond) / 1000
    for (; this.#callsDue < due; this.#callsDue++) this.#call()
    const late = this.#pending.findIndex(({ record }) => record.dueMs > nowMs - callTimeoutMs)
    const overdue = this.#pending.splice(0, late < 0 ? this.#pending.length : late)
    for (const call of overdue) call.giveUp()
  }

  #openStream(): void {
    const key = this.#nextKey++
    const connection = this.#open[key % this.#open.length]
    if (connection === undefined) {
      this.#reopen()
      return
    }
    const stream = new LongStream(this, connection, key)
    this.#live.add(stream)
    this.#streams.push(stream.record)
    stream.stream = connection.open(REQUESTS.echo, stream)
    const nowMs = sharedMs()
    stream.fire(nowMs)
    stream.nextMs = nowMs + (((key * 7919) % 1000) / 1000) * this.#options.intervalMs
  }

  #reopen(): void {
    this.#reopenAtMs.push(sharedMs() + REOPEN_MS)
  }

  #call(): void {
    const key = this.#nextKey++
    const connection = this.#open[key % this.#open.length]
    if (connection === undefined) {
      this.#calls.push({ dueMs: sharedMs(), backend: -1, answeredMs: null, reason: "no connection" })
      return
    }
    const call = new ShortCall(connection, key, sharedMs)
    this.#calls.push(call.record)
    this.#pending.push(call)
    call.begin(connection.open(REQUESTS.echo, call))
  }

  // ---- LongStreamOwner ------------------------------------------------------------------------------------------

  streamLost(stream: LongStream): void {
    this.#live.delete(stream)
    if (!this.#isFinishing) this.#reopen()
  }

  streamEnded(stream: LongStream): void {
    this.#live.delete(stream)
  }

  wrong(what: string): void {
    if (this.#wrong++ === 0) this.#firstWrong = what
  }

  // ---- ConnectionOwner ------------------------------------------------------------------------------------------

  #take(connection: Connection): void {
    this.#open.push(connection)
    this.#all.add(connection)
  }

  lost(connection: Connection, reason: string): void {
    for (const { owner } of [...connection.streams.values()])
      if (owner instanceof LongStream || owner instanceof ShortCall) owner.lost(reason)
    this.#all.delete(connection)
    this.leave(connection)
  }

  leave(connection: Connection): void {
    if (!this.#open.includes(connection)) return
    this.#open = this.#open.filter((one) => one !== connection)
    if (!this.#isFinishing) void this.#redial()
  }

  async #redial(): Promise<void> {
    for (;;) {
      try {
        return this.#take(await dial(this.#options.port, false, this))
      } catch {
        await pause(REDIAL_MS)
        if (this.#isFinishing) return
      }
    }
  }

  open(): StreamOwner {
    throw new Error("a server opened a stream")
  }

  room(): void {}
}

/** Whether it came about within `mostMs`. */
async function until(isSo: () => boolean, mostMs: number): Promise<boolean> {
  const untilMs = sharedMs() + mostMs
  while (!isSo()) {
    if (sharedMs() > untilMs) return false
    await pause(TICK_MS)
  }
  return true
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

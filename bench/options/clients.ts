import { Client, credentials, Metadata } from "@grpc/grpc-js"
import { type CallRecord, sharedMs } from "../churn/protocol.ts"
import { Histogram } from "../measure/histogram.ts"
import { type EchoOwner, EchoStream } from "./echo-stream.ts"
import type { ClientFigures, ClientReport } from "./protocol.ts"
import { asItIs, WHERE_PATH } from "./service.ts"

const TICK_MS = 10
const CALL_TIMEOUT_MS = 2_000
/** How long a client waits before it opens a lost stream again. */
const REOPEN_MS = 200
const PATIENCE_MS = 20_000

export interface LoadOptions {
  /** How many clients, each with a channel of its own; and of all of them together: */
  clients: number
  streams: number
  /** Between two messages of a stream. */
  intervalMs: number
  callsPerSecond: number
}

type ChannelOptions = ConstructorParameters<typeof Client>[2]

/** Clients of @grpc/grpc-js that have long-lived streams and make short calls, whatever their target leads to. */
export class Clients implements EchoOwner {
  isMarked = false
  readonly #options: LoadOptions
  readonly #clients: Client[]
  readonly #streams: EchoStream[] = []
  readonly #live = new Set<EchoStream>()
  readonly #calls: CallRecord[] = []
  readonly #delays = new Histogram()
  #ticker: NodeJS.Timeout | null = null
  #isFinishing = false
  #pending = 0
  #wrong = 0
  #lastMs = 0
  #messagesDue = 0
  #callsDue = 0
  #next = 0
  #cpu = process.cpuUsage()
  #callsMarked = 0

  constructor(target: string, channel: ChannelOptions, options: LoadOptions) {
    this.#options = options
    this.#clients = Array.from(
      { length: options.clients },
      () =>
        new Client(target, credentials.createInsecure(), { ...channel, "grpc.use_local_subchannel_pool": 1 }),
    )
  }

  /** Errors: rejects where not every stream is answered within 20 s. */
  async start(): Promise<void> {
    for (let at = 0; at < this.#options.streams; at++) this.#open(at)
    const areAll = (): boolean => [...this.#live].every(({ isEstablished }) => isEstablished)
    const isSo = (): boolean => this.#live.size === this.#options.streams && areAll()
    if (!(await until(isSo, PATIENCE_MS))) throw new Error(`not every stream is answered: ${this.#why()}`)
    this.#lastMs = sharedMs()
    this.#ticker = setInterval(() => this.#tick(), TICK_MS)
  }

  #why(): string {
    return this.#streams.find(({ record }) => record.reason !== "")?.record.reason ?? "they are silent"
  }

  watch(): void {
    this.isMarked = true
  }

  mark(): void {
    this.#delays.clear()
    this.#callsMarked = this.#calls.length
    this.#cpu = process.cpuUsage()
  }

  read(): ClientFigures {
    const { user, system } = process.cpuUsage(this.#cpu)
    const live: number[] = []
    for (const { record } of this.#live)
      if (record.backend > 0) live[record.backend - 1] = (live[record.backend - 1] ?? 0) + 1
    return {
      messages: this.#delays.total,
      calls: this.#calls.length - this.#callsMarked,
      medianUs: this.#delays.quantile(0.5),
      p99Us: this.#delays.quantile(0.99),
      cpuUs: user + system,
      live: Array.from(live, (count) => count ?? 0),
      moved: this.#streams.filter(({ moves }) => moves > 0).length,
    }
  }

  /** Calls so far, by backend, and those that failed. */
  get callsSoFar(): readonly CallRecord[] {
    return this.#calls
  }

  get lostSoFar(): number {
    return this.#streams.filter(({ record }) => record.lostMs !== null).length
  }

  async finish(): Promise<ClientReport> {
    clearInterval(this.#ticker!)
    this.#isFinishing = true
    await until(() => this.#pending === 0, 2 * CALL_TIMEOUT_MS)
    for (const stream of this.#live) stream.halfClose()
    await until(() => this.#live.size === 0, PATIENCE_MS)
    for (const client of this.#clients) client.close()
    const wrong = this.#streams.reduce((sum, stream) => sum + stream.wrong, 0)
    return {
      streams: this.#streams.map(({ record }) => record),
      calls: this.#calls,
      wrong: wrong + this.#wrong + this.#live.size,
    }
  }

  #open(at: number): void {
    const stream = new EchoStream(this.#clients[at % this.#clients.length]!, this)
    this.#streams.push(stream)
    this.#live.add(stream)
    stream.fire()
  }

  /** Messages and calls come evenly, one stream and one client after the other. */
  #tick(): void {
    const nowMs = sharedMs()
    const passedMs = nowMs - this.#lastMs
    this.#lastMs = nowMs
    const live = [...this.#live]
    this.#messagesDue += (passedMs * this.#options.streams) / this.#options.intervalMs
    for (; this.#messagesDue >= 1; this.#messagesDue--) live[this.#next++ % live.length]?.fire()
    this.#callsDue += (passedMs * this.#options.callsPerSecond) / 1000
    for (; this.#callsDue >= 1; this.#callsDue--) this.#call()
  }

  #call(): void {
    const record: CallRecord = { dueMs: sharedMs(), backend: -1, answeredMs: null, reason: "" }
    const client = this.#clients[this.#calls.length % this.#clients.length]!
    this.#calls.push(record)
    this.#pending++
    const options = { deadline: Date.now() + CALL_TIMEOUT_MS }
    client.makeUnaryRequest(
      WHERE_PATH,
      asItIs,
      asItIs,
      Buffer.alloc(1),
      new Metadata(),
      options,
      (error, answer) => {
        this.#pending--
        if (error !== null) record.reason = `status ${error.code} ${error.details}`
        else {
          record.backend = answer![0]!
          record.answeredMs = sharedMs()
        }
      },
    )
  }

  // ---- EchoOwner ------------------------------------------------------------------------------------------------

  answered(delayMs: number): void {
    this.#delays.add(delayMs * 1000)
  }

  ended(stream: EchoStream, isWell: boolean): void {
    this.#live.delete(stream)
    if (!this.#isFinishing) setTimeout(() => this.#isFinishing || this.#open(this.#next++), REOPEN_MS)
    else if (!isWell) this.#wrong++
  }
}

async function until(isSo: () => boolean, mostMs: number): Promise<boolean> {
  const untilMs = sharedMs() + mostMs
  while (!isSo()) {
    if (sharedMs() > untilMs) return false
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
  return true
}

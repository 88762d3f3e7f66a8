import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js"
import { Histogram } from "../../bench/measure/histogram.ts"
import { askAdmin } from "../support/admin-client.ts"
import { freePort } from "../support/free-port.ts"
import { pause } from "./stage.ts"

const COUNTER = fileURLToPath(new URL("../../examples/continuity/node/counter.ts", import.meta.url))
const PROGRAM = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
const CONNECTIONS = 20
/** Messages a second of all streams together: what peers written in JavaScript bear beside Sluice on one machine. */
const MESSAGES_PER_SECOND = 1_000
const EVERY_MS_MIN = 1_000
/** Four processes write to one store at once: not on a disk. */
const MEMORY = "/dev/shm"
const REOPEN_MS = 500
const START_MS = 120_000

const octets = (message: Buffer): Buffer => message

/** One stream that counts: each of its messages is answered with the next number. */
export class CountedStream {
  got = 0
  wrong = 0
  sent = 0
  ending: string | null = null
  sentMs = 0
  readonly #call: ClientDuplexStream<Buffer, Buffer>

  constructor(client: Client, onAnswer: (delayMs: number) => void, onEnd: () => void) {
    this.#call = client.makeBidiStreamRequest("/counter.Counter/Count", octets, octets, new Metadata())
    this.#call.on("data", (message: Buffer) => {
      if (Number(message.toString()) !== ++this.got) this.wrong++
      onAnswer(performance.now() - this.sentMs)
    })
    this.#call.on("status", ({ code, details }) => {
      this.ending = `${code} ${details}`
      onEnd()
    })
    this.#call.on("error", () => {})
  }

  /** Sends the next message once the last is answered. */
  tick(): void {
    if (this.ending !== null || this.got < this.sent) return
    this.sent++
    this.sentMs = performance.now()
    this.#call.write(Buffer.from("tick"))
  }

  /** Who it goes to now. */
  get peer(): string {
    return this.#call.getPeer()
  }

  end(): void {
    this.#call.end()
  }
}

export interface CountingOptions {
  readonly backends: number
  readonly streams: number
  /** Of the configuration; `endpoints`: of the backends that run. Default: continuity by handoff and resume. */
  readonly config?: (endpoints: object[]) => object
  /** A stream that ends is opened anew, as a client would. */
  readonly reopens?: boolean
}

/** What the access log says of the streams that have ended. */
export interface EndedStream {
  readonly legs: number
  readonly gapMs: number
  readonly moves: number
}

const withContinuity = (endpoints: object[]): object => ({
  continuity: { mode: ["handoff", "resume"] },
  clusters: { counters: { endpoints } },
})

/** Counting backends with one store, `sluice run` with continuity before them, and streams that count all the time. */
export class CountingStage {
  readonly streams: CountedStream[] = []
  /** How long answers took since this was last cleared. */
  readonly delays = new Histogram()
  /** The longest of them. */
  slowestMs = 0
  /** Streams that ended and were opened anew. */
  reopened = 0
  readonly #options: CountingOptions
  readonly #everyMs: number
  #hasStarted = false
  readonly #directory = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "sluice-counting-"))
  readonly #ports: number[] = []
  #port = 0
  readonly #backends: ChildProcess[] = []
  readonly #clients: Client[] = []
  #sluice: ChildProcess | null = null
  #ticker: NodeJS.Timeout | null = null

  private constructor(options: CountingOptions) {
    this.#options = options
    this.#everyMs = Math.max(EVERY_MS_MIN, (options.streams * 1000) / MESSAGES_PER_SECOND)
  }

  static async start(options: CountingOptions): Promise<CountingStage> {
    const stage = new CountingStage(options)
    try {
      await stage.#start()
    } catch (error) {
      stage.end()
      throw error
    }
    return stage
  }

  async #start(): Promise<void> {
    const { backends, streams } = this.#options
    for (let at = 0; at < backends; at++) await this.addBackend()
    await this.#startSluice()
    let next = 0
    const slice = (streams * 10) / this.#everyMs
    let due = 0
    this.#ticker = setInterval(() => {
      for (due += slice; due >= 1; due--) this.streams[next++ % this.streams.length]?.tick()
    }, 10)
    for (let at = 0; at < streams; at++) {
      this.#open(at)
      if (at % 50 === 49) await pause(50)
    }
    const areThere = (): boolean => {
      for (const stream of this.streams) if (stream.got === 0) stream.tick()
      return this.streams.every(({ got }) => got > 0)
    }
    if (!(await this.until(areThere, START_MS))) throw new Error("streams do not come about")
    this.#hasStarted = true
    this.delays.clear()
    this.slowestMs = 0
  }

  #open(at: number): void {
    const onAnswer = (ms: number): void => {
      this.slowestMs = Math.max(this.slowestMs, ms)
      this.delays.add(ms * 1000)
    }
    const onEnd = (): void => {
      if (this.#ticker === null) return
      // A machine that is late refuses some of those that come all at once.
      if (!this.#hasStarted) return void setTimeout(() => this.#open(at), REOPEN_MS)
      if (this.#options.reopens !== true) return
      this.reopened++
      this.#open(at)
    }
    this.streams[at] = new CountedStream(this.#clients[at % CONNECTIONS]!, onAnswer, onEnd)
  }

  /** One more that runs; Sluice knows of it after `reload`. */
  async addBackend(): Promise<void> {
    this.#ports.push(await freePort())
    await this.startBackend(this.#ports.length - 1)
  }

  async startBackend(at: number): Promise<void> {
    const args = [COUNTER, join(this.#directory, "counts.sqlite"), String(this.#ports[at])]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
    this.#backends[at] = child
    await new Promise<void>((resolve) =>
      createInterface({ input: child.stdout }).once("line", () => resolve()),
    )
  }

  async stopBackend(at: number, signal: NodeJS.Signals): Promise<void> {
    const child = this.#backends[at]!
    const exit = new Promise((resolve) => child.once("exit", resolve))
    child.kill(signal)
    await exit
  }

  async #startSluice(): Promise<void> {
    const port = await freePort()
    this.#port = port
    this.#configure()
    this.#sluice = spawn(process.execPath, [PROGRAM, "run", this.#configPath], { stdio: "ignore" })
    const options = { "grpc.use_local_subchannel_pool": 1 }
    for (let at = 0; at < CONNECTIONS; at++)
      this.#clients.push(new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options))
    await new Promise<void>((resolve, reject) =>
      this.#clients[0]!.waitForReady(Date.now() + 20_000, (error) => (error ? reject(error) : resolve())),
    )
  }

  get #configPath(): string {
    return join(this.#directory, "sluice.yaml")
  }

  get #adminPath(): string {
    return join(this.#directory, "admin.sock")
  }

  #configure(): void {
    const { config = withContinuity } = this.#options
    const endpoints = this.#ports.map((one) => ({ address: `127.0.0.1:${one}`, failTimeout: "300ms" }))
    const template = "$continuity_legs $continuity_gap $continuity_moves"
    const whole = {
      listeners: { address: `127.0.0.1:${this.#port}`, maxConcurrentStreams: 100_000 },
      admin: `unix:${this.#adminPath}`,
      accessLog: { path: this.#logPath, template, buffer: "64k", flush: "100ms" },
      ...config(endpoints),
    }
    writeFileSync(this.#configPath, JSON.stringify(whole))
  }

  get #logPath(): string {
    return join(this.#directory, "access.log")
  }

  /** Puts a configuration in force that has all backends. */
  async reload(): Promise<void> {
    this.#configure()
    const { status, text } = await askAdmin(this.#adminPath, "/reload", { method: "POST", body: {} })
    if (status !== 200) throw new Error(`a reload was refused: ${text}`)
  }

  /** Gives an order for the backend `at`. */
  async order(at: number, what: "drain" | "resume", body: object): Promise<void> {
    const endpoint = `127.0.0.1:${this.#ports[at]}`
    const path = `/clusters/counters/endpoints/${endpoint}/${what}`
    const { status, text } = await askAdmin(this.#adminPath, path, { method: "POST", body })
    if (status !== 200) throw new Error(`an order was refused: ${text}`)
  }

  /** Live streams at each endpoint. */
  async counts(): Promise<number[]> {
    const { json } = await askAdmin(this.#adminPath, "/clusters")
    const { clusters } = json as { clusters: { endpoints: { streams: number }[] }[] }
    return clusters.flatMap(({ endpoints }) => endpoints.map(({ streams }) => streams))
  }

  /** To be asked after `finish`: buffers of the log are written within its `flush`. */
  async ended(): Promise<EndedStream[]> {
    const read = (): string[] => readFileSync(this.#logPath, "utf8").split("\n").filter(Boolean)
    await this.until(() => read().length >= this.streams.length + this.reopened, 5_000)
    return read().map((line) => {
      const [legs, gap, moves] = line.split(" ").map((word) => Number(word.replace("-", "0")))
      return { legs: legs!, gapMs: gap! * 1000, moves: moves! }
    })
  }

  /** Each stream has an answer to a message that it sent after now; how long that took, or null where it never did. */
  async allAnswered(mostMs: number): Promise<number | null> {
    const fromMs = performance.now()
    const before = this.streams.map(({ sent }) => sent)
    const isLive = (one: CountedStream, at: number): boolean => one.ending !== null || one.got > before[at]!
    return (await this.until(() => this.streams.every(isLive), mostMs)) ? performance.now() - fromMs : null
  }

  async until(is: () => boolean, mostMs: number): Promise<boolean> {
    const untilMs = performance.now() + mostMs
    while (!is()) {
      if (performance.now() > untilMs) return false
      await pause(20)
    }
    return true
  }

  async untilAsync(is: () => Promise<boolean>, mostMs: number): Promise<boolean> {
    const untilMs = performance.now() + mostMs
    while (!(await is())) {
      if (performance.now() > untilMs) return false
      await pause(200)
    }
    return true
  }

  async finish(): Promise<void> {
    clearInterval(this.#ticker!)
    this.#ticker = null
    await this.until(
      () => this.streams.every(({ ending, got, sent }) => ending !== null || got === sent),
      30_000,
    )
    for (const stream of this.streams) stream.end()
    await this.until(() => this.streams.every(({ ending }) => ending !== null), 60_000)
  }

  end(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker)
    this.#ticker = null
    for (const client of this.#clients) client.close()
    for (const child of [this.#sluice, ...this.#backends]) child?.kill("SIGKILL")
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

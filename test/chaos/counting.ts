import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js"
import { freePort } from "../support/sluice-process.ts"
import { pause } from "./stage.ts"

const COUNTER = fileURLToPath(new URL("../../examples/continuity/node/counter.ts", import.meta.url))
const PROGRAM = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
const CONNECTIONS = 20

const octets = (message: Buffer): Buffer => message

/** One stream that counts: each of its messages is answered with the next number. */
class CountedStream {
  got = 0
  wrong = 0
  sent = 0
  ending: string | null = null
  sentMs = 0
  readonly #call: ClientDuplexStream<Buffer, Buffer>

  constructor(client: Client, onAnswer: (delayMs: number) => void) {
    this.#call = client.makeBidiStreamRequest("/counter.Counter/Count", octets, octets, new Metadata())
    this.#call.on("data", (message: Buffer) => {
      if (Number(message.toString()) !== ++this.got) this.wrong++
      onAnswer(performance.now() - this.sentMs)
    })
    this.#call.on("status", ({ code, details }) => (this.ending = `${code} ${details}`))
    this.#call.on("error", () => {})
  }

  /** Sends the next message once the last is answered. */
  tick(): void {
    if (this.ending !== null || this.got < this.sent) return
    this.sent++
    this.sentMs = performance.now()
    this.#call.write(Buffer.from("tick"))
  }

  end(): void {
    this.#call.end()
  }
}

/** Counting backends with one store, `sluice run` with continuity before them, and streams that count all the time. */
export class CountingStage {
  readonly streams: CountedStream[] = []
  /** The longest that an answer took since this was last put back. */
  slowestMs = 0
  readonly #directory = mkdtempSync(join(tmpdir(), "sluice-counting-"))
  readonly #ports: number[] = []
  readonly #backends: ChildProcess[] = []
  readonly #clients: Client[] = []
  #sluice: ChildProcess | null = null
  #ticker: NodeJS.Timeout | null = null

  static async start(backends: number, streams: number, everyMs: number): Promise<CountingStage> {
    const stage = new CountingStage()
    for (let at = 0; at < backends; at++) {
      stage.#ports.push(await freePort())
      await stage.startBackend(at)
    }
    await stage.#startSluice()
    for (let at = 0; at < streams; at++) {
      const client = stage.#clients[at % CONNECTIONS]!
      const onAnswer = (ms: number): void => void (stage.slowestMs = Math.max(stage.slowestMs, ms))
      stage.streams.push(new CountedStream(client, onAnswer))
    }
    let next = 0
    const slice = Math.max(1, Math.ceil((streams * 10) / everyMs))
    stage.#ticker = setInterval(() => {
      for (let i = 0; i < slice; i++) stage.streams[next++ % streams]!.tick()
    }, 10)
    await stage.until(() => stage.streams.every(({ got }) => got > 0), 60_000)
    return stage
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
    const path = join(this.#directory, "sluice.yaml")
    const endpoints = this.#ports.map((one) => ({ address: `127.0.0.1:${one}`, failTimeout: "300ms" }))
    writeFileSync(
      path,
      JSON.stringify({
        listeners: `127.0.0.1:${port}`,
        continuity: { mode: ["handoff", "resume"] },
        clusters: { counters: { endpoints } },
      }),
    )
    this.#sluice = spawn(process.execPath, [PROGRAM, "run", path], { stdio: "ignore" })
    const options = { "grpc.use_local_subchannel_pool": 1 }
    for (let at = 0; at < CONNECTIONS; at++)
      this.#clients.push(new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options))
    await new Promise<void>((resolve, reject) =>
      this.#clients[0]!.waitForReady(Date.now() + 20_000, (error) => (error ? reject(error) : resolve())),
    )
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

  async finish(): Promise<void> {
    clearInterval(this.#ticker!)
    await this.until(
      () => this.streams.every(({ ending, got, sent }) => ending !== null || got === sent),
      20_000,
    )
    for (const stream of this.streams) stream.end()
    await this.until(() => this.streams.every(({ ending }) => ending !== null), 20_000)
  }

  end(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker)
    for (const client of this.#clients) client.close()
    for (const child of [this.#sluice, ...this.#backends]) child?.kill("SIGKILL")
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

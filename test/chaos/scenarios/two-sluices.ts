import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Client, credentials } from "@grpc/grpc-js"
import { continuityInterceptor, registerSluice } from "../../../src/grpc-js/index.ts"
import { freePort } from "../../support/free-port.ts"
import { CountedStream } from "../counting.ts"
import { type Check, check, type Scenario } from "../scenario.ts"
import { pause } from "../stage.ts"

const COUNTER = fileURLToPath(new URL("../../../examples/continuity/node/counter.ts", import.meta.url))
const SLUICE = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url))
const CALLS = 1_000
const CLIENTS = 20
const BACKENDS = 2
const TICK_MS = 10
/** One after the other: each sends once a second. */
const CALLS_PER_TICK = (CALLS * TICK_MS) / 1_000
const BEFORE_MS = 5_000
const PATIENCE_MS = 60_000
const MEMORY = "/dev/shm"

/** Counting backends with one store, two Sluices before them, and clients that keep their streams themselves. */
class TwoSluices {
  readonly streams: CountedStream[] = []
  slowestMs = 0
  readonly #directory = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "sluice-two-"))
  readonly #children: ChildProcess[] = []
  readonly #sluices: ChildProcess[] = []
  readonly #clients: Client[] = []
  #ticker: NodeJS.Timeout | null = null

  async start(): Promise<void> {
    const addresses: string[] = []
    for (let at = 0; at < BACKENDS; at++) {
      const port = await freePort()
      addresses.push(`127.0.0.1:${port}`)
      await this.#spawn([COUNTER, join(this.#directory, "counts.sqlite"), String(port)], "listening")
    }
    const ports = [await freePort(), await freePort()]
    for (const port of ports) {
      const path = join(this.#directory, `${port}.yaml`)
      const config = {
        listeners: { address: `127.0.0.1:${port}`, maxConcurrentStreams: 10_000 },
        continuity: { mode: ["handoff", "resume"], clients: "trusted" },
        clusters: { counters: addresses },
      }
      writeFileSync(path, JSON.stringify(config))
      this.#sluices.push(await this.#spawn([SLUICE, "run", "--json", path], '"listening"'))
    }
    const file = join(this.#directory, "sluices.yaml")
    writeFileSync(file, JSON.stringify(ports.map((port) => `127.0.0.1:${port}`)))
    registerSluice({ files: { sluices: file } })
    for (let at = 0; at < CLIENTS; at++)
      this.#clients.push(
        new Client("sluice:///sluices", credentials.createInsecure(), {
          "grpc.use_local_subchannel_pool": 1,
          interceptors: [continuityInterceptor()],
        }),
      )
    for (let at = 0; at < CALLS; at++) {
      const onAnswer = (ms: number): void => {
        this.slowestMs = Math.max(this.slowestMs, ms)
      }
      this.streams.push(new CountedStream(this.#clients[at % CLIENTS]!, onAnswer, () => {}))
      if (at % 50 === 49) await pause(TICK_MS)
    }
    let next = 0
    this.#ticker = setInterval(() => {
      for (let i = 0; i < CALLS_PER_TICK; i++) this.streams[next++ % CALLS]!.tick()
    }, TICK_MS)
    if (!(await this.until(() => this.streams.every(({ got }) => got > 0))))
      throw new Error(
        `calls do not come about: ${this.streams.find(({ ending }) => ending !== null)?.ending}`,
      )
  }

  /** Resolves once it has said that it listens. */
  async #spawn(args: readonly string[], what: string): Promise<ChildProcess> {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    this.#children.push(child)
    await new Promise<void>((resolve, reject) => {
      for (const output of [child.stdout, child.stderr])
        createInterface({ input: output! }).on("line", (line) => line.includes(what) && resolve())
      child.once("exit", (code) => reject(new Error(`${args[0]} ended with ${code}`)))
    })
    return child
  }

  /** SIGKILL. Returns how many calls it carried. */
  async killOne(): Promise<number> {
    const [victim] = this.#sluices
    const gone = new Promise((resolve) => victim!.once("exit", resolve))
    const ports = new Set(this.streams.map(({ peer }) => peer))
    victim!.kill("SIGKILL")
    const port = victim!.spawnargs.at(-1)!.match(/(\d+)\.yaml$/)![1]!
    const there = this.streams.filter(({ peer }) => peer.endsWith(`:${port}`)).length
    await gone
    return ports.size === this.#sluices.length ? there : -1
  }

  async until(is: () => boolean): Promise<boolean> {
    const untilMs = performance.now() + PATIENCE_MS
    while (!is()) {
      if (performance.now() > untilMs) return false
      await pause(20)
    }
    return true
  }

  /** Each call has an answer to a message that it sent after now; null: not each. */
  async allAnswered(): Promise<number | null> {
    const fromMs = performance.now()
    const before = this.streams.map(({ sent }) => sent)
    const all = await this.until(() => this.streams.every(({ got }, at) => got > before[at]!))
    return all ? performance.now() - fromMs : null
  }

  async finish(): Promise<void> {
    clearInterval(this.#ticker!)
    await this.until(() => this.streams.every(({ got, sent, ending }) => ending !== null || got === sent))
    for (const stream of this.streams) stream.end()
    await this.until(() => this.streams.every(({ ending }) => ending !== null))
  }

  end(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker)
    for (const client of this.#clients) client.close()
    for (const child of this.#children) child.kill("SIGKILL")
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

export const twoSluices: Scenario = {
  name: "two-sluices",
  part: "fleet",
  says: `one of two Sluices is killed with SIGKILL under ${CALLS.toLocaleString("en-US")} calls of clients with sluice/grpc-js' continuity interceptor: all of them go on by the other`,
  async run(): Promise<Check[]> {
    const stage = new TwoSluices()
    try {
      await stage.start()
      await pause(BEFORE_MS)
      stage.slowestMs = 0
      const there = await stage.killOne()
      const tookMs = await stage.allAnswered()
      const cut = stage.streams.filter(({ ending }) => ending !== null).length
      await stage.finish()
      const { streams } = stage
      const wrong = streams.reduce((sum, one) => sum + one.wrong, 0)
      const unanswered = streams.filter(({ got, sent }) => got !== sent).length
      const bad = streams.filter(({ ending }) => ending !== "0 OK")
      return [
        check("calls", streams.length, true),
        check("of these on the one that was killed", there, there > 0),
        check("calls lost", cut, cut === 0),
        check(
          "until each has sent a message and been answered",
          tookMs === null ? "never" : `${Math.round(tookMs)} ms`,
          tookMs !== null,
        ),
        check("the longest that an answer took", `${Math.round(stage.slowestMs)} ms`, true),
        check(
          "messages answered",
          streams.reduce((sum, { got }) => sum + got, 0),
          true,
        ),
        check("messages lost, twice or out of order", wrong + unanswered, wrong + unanswered === 0),
        check(
          "calls that did not end with OK",
          bad.length > 0 ? `${bad.length}: ${bad[0]!.ending}` : 0,
          bad.length === 0,
        ),
      ]
    } finally {
      stage.end()
    }
  },
}

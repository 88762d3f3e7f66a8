import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Failures } from "../../bench/load/failures.ts"
import { Child } from "../../bench/measure/child.ts"
import { openFiles, residentOctets } from "../../bench/measure/process-usage.ts"
import type { Random } from "../../src/base/random.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { askAdmin } from "../support/admin-client.ts"
import type { BackendReport } from "./backend-report.ts"
import { FaultyRelay } from "./faulty-relay.ts"

const BACKEND = fileURLToPath(new URL("./backend.ts", import.meta.url))
const SLUICE = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
const START_PATIENCE_MS = 15_000

/** A backend process that can be killed, frozen and started again on the same port. */
export class Backend {
  readonly host: string
  readonly port: number
  readonly failures: Failures
  /** Keys of all streams whose first message it saw, how often each. */
  readonly seen = new Map<number, number>()
  readonly #holdMs: number
  #child: Child | null = null

  constructor({ host, port }: { host: string; port: number }, holdMs: number, failures: Failures) {
    this.host = host
    this.port = port
    this.#holdMs = holdMs
    this.failures = failures
  }

  async start(): Promise<void> {
    const child = new Child(
      [process.execPath, BACKEND, String(this.port), String(this.#holdMs), this.host],
      undefined,
      true,
    )
    this.#child = child
    await child.ask()
    child.process.on("message", (told: BackendReport) => {
      for (const key of told.seen) this.seen.set(key, (this.seen.get(key) ?? 0) + 1)
      for (let i = 0; i < told.failures; i++) this.failures.add(`backend ${this.port}: ${told.first}`)
    })
  }

  /** SIGKILL: the kernel resets or closes what was open. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const { process } = this.#child!
    const gone = new Promise((resolve) => process.once("exit", resolve))
    process.kill("SIGKILL")
    await gone
    this.#child = null
  }

  /** SIGSTOP: sockets stay open and fill up. */
  freeze(): void {
    this.#child!.process.kill("SIGSTOP")
  }

  thaw(): void {
    this.#child!.process.kill("SIGCONT")
  }

  end(): void {
    this.#child?.process.kill("SIGKILL")
    this.#child = null
  }
}

export interface StageOptions {
  /** How many; or, where all are to have one port, the addresses of loopback that they have. */
  backends: number | readonly string[]
  random: Random
  /** A faulty relay in front of each backend. */
  relays?: boolean
  /** How long backends hold back the answer to a call. */
  holdMs?: number
  /** What runs instead of `sluice run`, with an IPC channel: argv before the configuration's path. */
  program?: string[]
  /** It is asked and told things by its admin API. */
  hasAdmin?: boolean
  /** Changes of the configuration: one listener, one cluster `chaos` of all backends, spread by round robin. */
  config?: (addresses: string[]) => Partial<SluiceYaml>
}

/** Real processes: backends, the network to them, and `sluice run`. Ends all it started. */
export class Stage {
  /** What backends found wrong. */
  readonly failures = new Failures()
  readonly backends: Backend[] = []
  readonly relays: FaultyRelay[] = []
  port = 0
  readonly #directory = mkdtempSync(join(tmpdir(), "sluice-chaos-"))
  readonly #options: StageOptions
  #sluice: Child | null = null
  /** The processes that took the place of the one started here, each of the one before it. */
  readonly #successors: number[] = []
  readonly #onExit = () => this.end()

  private constructor(options: StageOptions) {
    this.#options = options
  }

  static async start(options: StageOptions): Promise<Stage> {
    const stage = new Stage(options)
    process.once("exit", stage.#onExit)
    try {
      await stage.#start()
    } catch (error) {
      stage.end()
      throw error
    }
    return stage
  }

  async #start(): Promise<void> {
    const { backends, relays = false, random, holdMs = 0 } = this.#options
    const hosts = typeof backends === "number" ? new Array<string>(backends).fill("127.0.0.1") : backends
    const shared = typeof backends === "number" ? null : await freePort()
    for (const host of hosts) {
      const backend = new Backend({ host, port: shared ?? (await freePort()) }, holdMs, this.failures)
      this.backends.push(backend)
      await backend.start()
      if (relays) this.relays.push(await FaultyRelay.start(backend.port, random))
    }
    this.port = await freePort()
    this.configure({})
    const { program } = this.#options
    const command = [process.execPath, ...(program ?? [SLUICE, "run", "--json"]), this.configPath]
    this.#sluice = new Child(command, undefined, program !== undefined)
    await untilPrinted(this.#sluice, "listening")
  }

  get addresses(): string[] {
    return this.relays.length > 0
      ? this.relays.map(({ port }) => `127.0.0.1:${port}`)
      : this.backends.map(({ host, port }) => `${host}:${port}`)
  }

  get configPath(): string {
    return join(this.#directory, "sluice.yaml")
  }

  get logPath(): string {
    return join(this.#directory, "sluice.log")
  }

  get accessLogPath(): string {
    return join(this.#directory, "access.log")
  }

  /** What Sluice has said, one object per line. */
  log(): { message: string; [field: string]: unknown }[] {
    const lines = readFileSync(this.logPath, "utf8").split("\n").filter(Boolean)
    return lines.map((line) => JSON.parse(line) as { message: string })
  }

  /** Writes the configuration with these changes. Takes effect at the next reload. */
  configure(changes: Partial<SluiceYaml>): void {
    const { addresses } = this
    const config: SluiceYaml = {
      listeners: { address: `127.0.0.1:${this.port}`, maxConcurrentStreams: 100_000 },
      log: { path: this.logPath },
      clusters: { chaos: chaosCluster(addresses) },
      ...(this.#options.hasAdmin === true && { admin: `unix:${this.#adminPath}` }),
      ...this.#options.config?.(addresses),
      ...changes,
    }
    writeFileSync(this.configPath, JSON.stringify(config))
  }

  /** SIGHUP; resolves when the log says that the new configuration is live. */
  async reload(): Promise<void> {
    const reloads = (): number =>
      this.log().filter(({ message }) => message === "configuration reloaded").length
    const before = reloads()
    this.#sluice!.process.kill("SIGHUP")
    const deadline = performance.now() + START_PATIENCE_MS
    while (reloads() === before) {
      if (performance.now() > deadline) throw new Error("a reload did not take effect")
      await pause(10)
    }
  }

  get #adminPath(): string {
    return join(this.#directory, "admin.sock")
  }

  /** The same by the admin API: of many in a row the log does not say each. Needs `hasAdmin`. */
  async reloadByAdmin(): Promise<void> {
    const { status, text } = await askAdmin(this.#adminPath, "/reload", { method: "POST", body: {} })
    if (status !== 200) throw new Error(`a reload was refused: ${text}`)
  }

  /** Resolves once the control side has these endpoints, by host. Needs `hasAdmin`. */
  async untilEndpointsAre(hosts: readonly string[]): Promise<void> {
    const wanted = [...hosts].sort().join()
    const deadline = performance.now() + START_PATIENCE_MS
    for (;;) {
      const { json } = await askAdmin(this.#adminPath, "/clusters")
      const [cluster] = (json as { clusters: { endpoints: { address: string }[] }[] }).clusters
      const present = cluster!.endpoints.map(({ address }) => address.split(":")[0]!)
      if (present.sort().join() === wanted) return
      if (performance.now() > deadline) throw new Error(`the endpoints are ${present.join()}, not ${wanted}`)
      await pause(20)
    }
  }

  /** Of all data threads, within the last second. Needs `hasAdmin`. */
  async longestTurnMs(): Promise<number> {
    const { text } = await askAdmin(this.#adminPath, "/metrics")
    const seconds = [...text.matchAll(/^sluice_thread_turn_max_seconds\{[^}]*\} (\S+)$/gm)]
    return 1000 * Math.max(0, ...seconds.map(([, value]) => Number(value)))
  }

  /** SIGUSR2; resolves when the log says that the new process listens and the old one drains. */
  async upgrade(): Promise<void> {
    const upgrades = () => this.log().filter(({ message }) => message.startsWith("the new version listens"))
    const before = upgrades().length
    process.kill(this.pid, "SIGUSR2")
    const deadline = performance.now() + 2 * START_PATIENCE_MS
    while (upgrades().length === before) {
      if (performance.now() > deadline) throw new Error("an upgrade did not come about")
      await pause(10)
    }
    this.#successors.push(Number(upgrades().at(-1)!.pid))
  }

  /** Asks the program given as `program`. */
  ask<Answer>(question: object): Promise<Answer> {
    return this.#sluice!.ask(question)
  }

  get pid(): number {
    return this.#successors.at(-1) ?? this.#sluice!.pid
  }

  get residentOctets(): number {
    return residentOctets([this.pid])
  }

  get openFiles(): number {
    return openFiles([this.pid])
  }

  /** How Sluice ended; null while it runs. */
  get exit(): string | null {
    return this.#sluice?.exit ?? null
  }

  /** No process of it is left that takes new connections. */
  get hasEnded(): boolean {
    return this.#successors.length === 0 ? this.exit !== null : !isAlive(this.pid)
  }

  /** Streams that more than one backend saw, or one saw twice. */
  doubled(): number {
    const times = new Map<number, number>()
    for (const { seen } of this.backends)
      for (const [key, count] of seen) times.set(key, (times.get(key) ?? 0) + count)
    return [...times.values()].filter((count) => count > 1).length
  }

  /** Which backend saw the stream; undefined when none has told yet. */
  backendOf(key: number): Backend | undefined {
    return this.backends.find(({ seen }) => seen.has(key))
  }

  end(): void {
    process.off("exit", this.#onExit)
    this.#sluice?.process.kill("SIGKILL")
    for (const pid of this.#successors) kill(pid)
    for (const relay of this.relays) relay.close()
    for (const backend of this.backends) backend.end()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended.
  }
}

/** A dead endpoint is asked again soon and a silent one found out soon, so that a short run sees both. */
export function chaosCluster(addresses: readonly string[]) {
  return {
    endpoints: addresses.map((address) => ({ address, failTimeout: "300ms" })),
    keepalive: { interval: "2s", timeout: "2s" },
  }
}

/** Errors: rejects where the process ends before, or does not say it. */
export async function untilPrinted(child: Child, what: string): Promise<void> {
  const deadline = performance.now() + START_PATIENCE_MS
  while (!child.lastWords.includes(what)) {
    if (child.exit !== null) throw new Error(`sluice ended at once (${child.exit}): ${child.lastWords}`)
    if (performance.now() > deadline) throw new Error(`sluice does not listen: ${child.lastWords}`)
    await pause(10)
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

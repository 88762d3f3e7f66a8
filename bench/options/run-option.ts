import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePorts } from "../churn/backends.ts"
import { sharedMs } from "../churn/protocol.ts"
import { Child, type Cores } from "../measure/child.ts"
import { cpuNs, processTree } from "../measure/process-usage.ts"
import { untilListening } from "../measure/running-peer.ts"
import { type Measured, type OptionFigures, optionFigures } from "./account.ts"
import { type BalancingOption, NAMED_PORTS, withPorts } from "./options.ts"
import type { ClientCommand, ClientFigures, ClientReport } from "./protocol.ts"
import { ADMIN_PORT, FIRST_PORT } from "./service.ts"

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const SLUICE = path("../../src/cli/main.ts")
/** Flags of the clients' program. */
export interface LoadFlags {
  readonly clients: number
  readonly streams: number
  readonly "interval-ms": number
  readonly "calls-per-second": number
}

export const LOAD: LoadFlags = { clients: 20, streams: 100, "interval-ms": 500, "calls-per-second": 50 }
/** Backends that are known from the start; one more joins. */
const KNOWN = 3

/** How long each part takes, milliseconds. */
export interface Times {
  readonly settleMs: number
  readonly steadyMs: number
  readonly joinedMs: number
  readonly killedMs: number
}

export const TIMES: Times = { settleMs: 1_500, steadyMs: 5_000, joinedMs: 12_000, killedMs: 4_000 }
export const QUICK_TIMES: Times = { settleMs: 500, steadyMs: 1_000, joinedMs: 4_000, killedMs: 2_000 }

export interface RunOptions {
  readonly times: Times
  readonly load: LoadFlags
  readonly cores: Cores | null
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** The processes of one option, all on ports of their own, and the files they read. */
class Stage {
  readonly backends: Child[] = []
  readonly #sluices: Child[] = []
  #client: Child | null = null
  readonly #option: BalancingOption
  readonly #directory = mkdtempSync(join(tmpdir(), "sluice-options-"))
  readonly #ports: ReadonlyMap<number, number>
  readonly #cores: Cores | null
  readonly #load: LoadFlags
  readonly #onExit = () => this.#clear()

  private constructor(
    option: BalancingOption,
    ports: ReadonlyMap<number, number>,
    { cores, load }: RunOptions,
  ) {
    this.#load = load
    this.#option = option
    this.#ports = ports
    this.#cores = cores
    process.once("exit", this.#onExit)
  }

  static async start(option: BalancingOption, how: RunOptions): Promise<Stage> {
    const free = await freePorts(NAMED_PORTS.length)
    const stage = new Stage(option, new Map(NAMED_PORTS.map((port, at) => [port, free[at]!])), how)
    try {
      await stage.#start()
    } catch (error) {
      await stage.end()
      throw error
    }
    return stage
  }

  async #start(): Promise<void> {
    const { sluices, target, flags, needsBootstrap } = this.#option
    for (const name of readdirSync(path("conf")))
      writeFileSync(
        join(this.#directory, name),
        withPorts(readFileSync(path(`conf/${name}`), "utf8"), this.#ports),
      )
    for (let number = 1; number <= KNOWN; number++) await this.#startBackend(number)
    for (const { args, port } of sluices) {
      const sluice = new Child([process.execPath, SLUICE, ...this.#files(args)], this.#cores?.proxy, false)
      this.#sluices.push(sluice)
      await untilListening(sluice, this.#ports.get(port)!)
    }
    const bootstrap = join(this.#directory, "bootstrap.json")
    if (needsBootstrap)
      writeFileSync(
        bootstrap,
        execFileSync(process.execPath, [SLUICE, "xds", "bootstrap", ...this.#files(["lookaside.yaml"])]),
      )
    const load = Object.entries(this.#load).flatMap(([name, value]) => [`--${name}`, String(value)])
    const admin = ["--admin", String(this.#ports.get(ADMIN_PORT))]
    const command = [path("client.ts"), withPorts(target, this.#ports), ...flags, ...load, ...admin]
    const env = ["env", `GRPC_XDS_BOOTSTRAP=${bootstrap}`]
    this.#client = new Child([...env, process.execPath, ...command], this.#cores?.generator, true)
    await this.#client.ask()
  }

  #files(args: readonly string[]): string[] {
    return args.map((word) => (word.endsWith(".yaml") ? join(this.#directory, word) : word))
  }

  async #startBackend(number: number): Promise<void> {
    const port = this.#ports.get(FIRST_PORT + number)!
    const command = [process.execPath, path("backend.ts"), String(port), String(number)]
    const backend = new Child(command, this.#cores?.backend, false)
    this.backends.push(backend)
    await untilListening(backend, port)
  }

  /** One more backend, made known the way the others are. */
  async join(): Promise<void> {
    const number = this.backends.length + 1
    await this.#startBackend(number)
    const file = join(this.#directory, "endpoints.yaml")
    const line = `- 127.0.0.1:${this.#ports.get(FIRST_PORT + number)}\n`
    writeFileSync(`${file}.new`, readFileSync(file, "utf8") + line)
    renameSync(`${file}.new`, file)
  }

  /** CPU so far of what carries calls, and of the backends, microseconds. */
  cpuUs(): { proxy: number; backend: number } {
    const of = (children: readonly Child[]): number =>
      cpuNs(children.flatMap(({ pid }) => processTree(pid))) / 1000
    return {
      proxy: of(this.#sluices.filter((_, at) => this.#option.sluices[at]!.carries)),
      backend: of(this.backends),
    }
  }

  async ask<Answer = object>(command: ClientCommand): Promise<Answer> {
    const answer = await this.#client!.ask<Answer & { error?: string }>(command)
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer
  }

  async end(): Promise<void> {
    process.off("exit", this.#onExit)
    for (const child of [this.#client, ...this.#sluices, ...this.backends]) await child?.stop()
    this.#clear()
  }

  #clear(): void {
    for (const child of [this.#client, ...this.#sluices, ...this.backends]) child?.process.kill("SIGKILL")
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/**
 * Starts everything anew and goes through the parts: steady, a backend joins, another is killed.
 * Errors: rejects where something does not start, or a stream is not answered.
 */
export async function runOption(option: BalancingOption, how: RunOptions): Promise<OptionFigures> {
  const { times } = how
  const stage = await Stage.start(option, how)
  try {
    await stage.ask({ do: "start" })
    await pause(times.settleMs)
    await stage.ask({ do: "mark" })
    const markedMs = sharedMs()
    const cpuBefore = stage.cpuUs()
    await pause(times.steadyMs)
    const steady = await stage.ask<ClientFigures>({ do: "read" })
    const cpuAfter = stage.cpuUs()
    await stage.join()
    const joinedMs = sharedMs()
    await pause(times.joinedMs)
    const { live: afterJoin, moved } = await stage.ask<ClientFigures>({ do: "read" })
    await stage.ask({ do: "watch" })
    stage.backends[0]!.process.kill("SIGKILL")
    const killedMs = sharedMs()
    await pause(times.killedMs)
    const endMs = sharedMs()
    const { live: atEnd } = await stage.ask<ClientFigures>({ do: "read" })
    const report = await stage.ask<ClientReport>({ do: "finish" })
    const measured: Measured = {
      steady,
      proxyCpuUs: cpuAfter.proxy - cpuBefore.proxy,
      backendCpuUs: cpuAfter.backend - cpuBefore.backend,
      markedMs,
      joinedMs,
      killedMs,
      endMs,
      before: steady.live,
      afterJoin,
      moved,
      atEnd,
      report,
    }
    return optionFigures(measured)
  } finally {
    await stage.end()
  }
}

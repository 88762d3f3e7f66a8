import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Child, type Cores } from "../measure/child.ts"
import { untilListening } from "../measure/running-peer.ts"
import type { Peer } from "../peers/peer.ts"
import { fillTemplate } from "../peers/template.ts"
import { freePorts } from "./backends.ts"
import type { ProxyValues, Setup, ToldProxy } from "./setup.ts"

const STREAMS = 10_000
const SOCKETS = 20_000

/** A running proxy, its directory and its files. */
export class RunningProxy implements ToldProxy {
  readonly directory: string
  readonly port: number
  readonly #setup: Setup
  readonly #child: Child
  readonly #values: ProxyValues
  /** The benchmark was told to end. */
  readonly #onExit = () => {
    this.signal("SIGTERM")
    rmSync(this.directory, { recursive: true, force: true })
  }

  private constructor(setup: Setup, values: ProxyValues, child: Child) {
    this.#setup = setup
    this.#values = values
    this.#child = child
    this.directory = values.directory
    this.port = values.port
    process.once("exit", this.#onExit)
  }

  /** Resolves when it listens. */
  static async start(
    peer: Peer,
    setup: Setup,
    backends: readonly number[],
    cores: Cores | null,
  ): Promise<RunningProxy> {
    const directory = mkdtempSync(join(tmpdir(), `sluice-churn-${peer.name}-`))
    // nginx's worker gives up root, and then still has to reach its own files.
    chmodSync(directory, 0o755)
    const [port] = (await freePorts(1)) as [number]
    const values: ProxyValues = {
      port,
      backends,
      backendCount: backends.length,
      round: 0,
      tls: false,
      streams: STREAMS,
      connections: 2000,
      sockets: SOCKETS,
      bufferOctets: 16_384,
      directory,
      threads: 1,
      accessLog: "off",
      continuity: "",
    }
    write(setup, values)
    const child = new Child(setup.command(peer, join(directory, setup.files[0]!)), cores?.proxy, false)
    const proxy = new RunningProxy(setup, values, child)
    try {
      await untilListening(child, port)
    } catch (error) {
      await proxy.stop()
      throw error
    }
    return proxy
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.process.kill(signal)
  }

  /** Makes one more backend known. */
  async addBackend(port: number): Promise<void> {
    const { backends } = this.#values
    this.#values.backends = [...backends, port]
    this.#values.backendCount = backends.length + 1
    write(this.#setup, this.#values)
    await this.#setup.addBackend(this, port, backends.length)
  }

  reload(): void {
    this.#values.round++
    write(this.#setup, this.#values)
    this.#setup.reload(this)
  }

  /** Why it is not there any more, or null. */
  get end(): string | null {
    return this.#child.exit === null ? null : `${this.#child.exit}: ${this.#child.lastWords}`
  }

  async stop(): Promise<void> {
    process.off("exit", this.#onExit)
    await this.#child.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Each file at once: Envoy heeds a file that was moved over the old one. */
function write({ files }: Setup, values: ProxyValues): void {
  for (const name of files) {
    const template = readFileSync(new URL(`./conf/${name}.template`, import.meta.url), "utf8")
    const path = join(values.directory, name)
    writeFileSync(`${path}.new`, fillTemplate(template, values))
    renameSync(`${path}.new`, path)
  }
}

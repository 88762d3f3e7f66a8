import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"
import { Child, type Cores } from "../measure/child.ts"
import type { BackendReport } from "./protocol.ts"

const PROGRAM = fileURLToPath(new URL("./backend.ts", import.meta.url))

/** Backend processes, each with a port for life, that can be killed, frozen and started again. */
export class Backends {
  readonly ports: readonly number[]
  /** How often each stream or call was begun at a backend, by its key. */
  readonly seen = new Map<number, number>()
  /** Messages that backends found lost, doubled or changed. */
  wrong = 0
  readonly #cores: Cores | null
  readonly #children: (Child | null)[]
  /** A frozen one would not notice that the benchmark has ended. */
  readonly #onExit = () => this.end()

  private constructor(ports: readonly number[], cores: Cores | null) {
    this.ports = ports
    this.#cores = cores
    this.#children = ports.map(() => null)
    process.once("exit", this.#onExit)
  }

  static async start(count: number, cores: Cores | null): Promise<Backends> {
    const backends = new Backends(await freePorts(count), cores)
    await Promise.all(backends.ports.map((_, index) => backends.start(index)))
    return backends
  }

  /** Resolves when it listens. */
  async start(index: number): Promise<void> {
    const command = [process.execPath, PROGRAM, String(this.ports[index]), String(index)]
    const child = new Child(command, this.#cores?.backend, true)
    this.#children[index] = child
    await child.ask()
    child.process.on("message", ({ seen, wrong }: BackendReport) => {
      for (const key of seen) this.seen.set(key, (this.seen.get(key) ?? 0) + 1)
      this.wrong += wrong
    })
  }

  /** SIGKILL: the kernel closes what was open. */
  kill(index: number): void {
    this.#children[index]?.process.kill("SIGKILL")
    this.#children[index] = null
  }

  /** SIGSTOP: sockets stay open and fill up. */
  freeze(index: number): void {
    this.#children[index]!.process.kill("SIGSTOP")
  }

  thaw(index: number): void {
    this.#children[index]!.process.kill("SIGCONT")
  }

  /** Streams and calls that came to more than one backend, or twice to one. */
  get doubled(): number {
    return [...this.seen.values()].filter((times) => times > 1).length
  }

  end(): void {
    process.off("exit", this.#onExit)
    for (const [index] of this.ports.entries()) this.kill(index)
  }
}

/** Ports that were free, all different: each is held until the last is known. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"))
  await Promise.all(servers.map((server) => once(server, "listening")))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  return ports
}

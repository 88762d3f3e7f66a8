import { fileURLToPath } from "node:url"
import type { GeneratorCommand, GeneratorReport } from "../load/generator.ts"
import { Child, type Cores } from "./child.ts"

const GENERATOR = fileURLToPath(new URL("../load/generator.ts", import.meta.url))
const BACKEND = fileURLToPath(new URL("../load/backend.ts", import.meta.url))

interface Ports {
  ports: number[]
  tlsPorts: number[]
}

export interface Outcome {
  failures: number
  firstFailure: string
}

/** The generator and the backends of one shape, each a process of its own. */
export class LoadProcesses {
  readonly backends: readonly number[]
  /** The same over TLS; as many as were asked for. */
  readonly tlsBackends: readonly number[]
  readonly #cores: Cores | null
  readonly #backend: Child
  #generator: Child | null = null

  private constructor(cores: Cores | null, backend: Child, { ports, tlsPorts }: Ports) {
    this.#cores = cores
    this.#backend = backend
    this.backends = ports
    this.tlsBackends = tlsPorts
  }

  static async start(backends: number, tlsBackends: number, cores: Cores | null): Promise<LoadProcesses> {
    const counts = [backends, tlsBackends].map(String)
    const backend = new Child([process.execPath, BACKEND, ...counts], cores?.backend, true)
    return new LoadProcesses(cores, backend, await backend.ask<Ports>())
  }

  get backendPid(): number {
    return this.#backend.pid
  }

  measure(command: Omit<GeneratorCommand & { do: "measure" }, "do" | "backend">): Promise<GeneratorReport> {
    return this.#ask<GeneratorReport>({ do: "measure", backend: [this.backendPid], ...command })
  }

  open(command: Omit<GeneratorCommand & { do: "open" }, "do">): Promise<Outcome> {
    return this.#ask<Outcome>({ do: "open", ...command })
  }

  close(): Promise<Outcome> {
    return this.#ask<Outcome>({ do: "close" })
  }

  /** After a failure the generator is ended, so that the next run starts from nothing. */
  async #ask<Answer extends Outcome>(command: GeneratorCommand): Promise<Answer> {
    if (this.#generator === null) {
      this.#generator = new Child([process.execPath, GENERATOR], this.#cores?.generator, true)
      await this.#generator.ask()
    }
    let answer: Answer
    try {
      answer = await this.#generator.ask<Answer>(command)
    } catch (error) {
      answer = { failures: 1, firstFailure: String(error) } as Answer
    }
    const seen = await this.#backend.ask<{ failures: number; first: string }>({})
    if (seen.failures > 0 && answer.failures === 0) {
      answer = { ...answer, failures: seen.failures, firstFailure: `at the backend: ${seen.first}` }
    }
    if (answer.failures > 0) await this.#endGenerator()
    return answer
  }

  async #endGenerator(): Promise<void> {
    await this.#generator?.stop()
    this.#generator = null
  }

  async stop(): Promise<void> {
    await this.#endGenerator()
    await this.#backend.stop()
  }
}

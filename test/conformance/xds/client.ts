import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"

/** How the program of a client is started; the same three words follow: target, `plain` or `xds` credentials, and nothing more. */
export interface ClientProgram {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Its providers of certificates must have one of the client's own, wanted or not. */
  readonly wantsCertificate?: true
}

/** What a batch of calls came to. */
export interface Calls {
  /** By what the backend said of itself. */
  readonly by: Readonly<Record<string, number>>
  /** By status and message. */
  readonly errors: Readonly<Record<string, number>>
}

export interface Batch {
  readonly calls: number
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * A client program in whatever language: each line that it reads is a `Batch` of unary calls of `/where.Where/Am`, ten at
 * once, and each line that it writes is the `Calls` of one.
 */
export class XdsClient {
  readonly #child: ChildProcess
  readonly #waiting: { resolve(calls: Calls): void; reject(error: Error): void }[] = []
  #said = ""

  constructor(
    { command, args, env }: ClientProgram,
    target: string,
    credentials: "plain" | "xds",
    bootstrap: string,
  ) {
    this.#child = spawn(command, [...args, target, credentials], {
      env: { ...process.env, ...env, GRPC_XDS_BOOTSTRAP: bootstrap },
      stdio: ["pipe", "pipe", "pipe"],
    })
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      if (line.startsWith("{")) this.#waiting.shift()?.resolve(JSON.parse(line) as Calls)
      else this.#said += `${line}\n`
    })
    this.#child.stderr!.on("data", (octets: Buffer) => {
      this.#said = (this.#said + octets.toString()).slice(-4000)
    })
    const failed = (why: string): void => {
      for (const { reject } of this.#waiting.splice(0))
        reject(new Error(`${why}: ${this.#said.slice(-1000)}`))
    }
    this.#child.on("error", (error) => failed(error.message))
    this.#child.on("exit", (code) => failed(`the client ended with ${code}`))
    this.#child.stdin!.on("error", () => {})
  }

  call(batch: Batch): Promise<Calls> {
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null) return reject(new Error(`the client has ended: ${this.#said}`))
      this.#waiting.push({ resolve, reject })
      this.#child.stdin!.write(`${JSON.stringify(batch)}\n`)
    })
  }

  stop(): void {
    this.#child.kill("SIGKILL")
  }
}

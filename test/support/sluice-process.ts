import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { TestContext } from "vitest"
import { eventually } from "./eventually.ts"

const PROGRAM = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

/** A port that nobody has: workers share theirs, so none may be 0. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

/** A directory that goes with the test. */
export function testDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-test-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** `sluice run` as a process of its own, which ends with the test at the latest. */
export class SluiceProcess {
  readonly child: ChildProcess
  /** Where its configuration is. */
  readonly config: string
  /** All that came on standard error. */
  said = ""
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>

  constructor(t: TestContext, config: object) {
    this.config = join(testDirectory(t), "sluice.yaml")
    this.configure(config)
    this.child = spawn(process.execPath, [PROGRAM, "run", this.config])
    this.child.stderr!.on("data", (octets: Buffer) => (this.said += octets.toString()))
    this.ended = once(this.child, "exit").then(([code, signal]) => code ?? signal)
    t.onTestFinished(() => {
      const workers = this.workers
      this.child.kill("SIGKILL")
      for (const worker of workers) kill(worker)
    })
  }

  /** Writes its configuration. */
  configure(config: object): void {
    writeFileSync(this.config, JSON.stringify(config))
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** How often it said something. */
  times(what: string): number {
    return this.said.split(what).length - 1
  }

  async says(what: string, times = 1): Promise<void> {
    await eventually(
      () => this.times(what) >= times,
      () => `${what}, ${times} times, within: ${this.said}`,
    )
  }

  /** The processes of its workers. Linux only. */
  get workers(): number[] {
    const { pid } = this.child
    try {
      const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1")
      return text.split(" ").filter(Boolean).map(Number)
    } catch {
      return []
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It was gone already.
  }
}

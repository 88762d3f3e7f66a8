import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { TestContext } from "vitest"
import { eventually } from "./eventually.ts"

const PROGRAM = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

/** A directory that goes with the test. */
export function testDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-test-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export type Start = (command: readonly string[], env: NodeJS.ProcessEnv) => ChildProcess

const spawnPlain: Start = ([program, ...args], env) => spawn(program!, args, { env })

/** A command of Sluice's as a process of its own, which ends with the test at the latest. */
export class CommandProcess {
  readonly child: ChildProcess
  /** All that came on standard error. */
  said = ""
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>

  /** `env` comes to what this process has; `start` makes the process of a command another way. */
  constructor(
    t: TestContext,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    start: Start = spawnPlain,
  ) {
    this.child = start([process.execPath, PROGRAM, ...args], { ...process.env, ...env })
    this.child.stderr!.on("data", (octets: Buffer) => (this.said += octets.toString()))
    this.ended = once(this.child, "exit").then(([code, signal]) => code ?? signal)
    t.onTestFinished(() => void this.child.kill("SIGKILL"))
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

  /** The kernel's ids of its data threads. Linux only. */
  get threads(): number[] {
    const tasks = `/proc/${this.child.pid}/task`
    return readdirSync(tasks)
      .filter((task) => nameOf(`${tasks}/${task}/comm`).startsWith("sluice-data-"))
      .map(Number)
  }
}

/** `sluice run`. */
export class SluiceProcess extends CommandProcess {
  /** Where its configuration is. */
  readonly config: string

  /** `config`: as sluice.yaml has it, or the text of an nginx.conf. */
  constructor(
    t: TestContext,
    config: object | string,
    env: NodeJS.ProcessEnv = {},
    start: Start = spawnPlain,
  ) {
    const path = join(testDirectory(t), typeof config === "string" ? "nginx.conf" : "sluice.yaml")
    writeConfig(path, config)
    super(t, ["run", path], env, start)
    this.config = path
  }

  /** Writes its configuration. */
  configure(config: object | string): void {
    writeConfig(this.config, config)
  }
}

function writeConfig(path: string, config: object | string): void {
  writeFileSync(path, typeof config === "string" ? config : JSON.stringify(config))
}

function nameOf(path: string): string {
  try {
    return readFileSync(path, "latin1")
  } catch {
    // It has ended meanwhile.
    return ""
  }
}

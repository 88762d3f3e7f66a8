import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { LogBook } from "./log-book.ts"

export interface Program {
  readonly child: ChildProcessWithoutNullStreams
  /** Its standard output and standard error, by line. */
  readonly log: LogBook
  /** Its exit code, or the signal that ended it. */
  readonly exit: Promise<number | string>
}

/** Runs one of the chat's programs, for instance `client.ts`, in a process of its own with piped input and output. */
export function runProgram(name: string, args: readonly string[]): Program {
  const child = spawn(process.execPath, [fileURLToPath(new URL(`../${name}`, import.meta.url)), ...args])
  const log = new LogBook()
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", log.write)
  const exit = new Promise<number | string>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal!))
  })
  return { child, log, exit }
}

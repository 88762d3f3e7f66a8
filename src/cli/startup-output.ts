import type { LoadedConfig } from "../config/load.ts"
import { type Problem, problemLines, renderProblem, withoutNotes } from "../config/problem.ts"
import { createLog } from "../log/logger.ts"
import { wantsColor } from "./colors.ts"

/** What `run` says on standard error beside its log: in words for people, with --json as a log's lines. */
export class StartupOutput {
  readonly #json: boolean
  /** The log is lines of JSON on standard error, and has nothing else between them. */
  #isLogHere = false
  readonly #log = createLog({
    level: "info",
    format: "json",
    write: (line) => void process.stderr.write(`${line}\n`),
  })

  constructor(json: boolean) {
    this.#json = json
  }

  /** Errors and warnings, each with its line; notes are `sluice check`'s. With --json `warnings` alone, if there are any. */
  problems({ config, problems, sources }: LoadedConfig): void {
    const told = withoutNotes(problems)
    if (config !== null) this.#isLogHere = config.log.path === "stderr" && process.stderr.isTTY !== true
    if (this.#json || this.#isLogHere) {
      if (config !== null && told.length > 0)
        this.#log.warn("the configuration has warnings", { problems: problemLines(problems) })
      return
    }
    const color = wantsColor(process.stderr, process.env)
    for (const problem of told) process.stderr.write(`${renderProblem(problem, sources, { color })}\n\n`)
  }

  cannotStart(reason: string, problems?: readonly Problem[]): void {
    if (this.#json)
      this.#log.error("cannot start", { reason, ...(problems && { problems: problemLines(problems) }) })
    else if (problems === undefined) process.stderr.write(`sluice: ${reason}\n`)
  }

  /** A line for people only. */
  line(text: string): void {
    if (!this.#json) process.stderr.write(`sluice: ${text}\n`)
  }
}

/** `sluice adapt nginx.conf`: the same configuration as sluice.yaml. */
import { readConfig } from "../config/load.ts"
import { renderProblem, sortProblems } from "../config/problem.ts"
import { toYaml } from "../config/yaml/write.ts"
import { schemaPath } from "./schema-path.ts"

export interface AdaptOptions {
  /** Colors of what goes to `stderr`. */
  color: boolean
  stdout: { write(text: string): unknown }
  /** Errors and warnings; notes are `check`'s business. */
  stderr: { write(text: string): unknown }
}

/** @returns the exit code: 0 when the file was printed, 2 when it has errors and nothing was */
export function adapt(path: string, options: AdaptOptions): 0 | 2 {
  const { config, problems, sources } = readConfig(path)
  for (const problem of sortProblems(problems)) {
    if (problem.severity !== "note") options.stderr.write(`${renderProblem(problem, sources, options)}\n\n`)
  }
  if (config === null) return 2
  options.stdout.write(toYaml(config, schemaPath(process.cwd())))
  return 0
}

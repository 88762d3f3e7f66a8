import { dirname } from "node:path"
import type { Config } from "../model.ts"
import type { Problem } from "../problem.ts"
import { createAdapter } from "./adapt/adapter.ts"
import { adaptConfig } from "./adapt/config.ts"
import type { Span } from "./ast.ts"
import { checkBlock } from "./check.ts"
import { type ConfigFiles, Inclusion } from "./include.ts"
import { Report } from "./report.ts"
import { reportTemplate } from "./unfilled.ts"
import { Variables } from "./variables.ts"

export interface NginxConfig {
  /** Null when there are errors. */
  config: Config | null
  /** All of them, in the order they were found. */
  problems: Problem[]
  /** Every file read, by the name that problems use. */
  sources: Map<string, string>
  /** Where the files that it names are first named. */
  places: Map<string, Span>
}

/**
 * Reads nginx.conf as Sluice understands it. Never throws for what is in the files.
 *
 * A file without an `http` block is read as what an `http` block would include: `server` and `upstream` may stand at its
 * top, beside main's directives.
 *
 * @param text the first file's, already read
 * @param path the first file's, as problems are to show it; what it includes is relative to its directory
 */
export function readNginxConfig(text: string, path: string, files: ConfigFiles): NginxConfig {
  const report = new Report()
  const inclusion = new Inclusion(path, files, report)
  const directives = inclusion.expandFirst(path, text)
  const { sources } = inclusion
  const variables = new Variables()
  variables.declareAll(directives)
  if (reportTemplate(directives, variables, report))
    return { config: null, problems: report.problems, sources, places: new Map() }
  const isFragment = !directives.some(({ name }) => name.text === "http")
  const checked = checkBlock(directives, isFragment ? ["main", "http"] : ["main"], report)
  const adapter = createAdapter({
    report,
    variables,
    directory: dirname(path),
  })
  const config = adaptConfig(adapter, checked, isFragment)
  if (config.listeners.length === 0 && report.errors === 0) {
    report.warning(
      { file: path, line: 0, column: 0, length: 1 },
      "no server is configured: nothing would listen",
    )
  }
  const { places } = adapter
  return { config: report.errors > 0 ? null : config, problems: report.problems, sources, places }
}

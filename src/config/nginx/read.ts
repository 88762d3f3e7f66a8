import { dirname } from "node:path"
import type { Config } from "../model.ts"
import type { Problem } from "../problem.ts"
import { createAdapter } from "./adapt/adapter.ts"
import { adaptConfig } from "./adapt/config.ts"
import type { Directive, Span } from "./ast.ts"
import { checkBlock } from "./check.ts"
import { type ConfigFiles, Inclusion } from "./include.ts"
import { Report } from "./report.ts"
import { bracketsNotFilledIn, reportTemplate } from "./unfilled.ts"
import { terminated } from "./unterminated.ts"
import { Variables } from "./variables.ts"
import { type Block, blocksOf, withoutFailing } from "./verdicts.ts"

export interface NginxConfig {
  /** Null when there are errors. */
  config: Config | null
  /** All of them, in the order they were found. */
  problems: Problem[]
  /** Every file read, by the name that problems use. */
  sources: Map<string, string>
  /** Where the files that it names are first named. */
  places: Map<string, Span>
  /** Its servers and locations, as they are written. */
  blocks: Block[]
}

export interface ReadOptions {
  /** Locations that cannot run answer 501, where nothing else is wrong; what is wrong with them is a warning. */
  servesWhatRuns?: boolean
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
export function readNginxConfig(
  text: string,
  path: string,
  files: ConfigFiles,
  { servesWhatRuns = false }: ReadOptions = {},
): NginxConfig {
  const report = new Report()
  const inclusion = new Inclusion(path, files, report)
  const read = inclusion.expandFirst(path, text)
  const { sources } = inclusion
  // What could not be read may stand anywhere.
  const isWhole = report.errors === 0
  const directives = terminated(read, ["main", "http"], report)
  const all = adaptDirectives(directives, path, report)
  const about = { sources, blocks: blocksOf(directives) }
  const template = bracketsNotFilledIn(all.problems, sources)
  if (template !== null) return { ...all, ...about, problems: [template] }
  const left = servesWhatRuns && isWhole ? withoutFailing(directives, all.problems) : null
  if (left === null) return { ...all, ...about }
  const rest = adaptDirectives(left.directives, path, new Report())
  return { ...rest, ...about, problems: [...left.told, ...rest.problems] }
}

function adaptDirectives(
  directives: Directive[],
  path: string,
  report: Report,
): Pick<NginxConfig, "config" | "problems" | "places"> {
  const variables = new Variables()
  variables.declareAll(directives)
  const tcpVariables = new Variables("tcp")
  tcpVariables.declareAll(directives.find(({ name }) => name.text === "stream")?.block ?? [])
  if (reportTemplate(directives, [variables, tcpVariables], report))
    return { config: null, problems: report.problems, places: new Map() }
  const isFragment = !directives.some(({ name }) => name.text === "http")
  const checked = checkBlock(directives, isFragment ? ["main", "http"] : ["main"], report)
  const adapter = createAdapter({
    report,
    variables,
    directory: dirname(path),
    protocol: "http",
  })
  const tcp = createAdapter({
    report,
    variables: tcpVariables,
    directory: adapter.directory,
    protocol: "tcp",
  })
  const config = adaptConfig(adapter, tcp, checked, isFragment)
  if (config.listeners.length === 0 && report.errors === 0) {
    report.warning(
      { file: path, line: 0, column: 0, length: 1 },
      "no server is configured: nothing would listen",
    )
  }
  const places = new Map([...tcp.places, ...adapter.places])
  return { config: report.errors > 0 ? null : config, problems: report.problems, places }
}

/** `sluice check CONFIG`: all problems at once. */
import type { Config, RouteConfig } from "../config/model.ts"
import { type Block, verdictsOf } from "../config/nginx/verdicts.ts"
import { messageOf, type Problem, renderProblem, type Severity, sortProblems } from "../config/problem.ts"
import type { ResolvedEndpoint } from "../control/discovery/resolve-names.ts"
import { type PreparedConfig, type PrepareOptions, prepare } from "./prepare.ts"

export interface CheckOptions extends PrepareOptions {
  /** Print one JSON object in place of text. */
  json: boolean
  /** ANSI colors; see colors.ts. */
  color: boolean
  stdout: { write(text: string): unknown }
}

/** @returns the exit code: 0 when `sluice run` would take the configuration here, 2 when not */
export async function check(path: string, options: CheckOptions): Promise<0 | 2> {
  const loaded = await prepare(path, options)
  options.stdout.write(options.json ? `${jsonOf(loaded)}\n` : `${reportOf(path, loaded, options)}\n`)
  return loaded.config === null ? 2 : 0
}

function reportOf(
  path: string,
  { config, problems, sources, names, blocks: verdictBlocks = [] }: PreparedConfig,
  options: { color: boolean },
): string {
  const sorted = sortProblems(problems)
  const blocks = sorted
    .filter(({ severity }) => severity !== "note")
    .map((problem) => renderProblem(problem, sources, options))
  const notes = renderNotes(
    path,
    sorted.filter(({ severity }) => severity === "note"),
  )
  if (notes !== null) blocks.push(notes)
  const found = names.filter(({ addresses }) => addresses.length > 0)
  if (found.length > 0) blocks.push(renderNames(found))
  const verdicts = renderVerdicts(verdictBlocks, problems)
  if (verdicts !== null) blocks.push(verdicts)
  blocks.push(
    config === null
      ? `${path}: ${verdictOf(problems)}, not usable`
      : `${path}: ok${warned(problems)}, ${summaryOf(config)}`,
  )
  return blocks.join("\n\n")
}

/** Each address of a name is an endpoint; of so many names and addresses all are shown. */
const NAMES_SHOWN = 20
const ADDRESSES_SHOWN = 8

function renderNames(names: readonly ResolvedEndpoint[]): string {
  const lines = names.slice(0, NAMES_SHOWN).map(({ cluster, name, addresses }) => {
    const shown = addresses.slice(0, ADDRESSES_SHOWN).join(", ")
    const more = addresses.length - ADDRESSES_SHOWN
    const of = cluster === name ? "" : ` of ${cluster}`
    return `  ${name}${of}: ${shown}${more > 0 ? ` and ${more} more` : ""}`
  })
  const more = names.length - NAMES_SHOWN
  if (more > 0) lines.push(`  and ${more} more`)
  return ["names, each of whose addresses is an endpoint:", ...lines].join("\n")
}

/** A line for each server and location of an nginx.conf, where not all run as in nginx. */
function renderVerdicts(blocks: readonly Block[], problems: readonly Problem[]): string | null {
  const verdicts = verdictsOf(blocks, problems)
  if (verdicts.every((verdict) => verdict === "runs")) return null
  const lines = blocks.map(({ name, depth, line }, index) => {
    return `${"  ".repeat(depth + 1)}${name} (line ${line}): ${verdicts[index]}`
  })
  return ["verdicts:", ...lines].join("\n")
}

/** Lines of a note that name directives are cut behind so many. */
const SUBJECTS_SHOWN = 6

/** The errors and warnings have the eye; what has no effect is a line per reason. */
function renderNotes(path: string, notes: Problem[]): string | null {
  if (notes.length === 0) return null
  const byMessage = Map.groupBy(notes, ({ message }) => message)
  const lines = [...byMessage].map(([message, group]) => {
    const subjects = [...Map.groupBy(group, ({ subject }) => subject ?? "").values()].map((same) => {
      const { subject, file, line } = same[0]!
      const place = file === path ? `line ${line}` : `${file}:${line}`
      const more = same.length > 1 ? ` and ${same.length - 1} more` : ""
      return `${subject ?? ""} (${place}${more})`.trim()
    })
    const shown = subjects.slice(0, SUBJECTS_SHOWN).join(", ")
    const rest = subjects.length > SUBJECTS_SHOWN ? `, and ${subjects.length - SUBJECTS_SHOWN} more` : ""
    return `  ${message}: ${shown}${rest}`
  })
  return ["notes, where a directive does nothing or other than in nginx:", ...lines].join("\n")
}

/** `listens on 0.0.0.0:80; 1 cluster, 2 endpoints, 1 route`. */
function summaryOf({ listeners, clusters, servers, tcp }: Config): string {
  const names = listeners.map(({ name }) => name)
  const shown =
    names.length > 4 ? `${names.slice(0, 4).join(", ")} and ${names.length - 4} more` : names.join(", ")
  const endpoints = clusters.reduce((sum, cluster) => sum + cluster.endpoints.length, 0)
  const routes = servers.reduce((sum, server) => sum + routesIn(server.routes), 0)
  const parts = [plural(clusters.length, "cluster"), plural(endpoints, "endpoint"), plural(routes, "route")]
  if (tcp.servers.length > 0) parts.push(plural(tcp.servers.length, "TCP server"))
  return `${shown === "" ? "listens on nothing" : `listens on ${shown}`}; ${parts.join(", ")}`
}

function routesIn(routes: readonly RouteConfig[]): number {
  return routes.reduce((sum, route) => sum + 1 + routesIn(route.routes), 0)
}

function countOf(problems: readonly Problem[], severity: Severity): string {
  return plural(problems.filter((problem) => problem.severity === severity).length, severity)
}

/** `2 errors`; where only `--strict` stands against it, `1 warning (--strict)`. */
function verdictOf(problems: readonly Problem[]): string {
  const errors = countOf(problems, "error")
  return errors.startsWith("0 ") ? `${countOf(problems, "warning")} (--strict)` : errors
}

function warned(problems: readonly Problem[]): string {
  const warnings = countOf(problems, "warning")
  return warnings.startsWith("0 ") ? "" : ` with ${warnings}`
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`
}

/**
 * `{ ok, problems: [{ severity, file, line, column, length, message, hint }], verdicts: [{ name, file, line, verdict }],
 * summary }`; `line` is 0 for a file as a whole,
 * `summary` is null unless ok.
 */
function jsonOf({ config, problems, names, blocks = [] }: PreparedConfig): string {
  const summary =
    config === null
      ? null
      : {
          listeners: config.listeners.map(({ name }) => name),
          clusters: config.clusters.map(({ name, endpoints }) => ({
            name,
            endpoints: endpoints.map(({ address }) => address),
          })),
          names: names.map(({ cluster, name, addresses }) => ({ cluster, name, addresses })),
          routes: config.servers.reduce((sum, server) => sum + routesIn(server.routes), 0),
          tcpServers: config.tcp.servers.length,
        }
  const plain = sortProblems(problems).map(({ subject: _, ...problem }) => problem)
  const messages = sortProblems(problems).map(messageOf)
  const verdicts = verdictsOf(blocks, problems)
  return JSON.stringify(
    {
      ok: config !== null,
      problems: plain.map((problem, index) => ({ ...problem, message: messages[index] })),
      verdicts: blocks.map(({ name, file, line }, index) => {
        return { name, file, line, verdict: verdicts[index] }
      }),
      summary,
    },
    null,
    2,
  )
}

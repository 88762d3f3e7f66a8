import { dirname, resolve } from "node:path"
import type { Config, DiscoveryConfig, RouteConfig, RouteSettings } from "./model.ts"
import type { Problem, Sources } from "./problem.ts"
import { isSaidPath } from "./said-path.ts"
import type { UpstreamTlsConfig } from "./shared-model.ts"

/** How files are asked for; tests hand in their own. */
export interface FileLook {
  canRead(path: string): boolean
  isDirectory(path: string): boolean
  /** Why a file in a directory that exists cannot be written, as `permission denied`; null: it can. */
  writeProblem(path: string): string | null
  /** Whether a directory that is missing could be made. */
  canMakeDirectory(path: string): boolean
}

/** Where a path is first written, as its reader knows it. */
export type Places = ReadonlyMap<string, Pick<Problem, "file" | "line" | "column" | "length">>

/**
 * What a start would find of the files that a configuration names. A file to read that cannot be read is an error. A
 * log's directory that is missing is made at the start, as a note says; one that cannot be made is warned of, and the
 * log goes without: such a machine never had nginx. A log that cannot be opened for any other reason is an error, as in
 * nginx.
 *
 * @param places of paths; others stand where the text of a file first spells them
 * @returns the configuration as it can start, and what differs
 */
export function checkFiles(
  config: Config,
  file: string,
  { sources, places, look }: { sources: Sources; places: Places; look: FileLook },
): { config: Config; problems: Problem[] } {
  const problems = new Map<string, Problem>()
  const add = (severity: Problem["severity"], path: string, message: string, subject?: string): void => {
    const place = places.get(path) ?? placeOf(path, sources) ?? { file, line: 0, column: 0, length: 1 }
    const hint = null
    problems.set(`${subject} ${message}`, { severity, ...place, message, hint, ...(subject && { subject }) })
  }
  for (const path of filesRead(config)) if (!look.canRead(path)) add("error", path, `cannot read "${path}"`)
  const unwritten = new Set<string>()
  for (const [path, what] of logsOf(config)) {
    const directory = dirname(path)
    if (look.isDirectory(directory)) {
      const why = look.writeProblem(path)
      if (why !== null) add("error", path, `cannot open the ${what} "${path}": ${why}`)
    } else if (look.canMakeDirectory(directory))
      add("note", path, "its directory does not exist: sluice run makes it", path)
    else {
      const instead = what === "log" ? "standard error is used" : "this log is not written"
      add(
        "warning",
        path,
        `the directory "${directory}" of the ${what} does not exist and cannot be made: ${instead}`,
      )
      unwritten.add(path)
    }
  }
  const { pidFile } = config
  if (pidFile !== null && !look.isDirectory(dirname(pidFile)))
    add(
      "warning",
      pidFile,
      `the directory "${dirname(pidFile)}" of the pid file does not exist: none is written`,
    )
  return {
    config: unwritten.size === 0 ? config : withoutLogs(config, unwritten),
    problems: [...problems.values()],
  }
}

/** Directories of logs that a configuration names; some may be missing. */
export function logDirectories(config: Config): Set<string> {
  return new Set(Array.from(logsOf(config), ([path]) => resolve(dirname(path))))
}

function withoutLogs(config: Config, unwritten: ReadonlySet<string>): Config {
  const settings = <Settings extends Pick<RouteSettings, "accessLogs">>(each: Settings): Settings => {
    return { ...each, accessLogs: each.accessLogs.filter(({ path }) => !unwritten.has(path)) }
  }
  const route = (each: RouteConfig): RouteConfig => {
    return { ...each, settings: settings(each.settings), routes: each.routes.map(route) }
  }
  return {
    ...config,
    log: unwritten.has(config.log.path) ? { ...config.log, path: "stderr" } : config.log,
    servers: config.servers.map((server) => {
      return { ...server, fallback: settings(server.fallback), routes: server.routes.map(route) }
    }),
    tcp: {
      ...config.tcp,
      servers: config.tcp.servers.map((server) => ({ ...server, settings: settings(server.settings) })),
    },
  }
}

function filesRead({ listeners, servers, tcp, clusters, admin, xds }: Config): Set<string> {
  const files: (string | null)[] = [typeof admin === "object" ? admin.tokenFile : null]
  if (xds !== null) files.push(xds.certFile, xds.keyFile, xds.clientCaFile)
  const upstreamTls = (tls: UpstreamTlsConfig | null): void => {
    if (tls !== null) files.push(tls.caFile, tls.crlFile, tls.certFile, tls.keyFile, tls.passwordFile)
  }
  for (const { tls } of listeners) {
    if (tls === null) continue
    for (const { certFile, keyFile, passwordFile = null, stapling } of tls.certificates)
      files.push(
        certFile,
        keyFile,
        passwordFile,
        stapling?.responseFile ?? null,
        stapling?.issuerFile ?? null,
      )
    for (const asked of [tls, ...tls.certificates.flatMap(({ clients }) => clients ?? [])])
      files.push(asked.clientCaFile, asked.clientCrlFile)
  }
  for (const route of routesOf(servers)) {
    if ("tls" in route.action) upstreamTls(route.action.tls)
  }
  for (const { action } of tcp.servers) if ("tls" in action) upstreamTls(action.tls)
  for (const source of clusters.flatMap(({ discovery }) => discovery)) files.push(...filesOf(source))
  for (const { bridge, access, extAuthz, rateService } of settingsOf(servers)) {
    files.push(bridge.descriptorSet)
    for (const service of [extAuthz, rateService]) upstreamTls(service?.tls ?? null)
    for (const keys of access.jwt?.keys ?? [])
      files.push(keys.kind === "file" ? keys.keysFile : keys.kind === "url" ? keys.caFile : null)
  }
  // What variables come to is known when a client is there.
  return new Set(files.filter((path) => path !== null && !isSaidPath(path))) as Set<string>
}

/** A file that lists endpoints may come later. */
function filesOf(source: DiscoveryConfig): (string | null)[] {
  switch (source.kind) {
    case "etcd":
      return [source.caFile, source.certFile, source.keyFile, source.passwordFile]
    case "consul":
      return [source.caFile, source.certFile, source.keyFile, source.tokenFile]
    case "kubernetes":
      return [source.kubeconfig]
    default:
      return []
  }
}

function* logsOf({ log, servers, tcp }: Config): Generator<[path: string, what: "log" | "access log"]> {
  if (isFile(log.path)) yield [log.path, "log"]
  const all: Pick<RouteSettings, "accessLogs">[] = [
    ...settingsOf(servers),
    ...tcp.servers.map(({ settings }) => settings),
  ]
  for (const { accessLogs } of all)
    for (const { path } of accessLogs) if (isFile(path)) yield [path, "access log"]
}

function isFile(path: string): boolean {
  return path !== "stderr" && !path.startsWith("/dev/")
}

function* settingsOf(servers: Config["servers"]): Generator<RouteSettings> {
  for (const { fallback } of servers) yield fallback
  for (const { settings } of routesOf(servers)) yield settings
}

function* routesOf(servers: Config["servers"]): Generator<RouteConfig> {
  const within = function* (routes: readonly RouteConfig[]): Generator<RouteConfig> {
    for (const route of routes) {
      yield route
      yield* within(route.routes)
    }
  }
  for (const { routes } of servers) yield* within(routes)
}

/** Where the text of a file first spells a path, or an address, as it is; null: nowhere. */
export function placeOf(
  path: string,
  sources: Sources,
): Pick<Problem, "file" | "line" | "column" | "length"> | null {
  if (path === "") return null
  for (const [file, source] of sources) {
    for (let at = source.indexOf(path); at >= 0; at = source.indexOf(path, at + 1)) {
      const start = source.lastIndexOf("\n", at - 1) + 1
      const isComment = /^\s*#/.test(source.slice(start, at))
      if (isComment || !isAlone(source, at, path.length)) continue
      return { file, line: lineAt(source, start), column: at - start + 1, length: path.length }
    }
  }
  return null
}

function isAlone(source: string, at: number, length: number): boolean {
  const [before = " ", after = " "] = [source[at - 1], source[at + length]]
  return /[\s"',:{[]/.test(before) && /[\s"',;}\]]/.test(after)
}

/** From 1. */
function lineAt(source: string, start: number): number {
  let line = 1
  for (let at = source.indexOf("\n"); at >= 0 && at < start; at = source.indexOf("\n", at + 1)) line++
  return line
}

import { dirname } from "node:path"
import type { Config, RouteConfig, RouteSettings, UpstreamTlsConfig } from "./model.ts"
import type { Problem, Sources } from "./problem.ts"

/** How files are asked for; tests hand in their own. */
export interface FileLook {
  canRead(path: string): boolean
  isDirectory(path: string): boolean
}

/**
 * Warnings of what a start would find missing: files that cannot be read, directories of logs and of the pid file that do
 * not exist. Each stands where the path is first written, as far as the file spells it as it is.
 */
export function missingFiles(config: Config, file: string, sources: Sources, look: FileLook): Problem[] {
  const messages = new Map<string, string>()
  for (const path of filesRead(config)) if (!look.canRead(path)) messages.set(`cannot read "${path}"`, path)
  for (const [path, what] of filesWritten(config)) {
    const directory = dirname(path)
    if (!look.isDirectory(directory))
      messages.set(`the directory "${directory}" of the ${what} does not exist`, path)
  }
  return [...messages].map(([message, path]) => ({
    severity: "warning",
    ...(placeOf(path, sources) ?? { file, line: 0, column: 0, length: 1 }),
    message,
    hint: null,
  }))
}

function filesRead({ listeners, servers }: Config): Set<string> {
  const files: (string | null)[] = []
  const upstreamTls = (tls: UpstreamTlsConfig | null): void => {
    if (tls !== null) files.push(tls.caFile, tls.certFile, tls.keyFile)
  }
  for (const { tls } of listeners) {
    if (tls === null) continue
    for (const { certFile, keyFile } of tls.certificates) files.push(certFile, keyFile)
    files.push(tls.clientCaFile)
  }
  for (const route of routesOf(servers)) {
    if (route.action.kind === "cluster" || route.action.kind === "variable") upstreamTls(route.action.tls)
  }
  for (const { bridge } of settingsOf(servers)) files.push(bridge.descriptorSet)
  return new Set(files.filter((path) => path !== null))
}

function* filesWritten({ log, pidFile, servers }: Config): Generator<[path: string, what: string]> {
  if (isFile(log.path)) yield [log.path, "log"]
  if (pidFile !== null) yield [pidFile, "pid file"]
  for (const { accessLogs } of settingsOf(servers))
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

function placeOf(
  path: string,
  sources: Sources,
): Pick<Problem, "file" | "line" | "column" | "length"> | null {
  for (const [file, source] of sources) {
    for (const [index, line] of source.split("\n").entries()) {
      const column = /^\s*#/.test(line) ? 0 : columnOf(path, line)
      if (column > 0) return { file, line: index + 1, column, length: path.length }
    }
  }
  return null
}

/** From 1; 0 where it is not there on its own. */
function columnOf(path: string, line: string): number {
  for (let at = line.indexOf(path); at >= 0; at = line.indexOf(path, at + 1)) {
    const [before = " ", after = " "] = [line[at - 1], line[at + path.length]]
    if (/[\s"',:{[]/.test(before) && /[\s"',;}\]]/.test(after)) return at + 1
  }
  return 0
}

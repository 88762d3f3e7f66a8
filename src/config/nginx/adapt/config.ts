/** The whole file: from checked directives to the model. */
import { defaultConfig } from "../../defaults.ts"
import type { Config } from "../../model.ts"
import type { Directive } from "../ast.ts"
import { holdsLines } from "../line.ts"
import { asksForPlace, PlacedVariables } from "../place.ts"
import { Scope } from "../scope.ts"
import { readNumber, readTimeMs } from "../units.ts"
import { type Adapter, fullPath } from "./adapter.ts"
import { adaptAdmin, adaptMetrics } from "./admin.ts"
import { adaptZones } from "./limits.ts"
import { Listeners } from "./listeners.ts"
import { adaptErrorLog, adaptLogFormat } from "./log.ts"
import { checkMatches } from "./match.ts"
import { adaptTracing } from "./otel.ts"
import { adaptProcessLimits } from "./process-limits.ts"
import { adaptServer } from "./server.ts"
import { adaptSettings } from "./settings.ts"
import { adaptStream } from "./stream.ts"
import { adaptUpstream } from "./upstream.ts"
import { adaptVariables } from "./variables.ts"
import { adaptXds } from "./xds.ts"

/**
 * @param tcp of what stands in `stream {}`
 * @param isFragment the file has no `http` block: it is what one would include
 */
export function adaptConfig(
  adapter: Adapter,
  tcp: Adapter,
  directives: Directive[],
  isFragment: boolean,
): Config {
  const { variables, directory } = adapter
  const placed = asksForPlace(directives)
    ? new PlacedVariables((name) => variables.isPlaced(name), directory)
    : null
  const main = new Scope("main", directives, null, placed)
  const http = isFragment ? main : new Scope("http", main.own("http")[0]?.block ?? [], main)
  const config = defaultConfig()
  adaptMain(adapter, main, config)
  adaptErrorLogs(adapter, directives, config)
  for (const directive of http.own("log_format")) adaptLogFormat(adapter, directive)
  for (const directive of http.own("upstream")) adaptUpstream(adapter, directive, http)
  checkMatches(adapter.report, http, "http")
  config.variables = adaptVariables(adapter, http)
  config.tracing = adaptTracing(adapter, http)
  adapter.zones.push(...adaptZones(adapter, http))
  config.zones = adapter.zones
  adaptSettings(adapter, http, null, null)
  const listeners = new Listeners(adapter)
  const servers = http.own("server").map((directive) => adaptServer(adapter, directive, http, listeners))
  config.variables = [...adapter.levelChecks.variables, ...config.variables]
  config.limits = adaptProcessLimits(
    adapter.report,
    main,
    http,
    servers.map(({ scope }) => scope),
  )
  config.listeners = listeners.build()
  config.servers = servers.map((server) => server.config)
  config.clusters = [...adapter.clusters.values()]
  const stream = main.own("stream")[0]
  if (stream !== undefined) adaptStream(tcp, stream, main, config)
  return config
}

function adaptMain(adapter: Adapter, main: Scope, config: Config): void {
  const workers = main.one("worker_processes")?.args[0]
  if (workers?.text === "auto") config.workers = "auto"
  else if (workers !== undefined) {
    config.workers = readNumber(workers.text) || 1
    if (!readNumber(workers.text)) {
      adapter.report.error(
        workers.span,
        `"worker_processes" directive invalid value "${workers.text}"`,
        'a whole number from 1, or "auto"',
      )
    }
  }
  const pid = main.one("pid")?.args[0]
  if (pid !== undefined && pid.text !== "off") config.pidFile = fullPath(adapter, pid)
  const admin = main.one("sluice_admin")
  if (admin !== null) adaptAdmin(adapter, admin, config)
  const xds = main.one("sluice_xds")
  if (xds !== null) adaptXds(adapter, xds, config)
  const metrics = main.one("sluice_metrics")
  if (metrics !== null) adaptMetrics(adapter, metrics, config)
  const shutdown = main.one("worker_shutdown_timeout")?.args[0]
  if (shutdown !== undefined) config.shutdown.graceMs = readTimeMs(shutdown.text)!
}

/** One log for all: the first of the outermost level that has any. */
function adaptErrorLogs(adapter: Adapter, directives: readonly Directive[], config: Config): void {
  const found: Directive[] = []
  // A line of a map that is called so is none.
  const within = ({ name, block }: Directive): Directive[] => (holdsLines(name.text) ? [] : (block ?? []))
  for (let level = directives; level.length > 0; level = level.flatMap(within)) {
    found.push(...level.filter(({ name }) => name.text === "error_log"))
  }
  for (const [index, directive] of found.entries()) adaptErrorLog(adapter, directive, config.log, index === 0)
}

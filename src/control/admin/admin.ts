import type { Clock } from "../../base/clock.ts"
import type { AdminConfig, AdminListenConfig } from "../../config/model.ts"
import type { Log } from "../../log/logger.ts"
import { listenForXds, type OpenXds } from "../xds/xds-server.ts"
import type { XdsService } from "../xds/xds-service.ts"
import { readToken } from "./access.ts"
import { leaveNote, ownSocketPath } from "./admin-socket.ts"
import { apiRoutes } from "./api.ts"
import { dashboardRoutes } from "./dashboard.ts"
import type { EventRing } from "./event-ring.ts"
import { AdminServer } from "./server.ts"
import type { ControlView } from "./view.ts"

export interface AdminOptions {
  readonly config: AdminConfig
  readonly view: ControlView
  readonly events: EventRing
  readonly clock: Clock
  readonly log: Log
  readonly env: NodeJS.ProcessEnv
}

/** An admin API, or an xDS server, that listens. */
export interface OpenAdmin {
  /** Of the API; null: there is an xDS server alone. */
  readonly address: string | null
  /** An address is written in the configuration: the next version of the program wants the same. */
  readonly isFixed: boolean
  close(): void
}

/**
 * Opens the admin API and the xDS server; null where both are off. The default API, of which nothing is written, is not
 * worth a start that fails: then the log says why there is none.
 * Errors: throws in one sentence.
 */
export async function openAdmin(options: AdminOptions): Promise<OpenAdmin | null> {
  const xds = await openXds(options)
  let api: OpenApi | null
  try {
    api = await openApi(options, xds?.service ?? null)
  } catch (error) {
    xds?.close()
    throw error
  }
  if (api === null && xds === null) return null
  return {
    address: api?.address ?? null,
    isFixed: options.config !== "default" || xds !== null,
    close() {
      api?.close()
      xds?.close()
    },
  }
}

async function openXds({
  view,
  clock,
  log,
}: AdminOptions): Promise<(OpenXds & { service: XdsService }) | null> {
  const { xds } = view.config
  if (xds === null) return null
  const { XdsService } = await import("../xds/xds-service.ts")
  const service = new XdsService({ source: view, clock, log })
  view.watch((cluster) => {
    if (cluster === null) service.configChanged()
    else service.endpointsChanged(cluster)
  })
  return { ...(await listenForXds(xds, service, log)), service }
}

interface OpenApi {
  readonly address: string
  close(): void
}

async function openApi(options: AdminOptions, xds: XdsService | null): Promise<OpenApi | null> {
  const { config } = options
  if (config === "off" || (config === "default" && process.platform === "win32")) return null
  if (config !== "default") return listenOn(config, options, xds)
  try {
    return await listenOn(defaultOf(options.env), options, xds)
  } catch (error) {
    options.log.warn("no admin API", { reason: (error as Error).message })
    return null
  }
}

function defaultOf(env: NodeJS.ProcessEnv): AdminListenConfig {
  return { host: null, port: null, unixPath: ownSocketPath(env, process.pid), tokenFile: null, hosts: [] }
}

async function listenOn(
  config: AdminListenConfig,
  { view, events, clock, log, env, config: written }: AdminOptions,
  xds: XdsService | null,
): Promise<OpenApi> {
  const isWritten = written !== "default"
  const rules = {
    token: config.tokenFile === null ? null : readToken(config.tokenFile),
    isUnix: config.unixPath !== null,
    hosts: config.hosts,
  }
  const routes = apiRoutes({ view, events, log, clock, xds, startedAtMs: clock.wallMs() })
  const { limits, counters } = view
  const server = new AdminServer([...routes, ...dashboardRoutes()], rules, log, { limits, counters, clock })
  const address = await server.listen(config)
  const note = isWritten ? leaveNote(env, process.pid, { address, tokenFile: config.tokenFile }) : null
  return {
    address,
    close() {
      server.close()
      note?.remove()
    },
  }
}

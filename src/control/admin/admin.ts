import type { Clock } from "../../base/clock.ts"
import type { AdminConfig, AdminListenConfig } from "../../config/model.ts"
import type { Log } from "../../log/logger.ts"
import { readToken } from "./access.ts"
import { ownSocketPath } from "./admin-socket.ts"
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

/** An admin API that listens. */
export interface OpenAdmin {
  readonly address: string
  /** Its address is written in the configuration: the next version of the program wants the same. */
  readonly isFixed: boolean
  close(): void
}

/**
 * Opens the admin API; null where it is off. The default, of which nothing is written, is not worth a start that fails:
 * then the log says why there is none.
 * Errors: throws in one sentence.
 */
export async function openAdmin(options: AdminOptions): Promise<OpenAdmin | null> {
  const { config } = options
  if (config === "off" || (config === "default" && process.platform === "win32")) return null
  if (config !== "default") return listenOn(config, options)
  try {
    return await listenOn(defaultOf(options.env), options)
  } catch (error) {
    options.log.warn("no admin API", { reason: (error as Error).message })
    return null
  }
}

function defaultOf(env: NodeJS.ProcessEnv): AdminListenConfig {
  return { host: null, port: null, unixPath: ownSocketPath(env, process.pid), tokenFile: null, hosts: [] }
}

async function listenOn(config: AdminListenConfig, options: AdminOptions): Promise<OpenAdmin> {
  const { view, events, clock, log } = options
  const rules = {
    token: config.tokenFile === null ? null : readToken(config.tokenFile),
    isUnix: config.unixPath !== null,
    hosts: config.hosts,
  }
  const routes = apiRoutes({ view, events, log, clock, startedAtMs: clock.wallMs() })
  const server = new AdminServer([...routes, ...dashboardRoutes()], rules, log)
  const address = await server.listen(config)
  return { address, isFixed: options.config !== "default", close: () => server.close() }
}

import { defaultCluster, defaultRouteSettings } from "../config/defaults.ts"
import type { CommonSettings } from "../config/gateway/draft.ts"
import type { Config } from "../config/model.ts"

/** The server, and the upstream, of which the settings are those of all routes. Neither is served. */
const COMMON = "gateway-routes"

/** What a controller serves besides its resources, and how it runs. */
export interface ControllerBase {
  /** A configuration of resources with all that is the base's. */
  complete(config: Config): Config
  /** Before the resources are known: nothing listens, so that no probe takes it for ready. */
  readonly atStart: Config
  readonly common: CommonSettings
  /** Addresses that are the base's own, and what is to be said of them. */
  readonly reserved: ReadonlyMap<string, string>
}

export function baseOf(base: Config): ControllerBase {
  const isCommon = ({ names }: { names: readonly string[] }): boolean => names.includes(COMMON)
  const servers = base.servers.filter((server) => !isCommon(server))
  const clusters = base.clusters.filter(({ name }) => name !== COMMON)
  const used = new Set([...servers, ...base.tcp.servers].flatMap(({ listeners }) => listeners))
  const listeners = base.listeners.filter(({ name }) => used.has(name))
  return {
    complete: (config) => ({
      ...base,
      listeners: [...listeners, ...config.listeners],
      servers: [...servers, ...config.servers],
      clusters: [...clusters, ...config.clusters],
      variables: [...base.variables, ...config.variables],
    }),
    atStart: { ...base, clusters, listeners: [], servers: [], tcp: { ...base.tcp, servers: [] } },
    common: {
      routes: base.servers.find(isCommon)?.fallback ?? defaultRouteSettings(),
      clusters: base.clusters.find(({ name }) => name === COMMON) ?? defaultCluster(COMMON),
    },
    reserved: new Map(listeners.map(({ name }) => [name, "it is an address of the configuration file"])),
  }
}

import type { Config } from "../config/model.ts"

/** What a controller serves besides its resources, and how it runs. */
export interface ControllerBase {
  /** A configuration of resources with all that is the base's. */
  complete(config: Config): Config
  /** Before the resources are known: nothing listens, so that no probe takes it for ready. */
  readonly atStart: Config
  /** Addresses that are the base's own, and what is to be said of them. */
  readonly reserved: ReadonlyMap<string, string>
}

export function baseOf(base: Config): ControllerBase {
  return {
    complete: (config) => ({
      ...base,
      listeners: [...base.listeners, ...config.listeners],
      servers: [...base.servers, ...config.servers],
      clusters: [...base.clusters, ...config.clusters],
      variables: [...base.variables, ...config.variables],
    }),
    atStart: { ...base, listeners: [], servers: [], tcp: { ...base.tcp, servers: [] } },
    reserved: new Map(base.listeners.map(({ name }) => [name, "it is an address of the configuration file"])),
  }
}

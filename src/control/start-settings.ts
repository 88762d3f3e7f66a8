import type { Config, ListenerConfig } from "../config/model.ts"

/** What a process takes from its configuration at its start only, and how people know it. */
const OF_PROCESS: Partial<Record<keyof Config, string>> = {
  workers: "workers (worker_processes)",
  log: "log (error_log)",
  pidFile: "pidFile (pid)",
  limits: "limits",
  admin: "admin (sluice_admin)",
  xds: "xds (sluice_xds)",
  metrics: "metrics (sluice_metrics)",
  tracing: "tracing (otel_exporter)",
}

/** What a socket takes from its listener when it is opened. */
const OF_SOCKET: Partial<Record<keyof ListenerConfig, string>> = {
  backlog: "backlog",
  reusePort: "reusePort (reuseport)",
  ipv6Only: "ipv6Only (ipv6only)",
  socketKeepalive: "socketKeepalive (so_keepalive)",
}

/** The settings in force that no reload changes. */
export class StartSettings {
  readonly #config: Config
  /** As they were opened, by name. */
  #listeners = new Map<string, ListenerConfig>()

  constructor(config: Config) {
    this.#config = config
    this.reloaded(config)
  }

  /** To be told of each configuration that a reload has put in force. Returns what of it waits for the next start. */
  reloaded(config: Config): string[] {
    const { listeners } = config
    this.#listeners = new Map(
      listeners.map((listener) => [listener.name, this.#listeners.get(listener.name) ?? listener]),
    )
    const waiting = differing(OF_PROCESS, this.#config, config)
    for (const listener of listeners)
      for (const name of differing(OF_SOCKET, this.#listeners.get(listener.name)!, listener))
        waiting.push(`${name} of ${listener.name}`)
    return waiting
  }
}

function differing<Of extends object>(
  names: Partial<Record<keyof Of, string>>,
  one: Of,
  other: Of,
): string[] {
  const keys = Object.keys(names) as (keyof Of)[]
  return keys
    .filter((key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]))
    .map((key) => names[key]!)
}

/** Names of hosts among the proxies that are believed. nginx: `set_real_ip_from proxy.internal`. */
import { parseNetwork } from "../record/networks.ts"
import type { Config, RealIpConfig, RouteConfig, RouteSettings } from "./model.ts"

/** What is a name rather than a network or `unix:`. */
export function isTrustedName(text: string): boolean {
  return parseNetwork(text) === null && /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/.test(text)
}

export function trustedNames({ servers, tcp }: Config): Set<string> {
  const found = [...servers.flatMap(({ fallback, routes }) => [fallback, ...settingsOf(routes)])].flatMap(
    ({ realIp }) => realIp?.from ?? [],
  )
  return new Set(
    [...found, ...tcp.servers.flatMap(({ settings }) => settings.realIpFrom)].filter(isTrustedName),
  )
}

function settingsOf(routes: readonly RouteConfig[]): RouteSettings[] {
  return routes.flatMap(({ settings, routes: inner }) => [settings, ...settingsOf(inner)])
}

/** The configuration with addresses in the place of the names. One without addresses is left out. */
export function withTrusted(config: Config, addressesOf: ReadonlyMap<string, readonly string[]>): Config {
  if (addressesOf.size === 0) return config
  const resolved = (from: readonly string[]): string[] =>
    from.flatMap((text) => (isTrustedName(text) ? (addressesOf.get(text) ?? []) : [text]))
  const settings = (each: RouteSettings): RouteSettings => {
    const realIp: RealIpConfig | null = each.realIp && { ...each.realIp, from: resolved(each.realIp.from) }
    return { ...each, realIp }
  }
  const route = (each: RouteConfig): RouteConfig => {
    return { ...each, settings: settings(each.settings), routes: each.routes.map(route) }
  }
  return {
    ...config,
    servers: config.servers.map((server) => {
      return { ...server, fallback: settings(server.fallback), routes: server.routes.map(route) }
    }),
    tcp: {
      ...config.tcp,
      servers: config.tcp.servers.map((server) => {
        return {
          ...server,
          settings: { ...server.settings, realIpFrom: resolved(server.settings.realIpFrom) },
        }
      }),
    },
  }
}

import type { Config, ZoneConfig } from "./model.ts"

/**
 * What a cluster of TCP servers is called where one of HTTP has its name: clusters of both are told and counted by name.
 * Its servers may name it without that.
 */
export function tcpClusterName(name: string): string {
  return `tcp:${name}`
}

/** A zone of TCP servers as memory has it: one of HTTP may have the same name. */
export function tcpZone(zone: ZoneConfig): ZoneConfig {
  return { ...zone, name: `tcp:${zone.name}` }
}

export function allZones({ zones, tcp }: Config): ZoneConfig[] {
  return [...zones, ...tcp.zones.map(tcpZone)]
}

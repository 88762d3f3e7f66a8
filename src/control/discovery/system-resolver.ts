import { lookup, Resolver } from "node:dns/promises"
import { isIP } from "node:net"
import type { NameResolver, ResolvedName } from "./dns-source.ts"

const TIMEOUT_MS = 2_000
const TRIES = 2
/** For the TTL alone the answer is not waited for any longer. */
const TTL_TIMEOUT_MS = 500

/** Asks these name servers, `address` or `address:port` each, and the system for names that they do not have. */
export function serverResolver(servers: readonly string[]): NameResolver {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES })
  resolver.setServers(servers)
  return {
    async resolve(name, families) {
      const found = await askBoth(resolver, name, families)
      return found.addresses.length > 0 ? found : lookUp(name, families)
    },
    resolveSrv: (name) => resolver.resolveSrv(name),
  }
}

/** The system's way, /etc/hosts and search domains included. It knows no TTL: the name servers are asked for that. */
export function systemResolver(): NameResolver {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES })
  const forTtl = new Resolver({ timeout: TTL_TIMEOUT_MS, tries: 1 })
  return {
    async resolve(name, families) {
      const [found, records] = await Promise.all([
        lookUp(name, families),
        askBoth(forTtl, name, families).catch(() => null),
      ])
      return records !== null && isSame(found.addresses, records.addresses) ? records : found
    },
    resolveSrv: (name) => resolver.resolveSrv(name),
  }
}

type Families = Parameters<NameResolver["resolve"]>[1]

async function askBoth(resolver: Resolver, name: string, { ipv4, ipv6 }: Families): Promise<ResolvedName> {
  const asked = await Promise.allSettled([
    ...(ipv4 ? [resolver.resolve4(name, { ttl: true })] : []),
    ...(ipv6 ? [resolver.resolve6(name, { ttl: true })] : []),
  ])
  // Half an answer is not one: endpoints of a family whose question failed would be taken for gone.
  const failed = asked.find((one) => one.status === "rejected" && !isNoSuchRecord(one.reason))
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason as Error
  const records = asked.flatMap((one) => (one.status === "fulfilled" ? one.value : []))
  const ttlMs = records.length === 0 ? null : Math.min(...records.map(({ ttl }) => ttl)) * 1000
  return { addresses: distinct(records.map(({ address }) => address)), ttlMs }
}

async function lookUp(name: string, { ipv4, ipv6 }: Families): Promise<ResolvedName> {
  const found = await lookup(name, { all: true })
  const addresses = found.map(({ address }) => address)
  return { addresses: distinct(addresses.filter((one) => (isIP(one) === 4 ? ipv4 : ipv6))), ttlMs: null }
}

function distinct(addresses: readonly string[]): string[] {
  return [...new Set(addresses)].sort()
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((address, index) => address === other[index])
}

function isNoSuchRecord(error: unknown): boolean {
  const { code } = error as { code?: string }
  return code === "ENODATA" || code === "ENOTFOUND"
}

import { lookup, Resolver } from "node:dns/promises"
import type { NameResolver } from "./dns-source.ts"

const TIMEOUT_MS = 2_000
const TRIES = 2

/** `servers`: `address` or `address:port` each, as nginx's `resolver` has them; null: those of the system. */
export function systemResolver(servers: readonly string[] | null): NameResolver {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES })
  if (servers !== null) resolver.setServers(servers)
  return {
    resolve4: (name) => resolver.resolve4(name, { ttl: true }),
    resolve6: (name) => resolver.resolve6(name, { ttl: true }),
    resolveSrv: (name) => resolver.resolveSrv(name),
    lookup: async (name) => {
      // nginx's resolver does not look there either.
      if (servers !== null) throw Object.assign(new Error("no such name"), { code: "ENOTFOUND" })
      return (await lookup(name, { all: true })).map(({ address }) => address)
    },
  }
}

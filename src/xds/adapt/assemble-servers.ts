import type { ServerConfig } from "../../config/model.ts"
import type { RouteAssembler } from "./assemble-routes.ts"
import type { HttpPlan, ListenerPlan } from "./listener-plan.ts"
import type { RoutesPlan } from "./route-plan.ts"
import { escapeRegex } from "./text-tests.ts"

/** The virtual hosts of a listener's filter chains, and one for what none of them is for. */
export function assembleServers(
  { chains }: ListenerPlan,
  listener: string,
  routesByName: ReadonlyMap<string, RoutesPlan>,
  routes: RouteAssembler,
): ServerConfig[] {
  const servers: ServerConfig[] = []
  let hasDefault = false
  for (const { names, to } of chains) {
    const { routes: from } = to as HttpPlan
    const plan = "hosts" in from ? from : routesByName.get(from.name)
    for (const { domains, routes: own } of plan?.hosts ?? []) {
      const isDefault = names.length === 0 && domains.includes("*") && !hasDefault
      const server = routes.server(
        namesWithin(domains, names),
        listener,
        own,
        to as HttpPlan,
        plan!.variables,
      )
      if (isDefault) hasDefault = true
      if (isDefault || server.names.length > 0)
        servers.push({ ...server, defaultFor: isDefault ? [listener] : [] })
    }
  }
  if (!hasDefault) servers.push({ ...routes.server([], listener, [], null, null), defaultFor: [listener] })
  return servers
}

/** Domains of a virtual host as names of a server, as far as a filter chain is for them. `chain`: empty: for all. */
export function namesWithin(domains: readonly string[], chain: readonly string[]): string[] {
  const names = new Set<string>()
  for (const domain of domains) {
    const name = nginxName(domain)
    if (chain.length === 0) {
      if (domain !== "*") names.add(name)
    } else if (domain === "*") for (const one of chain) names.add(nginxName(one))
    else {
      for (const one of chain) {
        const other = nginxName(one)
        if (isWithin(name, other)) names.add(name)
        else if (isWithin(other, name)) names.add(other)
      }
    }
  }
  return [...names]
}

/** `*.example.com` has all names that end so. */
function isWithin(name: string, other: string): boolean {
  return name === other || (other.startsWith("*.") && !name.startsWith("~") && name.endsWith(other.slice(1)))
}

/** A domain as the model has it: without a port, and in lower case. */
export function nginxName(domain: string): string {
  const lower = domain.toLowerCase()
  const colon = lower.lastIndexOf(":")
  const name = colon > lower.lastIndexOf("]") ? lower.slice(0, colon) : lower
  if (!name.includes("*") || /^\*\.[^*]+$/.test(name) || /^[^*]+\.\*$/.test(name)) return name
  return `~^${name.split("*").map(escapeRegex).join(".+")}$`
}

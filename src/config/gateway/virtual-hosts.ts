/** Virtual hosts: for each hostname of an address the rules that a request for it may take, in the API's order. */
import type { RouteConfig, RouteSettings, ServerConfig } from "../model.ts"
import type { Attachment } from "./attachment.ts"
import { covers, mostSpecific, specificity } from "./hostnames.ts"
import { isServed, type PlannedListener } from "./listeners.ts"
import { compareRanks } from "./matches.ts"
import { byAge } from "./resources.ts"
import type { RankedRoute } from "./rules.ts"

/** What a route comes to at a listener. */
type RoutesOf = (attachment: Attachment) => readonly RankedRoute[]

/** The servers of one address. A hostname belongs to the most specific of its listeners, and to no other. */
export function virtualHosts(
  address: string,
  listeners: readonly PlannedListener[],
  attachments: readonly Attachment[],
  { routesOf, settings }: { routesOf: RoutesOf; settings: RouteSettings },
): ServerConfig[] {
  const served = listeners.filter((planned) => planned.address === address && isServed(planned))
  const byHostname = new Map(served.map((planned) => [planned.listener.hostname, planned]))
  const names = new Set(["", ...byHostname.keys()])
  const here = attachments.filter(({ planned }) => served.includes(planned))
  for (const { hostnames } of here) for (const hostname of hostnames) names.add(hostname)
  return [...names].sort().map((name) => {
    const owner = byHostname.get(mostSpecific([...byHostname.keys()], name) ?? "\0")
    const ofOwner = here.filter(({ planned }) => planned === owner)
    return {
      names: name === "" ? [] : [name],
      listeners: [address],
      defaultFor: name === "" ? [address] : [],
      order: "written" as const,
      underscoresInHeaders: false,
      mergeSlashes: true,
      routes: routesFor(name, ofOwner, routesOf),
      rewrite: [],
      fallback: settings,
    }
  })
}

function routesFor(name: string, attachments: readonly Attachment[], routesOf: RoutesOf): RouteConfig[] {
  const ranked = attachments.flatMap((attachment) => {
    const hostname = mostSpecific(attachment.hostnames, name)
    if (hostname === undefined || !covers(hostname, name)) return []
    const { route } = attachment.of
    return routesOf(attachment).map(({ rank, config }) => ({
      route,
      config,
      rank: [...specificity(hostname), ...rank],
    }))
  })
  // Of one route the order in which its rules stand: sorting keeps it.
  return ranked
    .sort((one, other) => compareRanks(one.rank, other.rank) || byAge(one.route, other.route))
    .map(({ config }) => config)
}

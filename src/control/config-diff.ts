import { isDeepStrictEqual } from "node:util"
import type { Config, ServerConfig } from "../config/model.ts"

/** Live streams of an endpoint, or of all endpoints of a cluster. */
export type StreamsAt = (cluster: string, address: string | null) => number

/**
 * What a reload changes, as lines for people: `+ cluster chat`, `- endpoint 10.0.0.3:50051 of chat; 12 live streams stay`,
 * `~ listener web`.
 */
export function configDiff(before: Config, after: Config, streamsAt: StreamsAt = () => 0): string[] {
  return [
    ...named("listener", before.listeners, after.listeners),
    ...named("cluster", before.clusters, after.clusters, (name) => streamsAt(name, null)),
    ...endpointsDiff(before, after, streamsAt),
    ...listed("server", before.servers, after.servers),
    ...settingsDiff(before, after),
  ]
}

/** Lines shown in the log and in answers; the rest as a number. */
const LINES_MAX = 20

export function shortDiff(lines: readonly string[]): string[] {
  const more = lines.length - LINES_MAX
  return more > 0 ? [...lines.slice(0, LINES_MAX), `and ${more} more`] : [...lines]
}

function named<Item extends { name: string }>(
  what: string,
  before: readonly Item[],
  after: readonly Item[],
  streamsOf: (name: string) => number = () => 0,
): string[] {
  const stay = (name: string): string => {
    const streams = streamsOf(name)
    if (streams === 0) return ""
    return streams === 1 ? "; 1 live stream stays" : `; ${streams} live streams stay`
  }
  const old = new Map(before.map((item) => [item.name, item]))
  const lines = after.flatMap((item) => {
    const was = old.get(item.name)
    old.delete(item.name)
    if (was === undefined) return [`+ ${what} ${item.name}`]
    const rest = (one: Item): object => ({ ...one, endpoints: null })
    return isDeepStrictEqual(rest(was), rest(item)) ? [] : [`~ ${what} ${item.name}`]
  })
  return [...[...old.keys()].map((name) => `- ${what} ${name}${stay(name)}`), ...lines]
}

function endpointsDiff(before: Config, after: Config, streamsAt: StreamsAt): string[] {
  const old = new Map(before.clusters.map(({ name, endpoints }) => [name, endpoints]))
  return after.clusters.flatMap(({ name, endpoints }) => {
    const was = old.get(name)
    if (was === undefined) return []
    const byAddress = (list: typeof endpoints) =>
      list.map((each) => ({ ...each, name: `${each.address} of ${name}` }))
    const streamsOf = (text: string): number => streamsAt(name, text.slice(0, -` of ${name}`.length))
    return named("endpoint", byAddress(was), byAddress(endpoints), streamsOf)
  })
}

/** Servers are told apart by their names and listeners. */
function listed(what: string, before: readonly ServerConfig[], after: readonly ServerConfig[]): string[] {
  const keyed = (servers: readonly ServerConfig[]) =>
    servers.map((server) => ({
      ...server,
      name: `${server.names.filter((name) => name !== "").join(" ") || "(any name)"} on ${server.listeners.join(" ")}`,
    }))
  return named(what, keyed(before), keyed(after))
}

function settingsDiff(before: Config, after: Config): string[] {
  const own = Object.keys(after) as (keyof Config)[]
  return own
    .filter((key) => !["listeners", "clusters", "servers"].includes(key))
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key) => `~ ${key}`)
}

/** How the parts of `tcp` must agree, with each other and with listeners and clusters. */
import type { Address } from "../address.ts"
import { matchProblems, readExpect } from "../health-match.ts"
import { listenerAt, readPassAddress } from "../pass-address.ts"
import { didYouMean } from "../problem.ts"
import { type Fault, fault, type Path } from "./faults.ts"
import {
  checkName,
  checkVariables,
  clustersOf,
  isMap,
  known,
  listOf,
  type Map_,
  zoneNames,
} from "./rule-parts.ts"

export interface TcpNames {
  /** Those with `protocol: tcp`. */
  readonly listeners: ReadonlySet<string>
  readonly clusters: ReadonlySet<string>
  /** Of both protocols; null: they cannot be read. */
  readonly all: ReadonlySet<string> | null
  /** Of all listeners, where they can be read. */
  readonly addresses: readonly Address[]
  /** What routes have named; what is named here is added. */
  readonly names: { readonly used: Set<string>; unsure: boolean }
}

/** @param clusters as they are written */
export function checkTcp(input: unknown, clusters: unknown, names: TcpNames, faults: Fault[]): void {
  const tcp = isMap(input) ? input : {}
  for (const [, path, cluster] of clustersOf(clusters)) {
    if (isMap(cluster)) checkHealthKeys(cluster.healthCheck, [...path, "healthCheck"], faults)
    const policy = isMap(cluster) && cluster.protocol !== "tcp" ? cluster.policy : null
    if (isMap(policy) && policy.by === "connect_time")
      faults.push(fault([...path, "policy", "by"], "only clusters with protocol: tcp compare connect_time"))
    if (isMap(cluster) && cluster.protocol === "tcp") {
      checkHealth(cluster.healthCheck, path, faults)
      if (cluster.queue !== undefined)
        faults.push(
          fault([...path, "queue"], "connections of a cluster with protocol: tcp do not wait", null, "key"),
        )
    }
  }
  const served = new Set<string>()
  const hosts = new Set<string>()
  const defaults = new Set<string>()
  const zones = zoneNames(tcp.zones)
  checkVariables(tcp.variables, ["tcp", "variables"], faults)
  for (const [index, server] of (Array.isArray(tcp.servers) ? tcp.servers : []).entries()) {
    if (!isMap(server)) continue
    const path = ["tcp", "servers", index]
    const listeners = checkListeners(server, path, names, faults)
    for (const name of listeners) served.add(name)
    checkHosts(server, path, listeners, hosts, faults)
    checkDefault(server, path, listeners, defaults, faults)
    checkCluster(server, path, names, faults)
    checkPass(server, path, names, faults)
    for (const key of ["tls", "resolve"])
      if (server[key] !== undefined && server.cluster === undefined)
        faults.push(fault([...path, key], `"${key}" has a meaning only beside "cluster"`, null, "key"))
    const limits = isMap(server.limits) ? server.limits.limits : []
    for (const [at, limit] of (Array.isArray(limits) ? limits : []).entries()) {
      if (!isMap(limit) || typeof limit.zone !== "string" || zones.streamLimits.has(limit.zone)) continue
      const hint = didYouMean(limit.zone, zones.streamLimits)
      faults.push(
        fault([...path, "limits", "limits", at, "zone"], `there is no zone "${limit.zone}" of tcp`, hint),
      )
    }
  }
  for (const name of names.listeners)
    if (!served.has(name))
      faults.push(fault(["listeners"], `no server of tcp uses the listener "${name}"`, null, "key"))
}

/** What is asked and what comes must be of one kind. */
function checkHealthKeys(input: unknown, path: Path, faults: Fault[]): void {
  if (!isMap(input)) return
  const { type = "grpc", match, expect } = input
  const of: Record<string, readonly string[]> = {
    grpc: ["service", "grpcStatus", "watch"],
    http: ["uri", "match"],
    tcp: ["send", "expect"],
  }
  for (const [other, keys] of Object.entries(of))
    for (const key of other === type ? [] : keys)
      if (input[key] !== undefined)
        faults.push(fault([...path, key], `"${key}" has a meaning only with type: ${other}`, null, "key"))
  if (typeof expect === "string") {
    const read = readExpect(expect)
    if (typeof read === "string") faults.push(fault([...path, "expect"], read, '"= text" or "~ regex"'))
  }
  if (!isMap(match)) return
  const lists = [match.status, match.headers, match.body].map((list) => listOf(list ?? []))
  if (!lists.flat().every((each) => typeof each === "string")) return
  const [status, headers, body] = lists as [string[], string[], string[]]
  for (const { at, message } of matchProblems({ status, headers, body }))
    faults.push(fault([...path, "match", ...at], message))
}

/** Of HTTP/2 nothing is known of these endpoints. */
function checkHealth(input: unknown, path: Path, faults: Fault[]): void {
  if (!isMap(input) || input.type === "tcp") return
  const message = "a cluster with protocol: tcp is asked whether it accepts a connection"
  faults.push(fault([...path, "healthCheck"], message, "healthCheck: { type: tcp }", "key"))
}

function checkListeners(server: Map_, path: Path, { listeners }: TcpNames, faults: Fault[]): string[] {
  if (!Array.isArray(server.listeners)) {
    if (listeners.size === 0) faults.push(fault(path, "no listener has protocol: tcp"))
    return [...listeners]
  }
  for (const [index, name] of server.listeners.entries()) {
    if (typeof name !== "string" || listeners.has(name)) continue
    const hint = didYouMean(name, listeners) ?? known(listeners)
    faults.push(
      fault([...path, "listeners", index], `there is no listener "${name}" with protocol: tcp`, hint),
    )
  }
  return server.listeners.filter((name): name is string => listeners.has(name as string))
}

function checkHosts(
  { names }: Map_,
  path: Path,
  listeners: readonly string[],
  hosts: Set<string>,
  faults: Fault[],
): void {
  for (const [index, name] of listOf(names ?? "").entries()) {
    if (typeof name !== "string") continue
    const place =
      names === undefined ? path : Array.isArray(names) ? [...path, "names", index] : [...path, "names"]
    if (name !== "") checkName(name, place, faults)
    const taken = listeners.find((listener) => hosts.has(`${listener} ${name.toLowerCase()}`))
    for (const listener of listeners) hosts.add(`${listener} ${name.toLowerCase()}`)
    if (taken === undefined) continue
    const what = name === "" ? "has no name either" : `has the name "${name}"`
    const severity = "warning"
    faults.push({ ...fault(place, `another server of tcp on ${taken} ${what}, and goes before`), severity })
  }
}

function checkDefault(
  { default: input }: Map_,
  path: Path,
  listeners: readonly string[],
  defaults: Set<string>,
  faults: Fault[],
): void {
  for (const name of input === true ? listeners : Array.isArray(input) ? input.map(String) : []) {
    if (!listeners.includes(name))
      faults.push(
        fault([...path, "default"], `this server has no listener "${name}"`, didYouMean(name, listeners)),
      )
    else if (defaults.has(name))
      faults.push(
        fault([...path, "default"], `another server is the default of the listener "${name}"`, null, "key"),
      )
    defaults.add(name)
  }
}

function checkPass({ pass }: Map_, path: Path, { addresses }: TcpNames, faults: Fault[]): void {
  if (typeof pass !== "string" || pass.includes("$")) return
  const place = [...path, "pass"]
  const address = readPassAddress(pass)
  if (address === null)
    faults.push(fault(place, `"${pass}" is no address`, 'such as "127.0.0.1:8443", or "unix:/run/x.sock"'))
  else if (listenerAt(address, addresses) === null) {
    const message = `no listener has the address ${pass}: its connections end at once`
    faults.push({ ...fault(place, message), severity: "warning" })
  }
}

function checkCluster(server: Map_, path: Path, { clusters, all, names }: TcpNames, faults: Fault[]): void {
  const { cluster } = server
  if (typeof cluster !== "string") return
  if (cluster.includes("$")) names.unsure = true
  names.used.add(cluster)
  if (cluster.includes("$") || all === null || clusters.has(cluster)) return
  names.unsure = true
  const place = [...path, "cluster"]
  if (all.has(cluster))
    faults.push(fault(place, `the cluster "${cluster}" is of HTTP`, "it needs protocol: tcp, and no route"))
  else {
    const hint = didYouMean(cluster, clusters) ?? known(clusters)
    faults.push(fault(place, `there is no cluster "${cluster}"`, hint))
  }
}

/**
 * How the parts of an input must agree: names that are referred to exist, nothing is there twice, routes say where
 * they lead. Works on input of any shape and passes over what the schema refuses, so that all problems are told at once.
 */
import { limitNames } from "../../base/limits.ts"
import { resolveLimits } from "../../base/resolve-limits.ts"
import type { Address } from "../address.ts"
import { adminAddress, adminProblem } from "../admin-address.ts"
import { policyMeasures, policyNames, policyParameters } from "../policy-names.ts"
import { didYouMean } from "../problem.ts"
import { type Fault, fault, type Path } from "./faults.ts"
import {
  checkName,
  checkRegex,
  checkVariables,
  clustersOf,
  isMap,
  known,
  listOf,
  type Map_,
  zoneNames,
} from "./rule-parts.ts"
import { listenAddress } from "./scalars.ts"
import { checkServices } from "./service-rules.ts"
import { checkTcp } from "./tcp-rules.ts"
import { checkWrittenFields } from "./written-fields.ts"

interface Names {
  listeners: Set<string>
  /** Null when the clusters are not even a map or a list, so that references to them are not judged. */
  clusters: Set<string> | null
  /** Clusters that a route names. */
  used: Set<string>
  /** Some route finds its cluster by variables, or names one that is not there: any may be meant. */
  unsure: boolean
}

export function ruleFaults(input: unknown): Fault[] {
  if (!isMap(input)) return []
  const faults: Fault[] = []
  const listeners = checkListeners(input.listeners, faults)
  const clusters = checkClusters(input.clusters, faults)
  const tcpListeners = namesOfTcp(listenersOf(input.listeners))
  const tcpClusters = namesOfTcp(clustersOf(input.clusters))
  const names: Names = {
    listeners: without(listeners, tcpListeners),
    clusters: clusters === null ? null : without(clusters, tcpClusters),
    used: new Set(),
    unsure: false,
  }
  // A control plane has them, as a file says that has no server either.
  if (Array.isArray(input.listeners) && input.listeners.length === 0 && !isEmptyList(input.servers))
    faults.push(fault(["listeners"], '"listeners" must not be empty, unless "servers" is too', null, "key"))
  const isTcpAlone = names.listeners.size === 0 && tcpListeners.size > 0
  if (input.servers !== undefined) {
    if (input.routes !== undefined) {
      faults.push(fault(["routes"], '"routes" belongs into a server once there are "servers"', null, "key"))
    }
    checkServers(input.servers, names, faults)
  } else if (input.routes !== undefined) checkRoutes(input.routes, ["routes"], names, faults)
  else if (!isTcpAlone) checkOnlyCluster(names, faults)
  checkWrittenFields(input, [], faults)
  checkSteps(input.rewrite, ["rewrite"], names, faults)
  checkVariables(input.variables, ["variables"], faults)
  checkZones(input, [], zoneNames(input.zones), faults)
  checkServices(input, [], names, faults)
  checkTcp(
    input.tcp,
    input.clusters,
    {
      listeners: tcpListeners,
      clusters: tcpClusters,
      all: clusters,
      addresses: addressesOf(input.listeners),
      names,
    },
    faults,
  )
  warnOfUnused(input.clusters, names, faults)
  checkLimits(input.limits, faults)
  checkAdmin(input.admin, faults)
  return faults
}

const isEmptyList = (input: unknown): boolean => Array.isArray(input) && input.length === 0

function* listenersOf(input: unknown): Iterable<[name: string, path: Path, listener: unknown]> {
  for (const [index, listener] of listOf(input).entries()) {
    if (!isMap(listener)) continue
    const { address } = listener
    const written =
      typeof address === "string" || typeof address === "number" ? listenAddress(address)?.text : undefined
    const name = typeof listener.name === "string" ? listener.name : written
    if (name !== undefined) yield [name, ["listeners", index], listener]
  }
}

function addressesOf(input: unknown): Address[] {
  return listOf(input).flatMap((listener) => {
    const written = isMap(listener) ? listener.address : listener
    const address = typeof written === "string" || typeof written === "number" ? listenAddress(written) : null
    return address ?? []
  })
}

function without(names: ReadonlySet<string>, others: ReadonlySet<string>): Set<string> {
  return new Set([...names].filter((name) => !others.has(name)))
}

/** Of listeners or clusters. */
function namesOfTcp(all: Iterable<[name: string, path: Path, entry: unknown]>): Set<string> {
  return new Set(
    [...all].filter(([, , entry]) => isMap(entry) && entry.protocol === "tcp").map(([name]) => name),
  )
}

function checkListeners(input: unknown, faults: Fault[]): Set<string> {
  const names = new Set<string>()
  const addresses = new Set<string>()
  for (const [index, listener] of listOf(input).entries()) {
    const path = Array.isArray(input) ? ["listeners", index] : ["listeners"]
    const written = isMap(listener) ? listener.address : listener
    const address = typeof written === "string" || typeof written === "number" ? listenAddress(written) : null
    const name = isMap(listener) && typeof listener.name === "string" ? listener.name : address?.text
    if (address !== null && address.port !== 0 && addresses.has(address.text)) {
      faults.push(fault(path, `another listener has the address ${address.text}`))
    } else if (name !== undefined && names.has(name)) {
      faults.push(fault(path, `another listener has the name "${name}"`, "give it a name of its own"))
    }
    if (address !== null) addresses.add(address.text)
    if (name !== undefined) names.add(name)
    if (isMap(listener) && isMap(listener.tls)) checkTls(listener.tls, [...path, "tls"], faults)
  }
  return names
}

function checkAdmin(input: unknown, faults: Fault[]): void {
  if (isMap(input) && isMap(input.xds)) checkXds(input.xds, faults)
  const written = isMap(input) ? input.address : input
  if (written === "off" || (typeof written !== "string" && typeof written !== "number")) return
  const address = adminAddress(written)
  if (address === null) return
  const tokenFile = isMap(input) && typeof input.token === "string" ? input.token : null
  const problem = adminProblem({ ...address, tokenFile, hosts: [] })
  if (problem !== null)
    faults.push(fault(["admin"], problem, "admin: { address: ..., token: /path/of/a/file }"))
}

function checkXds({ certificate, key, clientCa }: Record<string, unknown>, faults: Fault[]): void {
  const path = ["admin", "xds"]
  if ((certificate === undefined) !== (key === undefined))
    faults.push(fault(path, "a certificate needs its key"))
  else if (clientCa !== undefined && certificate === undefined)
    faults.push(
      fault(path, "clients show certificates to a server that has one: certificate and key are missing"),
    )
}

function checkTls(
  { certificates, rejectNames, rejectOthers }: Record<string, unknown>,
  path: Path,
  faults: Fault[],
): void {
  const isShown = Array.isArray(certificates) ? certificates.length > 0 : certificates !== undefined
  if (!isShown && rejectOthers !== true)
    faults.push(fault(path, "tls needs certificates, unless rejectOthers is true"))
  checkNames(rejectNames, [...path, "rejectNames"], faults)
  for (const [index, certificate] of (Array.isArray(certificates) ? certificates : []).entries())
    if (isMap(certificate)) checkNames(certificate.names, [...path, "certificates", index, "names"], faults)
}

function checkNames(names: unknown, path: Path, faults: Fault[]): void {
  for (const [at, name] of (Array.isArray(names) ? names : []).entries())
    if (typeof name === "string") checkName(name, [...path, at], faults)
}

function checkClusters(input: unknown, faults: Fault[]): Set<string> | null {
  if (input === undefined) return new Set()
  if (!isMap(input) && !Array.isArray(input)) return null
  const names = new Set<string>()
  for (const [name, path, cluster] of clustersOf(input)) {
    if (names.has(name)) faults.push(fault(path, `another cluster has the name "${name}"`))
    if (name.includes("$")) faults.push(fault(path, 'a cluster\'s name must not contain "$"', null, "key"))
    names.add(name)
    checkEndpoints(cluster, path, faults)
    if (isMap(cluster) && cluster.endpoints === undefined && cluster.discovery === undefined)
      faults.push(fault(path, "a cluster needs endpoints or discovery"))
    if (isMap(cluster)) checkPolicy(cluster.policy, [...path, "policy"], faults)
    if (isMap(cluster) && isMap(cluster.rebalance)) checkRebalance(cluster, [...path, "rebalance"], faults)
  }
  return names
}

/** What a policy needs and what means nothing to it. */
function checkPolicy(input: unknown, path: Path, faults: Fault[]): void {
  const written = isMap(input) ? input : { name: input }
  const name = policyNames.find((one) => one === written.name)
  if (name === undefined) return
  const parameters = policyParameters[name]
  if (parameters.key && (written.key === undefined || written.key === "")) {
    const hint = `for instance { name: ${name}, key: $remote_addr }`
    faults.push(fault(path, `the policy ${name} needs a "key"`, hint))
  }
  for (const key of ["key", "balanceFactor", "inflight"] as const)
    if (written[key] !== undefined && !parameters[key])
      faults.push(fault([...path, key], `"${key}" has no meaning to the policy ${name}`, null, "key"))
  const { by } = written
  if (by !== undefined && !parameters.by.some((one) => one === by)) {
    const isMeasure = policyMeasures.some((one) => one === by)
    if (parameters.by.length === 0)
      faults.push(fault([...path, "by"], `"by" has no meaning to the policy ${name}`, null, "key"))
    else if (isMeasure)
      faults.push(fault([...path, "by"], `the policy ${name} compares ${parameters.by.join(", ")}`))
  }
}

/** Keys and cookies say where a stream belongs; numbers of streams would say otherwise. */
function checkRebalance({ policy, sticky }: Map_, path: Path, faults: Fault[]): void {
  const written = isMap(policy) ? policy.name : policy
  const name = policyNames.find((one) => one === written)
  const placesByKey = name !== undefined && (policyParameters[name].key || name === "ip_hash")
  if (placesByKey)
    faults.push(fault(path, `the policy ${name} places streams by a key`, "rehome moves those", "key"))
  else if (isMap(sticky)) faults.push(fault(path, "a sticky cookie says where streams belong", null, "key"))
}

function checkEndpoints(cluster: unknown, path: Path, faults: Fault[]): void {
  const [endpoints, base] = isMap(cluster) ? [cluster.endpoints, [...path, "endpoints"]] : [cluster, path]
  const addresses = new Set<string>()
  for (const [index, endpoint] of (Array.isArray(endpoints) ? endpoints : []).entries()) {
    const address = isMap(endpoint) ? endpoint.address : endpoint
    if (typeof address !== "string") continue
    if (addresses.has(address)) {
      const twice = fault(
        [...base, index],
        `the endpoint ${address} is in this cluster twice`,
        "give it a weight instead",
      )
      faults.push({ ...twice, severity: "warning" })
    }
    addresses.add(address)
  }
}

function checkServers(input: unknown, names: Names, faults: Fault[]): void {
  const defaults = new Set<string>()
  const hosts = new Set<string>()
  const served = new Set<string>()
  const servers = Array.isArray(input) ? input : []
  for (const [index, server] of servers.entries()) {
    if (!isMap(server)) continue
    const path = ["servers", index]
    const listeners = checkListenerNames(server.listeners, [...path, "listeners"], names, faults)
    for (const name of listeners) served.add(name)
    checkDefault(server.default, [...path, "default"], listeners, defaults, faults)
    checkHosts(server.names, path, listeners, hosts, faults)
    checkWrittenFields(server, path, faults)
    checkSteps(server.rewrite, [...path, "rewrite"], names, faults)
    if (server.order === "written") checkWrittenOrder(server.routes, [...path, "routes"], faults)
    checkRoutes(server.routes, [...path, "routes"], names, faults, server.order === "written")
  }
  for (const name of servers.length > 0 ? names.listeners : []) {
    if (!served.has(name))
      faults.push({
        ...fault(["listeners"], `no server uses the listener "${name}"`, null, "key"),
        severity: "warning",
      })
  }
}

/** Those that exist; all of them where none is named. */
function checkListenerNames(input: unknown, path: Path, names: Names, faults: Fault[]): string[] {
  if (!Array.isArray(input)) return [...names.listeners]
  for (const [index, name] of input.entries()) {
    if (typeof name !== "string" || names.listeners.has(name)) continue
    faults.push(
      fault(
        [...path, index],
        `there is no listener "${name}"`,
        didYouMean(name, names.listeners) ?? known(names.listeners),
      ),
    )
  }
  return input.filter((name) => names.listeners.has(name as string)) as string[]
}

function checkDefault(
  input: unknown,
  path: Path,
  listeners: string[],
  defaults: Set<string>,
  faults: Fault[],
): void {
  if (Array.isArray(input)) {
    for (const [index, name] of input.entries()) {
      if (typeof name === "string" && !listeners.includes(name)) {
        faults.push(
          fault([...path, index], `this server has no listener "${name}"`, didYouMean(name, listeners)),
        )
      }
    }
  }
  for (const name of input === true ? listeners : Array.isArray(input) ? input.map(String) : []) {
    if (defaults.has(name))
      faults.push(fault(path, `another server is the default of the listener "${name}"`, null, "key"))
    defaults.add(name)
  }
}

function checkHosts(
  input: unknown,
  path: Path,
  listeners: string[],
  hosts: Set<string>,
  faults: Fault[],
): void {
  for (const [index, name] of listOf(input ?? "").entries()) {
    if (typeof name !== "string") continue
    const place =
      input === undefined ? path : Array.isArray(input) ? [...path, "names", index] : [...path, "names"]
    checkName(name, place, faults)
    const taken = listeners.find((listener) => hosts.has(`${listener} ${name.toLowerCase()}`))
    for (const listener of listeners) hosts.add(`${listener} ${name.toLowerCase()}`)
    if (taken === undefined) continue
    const what = name === "" ? "has no name either" : `has the name "${name}"`
    faults.push({
      ...fault(place, `another server on ${taken} ${what}, and goes before`),
      severity: "warning",
    })
  }
}

function checkRoutes(
  input: unknown,
  path: Path,
  names: Names,
  faults: Fault[],
  isWrittenOrder = false,
): void {
  if (!Array.isArray(input)) return
  const matches = new Set<string>()
  for (const [index, route] of input.entries()) {
    if (!isMap(route)) continue
    const place = [...path, index]
    // What has conditions is no other for the same path.
    checkMatch(route, place, route.when === undefined ? matches : new Set(), faults)
    if (route.when !== undefined && !isWrittenOrder)
      faults.push(
        fault([...place, "when"], '"when" has a meaning only where the server has "order: written"'),
      )
    checkSteps(route.when, [...place, "when"], names, faults)
    checkAction(route, place, names, faults)
    checkSteps(route.rewrite, [...place, "rewrite"], names, faults)
    if (isMap(route.except)) checkTarget(route.except, [...place, "except"], names, faults)
    checkWrittenFields(route, place, faults)
    checkRoutes(route.routes, [...place, "routes"], names, faults)
  }
}

/** What says where a route stands among the others means nothing there. */
function checkWrittenOrder(input: unknown, path: Path, faults: Fault[]): void {
  for (const [index, route] of (Array.isArray(input) ? input : []).entries())
    for (const key of ["final", "routes"])
      if (isMap(route) && route[key] !== undefined)
        faults.push(
          fault([...path, index, key], `"${key}" has no meaning where the order is written`, null, "key"),
        )
}

function checkMatch(route: Map_, path: Path, matches: Set<string>, faults: Fault[]): void {
  const kinds = ["named", "exact", "prefix", "regex"].filter((kind) => route[kind] !== undefined)
  for (const kind of kinds.slice(1)) {
    faults.push(
      fault(
        [...path, kind],
        `a route has only one of named, exact, prefix and regex; it has "${kinds[0]}" already`,
        null,
        "key",
      ),
    )
  }
  const kind = kinds[0] ?? "prefix"
  const value = route[kind] ?? "/"
  if (route.final !== undefined && kind !== "prefix") faults.push(onlyWith(path, "final", "prefix"))
  if (route.ignoreCase !== undefined && kind !== "regex") faults.push(onlyWith(path, "ignoreCase", "regex"))
  if (typeof value !== "string") return
  if (kind === "regex") {
    checkRegex(value, [...path, kind], faults)
    return
  }
  if (kind !== "named" && !value.startsWith("/")) {
    faults.push({
      ...fault([...path, kind], `no path starts like "${value}"`, `did you mean "/${value}"?`),
      severity: "warning",
    })
  }
  if (matches.has(`${kind} ${value}`))
    faults.push(fault([...path, kind], `another route has the ${kind} "${value}"`))
  matches.add(`${kind} ${value}`)
}

function checkSteps(input: unknown, path: Path, names: Names, faults: Fault[]): void {
  for (const [index, step] of (Array.isArray(input) ? input : []).entries()) {
    if (!isMap(step)) continue
    const place = [...path, index]
    if (typeof step.rewrite === "string") checkRegex(step.rewrite, [...place, "rewrite"], faults)
    const isRegex = typeof step.is === "string" && step.is.includes("~")
    if (isRegex && typeof step.text === "string") checkRegex(step.text, [...place, "text"], faults)
    if (isMap(step.route)) checkTarget(step.route, [...place, "route"], names, faults)
    checkSteps(step.steps, [...place, "steps"], names, faults)
  }
}

const ZONES = {
  requestLimits: "zone with a rate",
  streamLimits: "zone without a rate",
  messageLimits: 'zone with "counts: messages"',
}

/** Wherever limits stand, their zones are there. */
function checkZones(input: Map_, path: Path, zones: ReturnType<typeof zoneNames>, faults: Fault[]): void {
  for (const key of ["requestLimits", "streamLimits", "messageLimits"] as const) {
    const limits = isMap(input[key]) ? input[key].limits : input[key]
    for (const [index, limit] of (Array.isArray(limits) ? limits : []).entries()) {
      if (!isMap(limit) || typeof limit.zone !== "string" || zones[key].has(limit.zone)) continue
      const what = ZONES[key]
      const place = [...path, key, ...(isMap(input[key]) ? ["limits"] : []), index, "zone"]
      faults.push(fault(place, `there is no ${what} "${limit.zone}"`, didYouMean(limit.zone, zones[key])))
    }
  }
  for (const key of ["servers", "routes", "steps", "rewrite"])
    for (const [index, inner] of (Array.isArray(input[key]) ? input[key] : []).entries())
      if (isMap(inner)) checkZones(inner, [...path, key, index], zones, faults)
  for (const key of ["except", "route"])
    if (isMap(input[key])) checkZones(input[key], [...path, key], zones, faults)
}

function checkAction(route: Map_, path: Path, names: Names, faults: Fault[]): void {
  const { cluster = route.proxy ?? route.files, return: answer, rewrite } = route
  if (cluster === undefined && answer === undefined && rewrite === undefined) {
    faults.push(fault(path, 'the route leads nowhere: it needs a "cluster" or a "return"'))
  }
  checkTarget(route, path, names, faults)
}

/** Of a route, or of what takes its place for some requests. */
function checkTarget(route: Map_, path: Path, names: Names, faults: Fault[]): void {
  const { proxy, return: answer } = route
  const ofProxy = isMap(proxy) ? (proxy.cluster ?? proxy.url) : undefined
  const cluster = route.cluster ?? ofProxy
  if (route.cluster !== undefined && proxy !== undefined)
    faults.push(fault([...path, "proxy"], 'a route has either a "cluster" or a "proxy"', null, "key"))
  if (route.files !== undefined && (cluster ?? answer) !== undefined)
    faults.push(
      fault([...path, "files"], 'a route has either "files", or a "cluster" or a "return"', null, "key"),
    )
  if (cluster !== undefined && answer !== undefined) {
    faults.push(fault([...path, "return"], 'a route has either a "cluster" or a "return"', null, "key"))
  }
  if (route.tls !== undefined && cluster === undefined) faults.push(onlyWith(path, "tls", "cluster"))
  if (typeof cluster !== "string") return
  if (cluster.includes("$")) names.unsure = true
  names.used.add(cluster)
  if (cluster.includes("$") || names.clusters === null || names.clusters.has(cluster)) return
  names.unsure = true
  const hint = didYouMean(cluster, names.clusters) ?? known(names.clusters)
  const at = ofProxy === undefined ? ["cluster"] : ["proxy", "cluster"]
  faults.push(fault([...path, ...at], `there is no cluster "${cluster}"`, hint))
}

function checkOnlyCluster({ clusters, used }: Names, faults: Fault[]): void {
  if (clusters === null) return
  for (const name of clusters) used.add(name)
  if (clusters.size === 1) return
  const why = clusters.size === 0 ? "there is no cluster" : "there is more than one cluster"
  faults.push(fault([], `nothing says where calls go: ${why}, and neither "routes" nor "servers"`))
}

function warnOfUnused(input: unknown, { used, unsure }: Names, faults: Fault[]): void {
  if (unsure) return
  for (const [name, path] of clustersOf(input)) {
    if (!used.has(name))
      faults.push({
        ...fault(path, `no route leads to the cluster "${name}"`, null, "key"),
        severity: "warning",
      })
  }
}

function checkLimits(input: unknown, faults: Fault[]): void {
  if (!isMap(input)) return
  const numbers = Object.entries(input).filter(
    ([name, value]) => typeof value === "number" && limitNames.some((known) => known === name),
  ) as [string, number][]
  for (const { name, message } of resolveLimits(Object.fromEntries(numbers)).problems) {
    // Ranges are the schema's; what it cannot see is how limits must agree.
    if (!message.includes("whole number")) faults.push(fault(["limits", name], message))
  }
}

function onlyWith(path: Path, key: string, other: string): Fault {
  return fault([...path, key], `"${key}" has a meaning only beside "${other}"`, null, "key")
}

/**
 * Kubernetes' Gateway API to the model, and what is to be said of each resource. A pure function: what is asked of the
 * machine is handed in.
 * Source: sigs.k8s.io/gateway-api v1.4.1.
 */
import { defaultConfig, defaultListener } from "../defaults.ts"
import type { Config, ListenerConfig } from "../model.ts"
import { assignAddresses, fixedAddress } from "./addresses.ts"
import { type AnyRoute, type Attachment, attachRoutes, type RouteParent } from "./attachment.ts"
import { BackendTls } from "./backend-tls.ts"
import { Backends } from "./backends.ts"
import { type Condition, condition, type Objection, objection } from "./conditions.ts"
import { type CommonSettings, Draft } from "./draft.ts"
import { isServed, listenerStatus, type PlannedListener, planListeners } from "./listeners.ts"
import { GATEWAY_GROUP, type Gateway, type Meta, type ResourceKind, type Resources } from "./resources.ts"
import { type ReadRoute, readRoute } from "./rules.ts"
import { virtualHosts } from "./virtual-hosts.ts"

export interface TranslateOptions {
  /** Whose GatewayClasses are served: `sluice.dev/gateway`. */
  readonly controllerName: string
  /** What Gateways without an address of their own are reached at. */
  readonly addresses: readonly GatewayAddress[]
  readonly common: CommonSettings
  readonly bindHost: string
  /** Addresses of this machine, of which each Gateway without an address gets one of its own. Empty: they share `bindHost`. */
  readonly pool: readonly string[]
  /** Of endpoints' sources; null: as the account of the pod. */
  readonly kubeconfig: string | null
  /** Where the files of secrets are. */
  readonly directory: string
  /** Addresses that cannot be listened at, and why. */
  readonly unavailable: ReadonlyMap<string, string>
  /** Why a certificate cannot be used, in a sentence; null: it can. */
  checkCertificate(cert: string, key: string): string | null
  /** Why a text is no certificate of an authority; null: it is one. */
  checkAuthority(pem: string): string | null
}

export interface GatewayAddress {
  readonly type: "IPAddress" | "Hostname"
  readonly value: string
}

export interface Translation {
  readonly config: Config
  /** Files that the configuration names, by path. */
  readonly files: ReadonlyMap<string, string>
  /** @param problem why the configuration is not in force; null: it is */
  statuses(problem: string | null): ResourceStatus[]
}

/** What is to be said of a resource. Of lists that several controllers write, `status` has our entries alone. */
export interface ResourceStatus {
  readonly kind: ResourceKind
  readonly namespace: string
  readonly name: string
  readonly status: StatusText
}

export type StatusText =
  | { readonly conditions: readonly Condition[] }
  | {
      readonly addresses: readonly GatewayAddress[]
      readonly conditions: readonly Condition[]
      readonly listeners: readonly object[]
    }
  | { readonly parents: readonly OwnedEntry[] }
  | { readonly ancestors: readonly OwnedEntry[] }

/** An entry for one parent, and whose it is. */
export interface OwnedEntry {
  readonly parentRef?: object
  readonly ancestorRef?: object
  readonly controllerName: string
  readonly conditions: readonly Condition[]
}

export function translate(resources: Resources, options: TranslateOptions): Translation {
  const draft = new Draft(options.common, options.kubeconfig, options.directory)
  const classes = resources.gatewayClasses.filter(
    ({ spec }) => spec.controllerName === options.controllerName,
  )
  const accepted = new Set(
    classes.filter(({ spec }) => spec.parametersRef === undefined).map(({ metadata }) => metadata.name),
  )
  const gateways = resources.gateways.filter(({ spec }) => accepted.has(spec.gatewayClassName))
  const { pool } = options
  const assigned = assignAddresses(
    gateways.filter((gateway) => gatewayObjection(gateway) === null),
    pool,
  )
  const objectionTo = (gateway: Gateway): Objection | null => {
    const isWithout = pool.length > 0 && fixedAddress(gateway) === undefined && !assigned.has(gateway)
    return (
      gatewayObjection(gateway) ?? (isWithout ? objection("NoResources", "no address is left for it") : null)
    )
  }
  const hostOf = (gateway: Gateway): string | undefined => fixedAddress(gateway) ?? assigned.get(gateway)
  const usable = gateways.filter((gateway) => objectionTo(gateway) === null)
  const listeners = planListeners(usable, {
    ...options,
    resources,
    draft,
    hostOf: (gateway) => hostOf(gateway) ?? options.bindHost,
  })
  const tls = new BackendTls(resources, draft, options.checkAuthority)
  const backends = new Backends(resources.services, resources.referenceGrants, tls, draft)
  const read = reader({ backends, draft })
  const all: AnyRoute[] = [
    ...resources.grpcRoutes.map((route) => ({ kind: "GRPCRoute" as const, route })),
    ...resources.httpRoutes.map((route) => ({ kind: "HTTPRoute" as const, route })),
  ]
  const parents = attachRoutes(all, listeners, resources.namespaces)
  const attachments = served(parents, read)
  const addresses = [...new Set(listeners.filter(isServed).map(({ address }) => address))].sort()
  const servers = addresses.flatMap((address) =>
    virtualHosts(address, listeners, attachments, {
      routesOf: ({ of, planned }) => read(of, planned).routes,
      settings: options.common.routes,
    }),
  )
  const config: Config = {
    ...defaultConfig(),
    listeners: addresses.map((address) => listenerConfig(address, listeners)),
    servers,
    clusters: draft.clusters,
    variables: draft.variables,
  }
  return {
    config,
    files: draft.files,
    statuses: (problem) => [
      ...classes.map((one) => of("gatewayClasses", one.metadata, { conditions: [classCondition(one)] })),
      ...gateways.map((gateway) =>
        of(
          "gateways",
          gateway.metadata,
          gatewayStatus(gateway, listeners, attachments, {
            against: objectionTo(gateway),
            addresses: addressesOf(hostOf(gateway), options),
            problem,
          }),
        ),
      ),
      ...routeStatuses(all, parents, read, options.controllerName),
      ...policyStatuses(tls, gateways, options.controllerName),
    ],
  }
}

function of(kind: ResourceKind, { namespace, name }: Meta, status: StatusText): ResourceStatus {
  return { kind, namespace, name, status }
}

// ---- Classes and Gateways -----------------------------------------------------------------------------------------

function classCondition({ metadata, spec }: Resources["gatewayClasses"][number]): Condition {
  return condition(
    "Accepted",
    metadata,
    spec.parametersRef === undefined
      ? null
      : objection("InvalidParameters", "parametersRef is not supported"),
  )
}

/** Why nothing of a Gateway is served. */
function gatewayObjection({ spec }: Gateway): Objection | null {
  const other = spec.addresses.find(({ type }) => type !== "IPAddress")
  if (other !== undefined)
    return objection("UnsupportedAddress", `addresses are IPAddresses, not ${other.type}`)
  if (spec.addresses.length > 1) return objection("UnsupportedAddress", "a Gateway has one address at most")
  if (spec.tls !== undefined || spec.backendTLS !== undefined)
    return objection("InvalidParameters", "tls of a whole Gateway is not supported")
  return null
}

interface GatewayFacts {
  readonly against: Objection | null
  readonly addresses: readonly GatewayAddress[]
  /** Why the configuration is not in force. */
  readonly problem: string | null
}

/** @param host its own; undefined: it shares those of the process */
function addressesOf(host: string | undefined, options: TranslateOptions): readonly GatewayAddress[] {
  return host === undefined ? options.addresses : [{ type: "IPAddress", value: host }]
}

function gatewayStatus(
  gateway: Gateway,
  listeners: readonly PlannedListener[],
  attachments: readonly Attachment[],
  { against, addresses, problem }: GatewayFacts,
): StatusText {
  const { metadata } = gateway
  const own = listeners.filter((planned) => planned.gateway === gateway)
  const count = own.filter(isServed).length
  const notValid = objection("ListenersNotValid", "a listener is not valid: see its conditions")
  const accepted = condition("Accepted", metadata, against ?? (count === 0 ? notValid : null))
  const isPartly =
    against === null && count > 0 && own.some((planned) => !isServed(planned) || planned.resolved !== null)
  return {
    addresses: against === null ? addresses : [],
    conditions: [
      isPartly ? { ...accepted, ...notValid } : accepted,
      condition("Programmed", metadata, programmedObjection(against, count, addresses, problem)),
    ],
    listeners: own.map((planned) => listenerStatus(planned, routesAt(planned, attachments), problem)),
  }
}

function programmedObjection(
  against: Objection | null,
  served: number,
  addresses: readonly GatewayAddress[],
  problem: string | null,
): Objection | null {
  if (against !== null) return objection("Invalid", against.message)
  if (served === 0) return objection("Invalid", "no listener of it can be served")
  if (problem !== null) return objection("Invalid", problem)
  if (addresses.length === 0)
    return objection("AddressNotAssigned", "no address is known that it is reached at")
  return null
}

function routesAt(planned: PlannedListener, attachments: readonly Attachment[]): number {
  return new Set(attachments.filter((one) => one.planned === planned).map(({ of: { route } }) => route)).size
}

function listenerConfig(address: string, listeners: readonly PlannedListener[]): ListenerConfig {
  const here = listeners.filter((planned) => planned.address === address && isServed(planned))
  const [{ host, listener, isTls }] = here as [PlannedListener, ...PlannedListener[]]
  const base = defaultListener({ text: address, host, port: listener.port, unixPath: null })
  if (!isTls) return base
  const certificates = here.map((planned) => {
    const { hostname } = planned.listener
    return { names: hostname === "" ? [] : [hostname], ...planned.certificate! }
  })
  const isForAll = here.some((planned) => planned.listener.hostname === "")
  return {
    ...base,
    tls: {
      // The one for all comes first: it is shown where no other is named.
      certificates: certificates.sort((one, other) => one.names.length - other.names.length),
      rejectNames: [],
      rejectOthers: !isForAll,
      protocols: null,
      ciphers: null,
      clientCaFile: null,
      clientCrlFile: null,
      verifyClient: "off",
      verifyDepth: 1,
      sessionTimeoutMs: 300_000,
      alpnProtocols: null,
    },
  }
}

// ---- Routes -------------------------------------------------------------------------------------------------------

type Reader = (of: AnyRoute, planned: PlannedListener) => ReadRoute

/** Once for each address: redirects say the port that they come by. */
function reader(parts: Parameters<typeof readRoute>[2]): Reader {
  const known = new Map<object, Map<string, ReadRoute>>()
  return (route, { isTls, listener: { port } }) => {
    const byPlace = known.get(route.route) ?? new Map<string, ReadRoute>()
    known.set(route.route, byPlace)
    const place = `${isTls} ${port}`
    let read = byPlace.get(place)
    if (read === undefined) byPlace.set(place, (read = readRoute(route, { isTls, port }, parts)))
    return read
  }
}

/** Each route once at each listener, and none of which no rule can be served. */
function served(parents: readonly RouteParent[], read: Reader): Attachment[] {
  const seen = new Map<PlannedListener, Set<object>>()
  return parents
    .flatMap(({ attachments }) => attachments)
    .filter(({ of: route, planned }) => {
      const here = seen.get(planned) ?? new Set()
      seen.set(planned, here)
      if (here.has(route.route) || isInvalid(read(route, planned))) return false
      here.add(route.route)
      return true
    })
}

const isInvalid = ({ invalid, rules }: ReadRoute): boolean => rules > 0 && invalid.length === rules

function routeStatuses(
  all: readonly AnyRoute[],
  parents: readonly RouteParent[],
  read: Reader,
  controllerName: string,
): ResourceStatus[] {
  const byRoute = Map.groupBy(parents, ({ of: { route } }) => route)
  return all.map(({ kind, route }) => {
    const { metadata } = route
    const entries = (byRoute.get(route) ?? []).map((parent): OwnedEntry => {
      const { group, kind: parentKind, ...reference } = parent.reference
      const parentRef = { group, kind: parentKind, ...reference }
      return { parentRef, controllerName, conditions: routeConditions(parent, metadata, read) }
    })
    return of(kind === "GRPCRoute" ? "grpcRoutes" : "httpRoutes", metadata, { parents: entries })
  })
}

function routeConditions(parent: RouteParent, metadata: Meta, read: Reader): Condition[] {
  const [attachment] = parent.attachments
  const { invalid, unresolved, notes, rules } = read(parent.of, attachment?.planned ?? parent.listener)
  const named = invalid.map(({ rule, objection: { message } }) => `rule ${rule}: ${message}`).join("; ")
  const isWholly = rules > 0 && invalid.length === rules
  const against = parent.objection ?? (isWholly ? objection(invalid[0]!.objection.reason, named) : null)
  const conditions = [
    condition("Accepted", metadata, against, notes.join("; ")),
    condition("ResolvedRefs", metadata, unresolved),
  ]
  if (against === null && invalid.length > 0)
    conditions.push({
      ...condition("PartiallyInvalid", metadata),
      reason: "UnsupportedValue",
      message: `Dropped Rule ${named}`,
    })
  return conditions
}

// ---- Policies -----------------------------------------------------------------------------------------------------

/** For each Gateway that is served here: whichever of them leads to the backend speaks to it as the policy says. */
function policyStatuses(
  { policies }: BackendTls,
  gateways: readonly Gateway[],
  controllerName: string,
): ResourceStatus[] {
  return policies.map(({ policy, conditions }) => {
    const ancestors = gateways.slice(0, ANCESTORS_MAX).map(({ metadata: { namespace, name } }) => ({
      ancestorRef: { group: GATEWAY_GROUP, kind: "Gateway", namespace, name },
      controllerName,
      conditions,
    }))
    return of("backendTlsPolicies", policy.metadata, { ancestors })
  })
}

/** Of all controllers together: gateway-api PolicyStatus. */
const ANCESTORS_MAX = 16

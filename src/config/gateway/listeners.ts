/** Listeners of Gateways: which of them serve, at which address, by which certificate. */
import { type Condition, condition, type Objection, objection } from "./conditions.ts"
import type { Draft } from "./draft.ts"
import { isPermitted } from "./references.ts"
import {
  byAge,
  GATEWAY_GROUP,
  type Gateway,
  type GatewayListener,
  type Resources,
  type Secret,
} from "./resources.ts"

export const ROUTE_KINDS = ["GRPCRoute", "HTTPRoute"] as const

export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
}

/** A listener of a Gateway, judged. */
export interface PlannedListener {
  readonly gateway: Gateway
  readonly listener: GatewayListener
  /** Where it is served: `0.0.0.0:443`. Listeners of several Gateways may have one address. */
  readonly address: string
  readonly host: string
  readonly isTls: boolean
  /** Null: it has none, or none that can be used. */
  readonly certificate: Certificate | null
  readonly routeKinds: readonly string[]
  readonly accepted: Objection | null
  readonly resolved: Objection | null
  readonly conflicted: Objection | null
}

export interface ListenerContext {
  readonly resources: Resources
  readonly draft: Draft
  /** Where a Gateway is served. */
  hostOf(gateway: Gateway): string
  /** Addresses that cannot be listened at, and why. */
  readonly unavailable: ReadonlyMap<string, string>
  /** Why a certificate cannot be used, in a sentence; null: it can. */
  checkCertificate(cert: string, key: string): string | null
}

/** Whether it is served: routes that are attached to others wait. */
export function isServed({ accepted, conflicted, isTls, certificate }: PlannedListener): boolean {
  return accepted === null && conflicted === null && (!isTls || certificate !== null)
}

/** Those of all Gateways. Of listeners in each other's way the oldest Gateway's, and in it the first, is served. */
export function planListeners(gateways: readonly Gateway[], context: ListenerContext): PlannedListener[] {
  const before: PlannedListener[] = []
  for (const gateway of gateways.toSorted(byAge))
    for (const listener of gateway.spec.listeners) before.push(plan(gateway, listener, before, context))
  return before
}

function plan(
  gateway: Gateway,
  listener: GatewayListener,
  before: readonly PlannedListener[],
  context: ListenerContext,
): PlannedListener {
  const bound = context.hostOf(gateway)
  const address = `${bound.includes(":") ? `[${bound}]` : bound}:${listener.port}`
  const isTls = listener.protocol === "HTTPS"
  const accepted = objectionTo(listener) ?? unavailable(address, context)
  const { certificate, objection: withoutCertificate } = isTls
    ? findCertificate(gateway, listener, context)
    : { certificate: null, objection: null }
  const kinds = readKinds(listener)
  const served = before.filter((other) => other.address === address && isServed(other))
  return {
    gateway,
    listener,
    address,
    host: bound,
    isTls,
    certificate,
    routeKinds: kinds.supported,
    accepted,
    resolved: withoutCertificate ?? kinds.objection,
    conflicted: accepted === null ? conflict(listener, isTls, served) : null,
  }
}

function objectionTo({ protocol, tls }: GatewayListener): Objection | null {
  if (protocol !== "HTTP" && protocol !== "HTTPS")
    return objection("UnsupportedProtocol", `listeners speak HTTP and HTTPS, not ${protocol}`)
  if (protocol === "HTTP") return null
  if (tls === undefined || tls.mode !== "Terminate")
    return objection("UnsupportedValue", `tls.mode is Terminate, not ${tls?.mode ?? "missing"}`)
  if (tls.frontendValidation !== undefined)
    return objection("UnsupportedValue", "tls.frontendValidation is not supported")
  return null
}

function unavailable(address: string, context: ListenerContext): Objection | null {
  const why = context.unavailable.get(address)
  return why === undefined ? null : objection("PortUnavailable", `${address}: ${why}`)
}

function conflict(
  { hostname, name }: GatewayListener,
  isTls: boolean,
  served: readonly PlannedListener[],
): Objection | null {
  const other = served.find((one) => one.isTls !== isTls)
  if (other !== undefined)
    return objection("ProtocolConflict", `${placeOf(other)} speaks ${other.listener.protocol} at this port`)
  const same = served.find(({ listener }) => listener.hostname === hostname)
  if (same === undefined) return null
  const what = hostname === "" ? "every hostname" : hostname
  return objection("HostnameConflict", `${placeOf(same)} has ${what} at the port of ${name} already`)
}

function placeOf({ gateway: { metadata }, listener }: PlannedListener): string {
  return `listener ${listener.name} of Gateway ${metadata.namespace}/${metadata.name}`
}

function readKinds({ allowedRoutes: { kinds } }: GatewayListener): {
  supported: readonly string[]
  objection: Objection | null
} {
  if (kinds.length === 0) return { supported: ROUTE_KINDS, objection: null }
  const isSupported = ({ group, kind }: (typeof kinds)[number]): boolean =>
    group === GATEWAY_GROUP && ROUTE_KINDS.some((known) => known === kind)
  const other = kinds.find((kind) => !isSupported(kind))
  return {
    supported: [...new Set(kinds.filter(isSupported).map(({ kind }) => kind))],
    objection:
      other === undefined
        ? null
        : objection("InvalidRouteKinds", `routes are ${ROUTE_KINDS.join(" and ")}, not ${other.kind}`),
  }
}

type Found =
  | { certificate: Certificate; objection: null }
  | { certificate: null; objection: Objection | null }

/** The first that can be used: the API's core asks for one. */
function findCertificate(gateway: Gateway, { tls }: GatewayListener, context: ListenerContext): Found {
  if (tls === undefined) return { certificate: null, objection: null }
  const invalid = (message: string): Found => ({
    certificate: null,
    objection: objection("InvalidCertificateRef", message),
  })
  const [reference] = tls.certificateRefs
  if (reference === undefined) return invalid("tls.certificateRefs names no Secret")
  const { group, kind, name } = reference
  const { namespace: ownNamespace } = gateway.metadata
  const { namespace = ownNamespace } = reference
  if (group !== "" || kind !== "Secret") return invalid(`certificates are Secrets, not ${kind}`)
  const from = { group: GATEWAY_GROUP, kind: "Gateway", namespace: ownNamespace }
  const { referenceGrants, secrets } = context.resources
  if (!isPermitted(referenceGrants, from, { group, kind, namespace, name })) {
    const message = `no ReferenceGrant in ${namespace} lets a Gateway refer to Secret ${name}`
    return { certificate: null, objection: objection("RefNotPermitted", message) }
  }
  const secret = secrets.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
  if (secret === undefined) return invalid(`there is no Secret ${namespace}/${name}`)
  const cert = textOf(secret, "tls.crt")
  const key = textOf(secret, "tls.key")
  if (cert === null || key === null) return invalid(`Secret ${namespace}/${name} has no tls.crt and tls.key`)
  const problem = context.checkCertificate(cert, key)
  if (problem !== null) return invalid(`Secret ${namespace}/${name}: ${problem}`)
  const { draft } = context
  return { certificate: { certFile: draft.file(cert), keyFile: draft.file(key) }, objection: null }
}

function textOf({ data }: Secret, name: string): string | null {
  const value = data[name]
  return value === undefined ? null : Buffer.from(value, "base64").toString()
}

/** What is said of it in the Gateway's status. `problem`: why the configuration that it is in is not in force. */
export function listenerStatus(
  planned: PlannedListener,
  attachedRoutes: number,
  problem: string | null,
): object {
  const { gateway, listener, accepted, resolved, conflicted, routeKinds } = planned
  const { metadata } = gateway
  const notServed = isServed(planned) ? problem : (accepted ?? conflicted ?? resolved)?.message
  const programmed = notServed == null ? null : objection("Invalid", notServed)
  const conflictedCondition: Condition = {
    ...condition("Conflicted", metadata, null),
    status: conflicted === null ? "False" : "True",
    reason: conflicted?.reason ?? "NoConflicts",
    message: conflicted?.message ?? "",
  }
  return {
    name: listener.name,
    supportedKinds: routeKinds.map((kind) => ({ group: GATEWAY_GROUP, kind })),
    attachedRoutes,
    conditions: [
      condition("Accepted", metadata, accepted),
      condition("Programmed", metadata, programmed),
      condition("ResolvedRefs", metadata, resolved),
      conflictedCondition,
    ],
  }
}

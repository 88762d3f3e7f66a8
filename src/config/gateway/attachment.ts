/** Which routes are attached to which listeners, and why others are not. */
import { type Objection, objection } from "./conditions.ts"
import { intersection } from "./hostnames.ts"
import type { PlannedListener } from "./listeners.ts"
import {
  byAge,
  GATEWAY_GROUP,
  type GrpcRoute,
  type HttpRoute,
  type ParentReference,
  type Resources,
} from "./resources.ts"
import { selects } from "./selector.ts"

export type AnyRoute =
  | { readonly kind: "GRPCRoute"; readonly route: GrpcRoute }
  | { readonly kind: "HTTPRoute"; readonly route: HttpRoute }

/** A route at a listener, for the hostnames that both have. */
export interface Attachment {
  readonly of: AnyRoute
  readonly planned: PlannedListener
  readonly hostnames: readonly string[]
}

/** A route and one of its parents, which is a Gateway that is served here. */
export interface RouteParent {
  readonly of: AnyRoute
  readonly reference: ParentReference
  /** One of the Gateway's. */
  readonly listener: PlannedListener
  readonly attachments: readonly Attachment[]
  readonly objection: Objection | null
}

/** Oldest first: of routes of two kinds for one hostname the older is attached. */
export function attachRoutes(
  routes: readonly AnyRoute[],
  listeners: readonly PlannedListener[],
  namespaces: Resources["namespaces"],
): RouteParent[] {
  const labels = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels]))
  const before = new Map<PlannedListener, Attachment[]>()
  const parents: RouteParent[] = []
  for (const of of routes.toSorted((one, other) => byAge(one.route, other.route)))
    for (const reference of of.route.spec.parentRefs) {
      const ours = listeners.filter((planned) => isParent(planned, reference, of))
      if (ours.length === 0) continue
      const parent = attach(of, reference, ours, { before, labels })
      parents.push(parent)
      for (const attachment of parent.attachments) {
        const here = before.get(attachment.planned)
        if (here === undefined) before.set(attachment.planned, [attachment])
        else here.push(attachment)
      }
    }
  return parents
}

function isParent(
  { gateway: { metadata } }: PlannedListener,
  reference: ParentReference,
  { route }: AnyRoute,
): boolean {
  const { group, kind, name, namespace = route.metadata.namespace } = reference
  return (
    group === GATEWAY_GROUP &&
    kind === "Gateway" &&
    name === metadata.name &&
    namespace === metadata.namespace
  )
}

interface Known {
  readonly before: ReadonlyMap<PlannedListener, readonly Attachment[]>
  /** Of namespaces. */
  readonly labels: ReadonlyMap<string, Readonly<Record<string, string>>>
}

function attach(
  of: AnyRoute,
  reference: ParentReference,
  listeners: readonly PlannedListener[],
  known: Known,
): RouteParent {
  const refuse = (reason: string, message: string): RouteParent => ({
    of,
    reference,
    listener: listeners[0]!,
    attachments: [],
    objection: objection(reason, message),
  })
  const { sectionName, port } = reference
  const meant = listeners.filter(
    ({ listener }) =>
      (sectionName === undefined || listener.name === sectionName) &&
      (port === undefined || listener.port === port),
  )
  if (meant.length === 0)
    return refuse("NoMatchingParent", `the Gateway has no listener ${nameOf(sectionName, port)}`)
  const allowing = meant.filter(
    (planned) =>
      planned.accepted === null && planned.conflicted === null && isAllowed(planned, of, known.labels),
  )
  if (allowing.length === 0)
    return refuse("NotAllowedByListeners", "no listener allows routes of this kind from this namespace")
  const attachments = allowing.flatMap((planned): Attachment[] => {
    const hostnames = commonHostnames(planned, of)
    return hostnames.length === 0 ? [] : [{ of, planned, hostnames }]
  })
  if (attachments.length === 0)
    return refuse("NoMatchingListenerHostname", "no listener has a hostname in common with the route")
  const free = attachments.filter((attachment) => rivalOf(attachment, known.before) === null)
  if (free.length > 0) return { of, reference, listener: listeners[0]!, attachments: free, objection: null }
  const rival = rivalOf(attachments[0]!, known.before)!
  const { namespace, name } = rival.route.metadata
  return refuse(
    "HostnameConflict",
    `${rival.kind} ${namespace}/${name} is older and has one of its hostnames`,
  )
}

function nameOf(sectionName: string | undefined, port: number | undefined): string {
  return [sectionName, port === undefined ? undefined : `port ${port}`]
    .filter((part) => part !== undefined)
    .join(", ")
}

function isAllowed(
  { gateway, listener, routeKinds }: PlannedListener,
  { kind, route }: AnyRoute,
  labels: Known["labels"],
): boolean {
  if (!routeKinds.includes(kind)) return false
  const { from, selector } = listener.allowedRoutes.namespaces
  const { namespace } = route.metadata
  switch (from) {
    case "All":
      return true
    case "Same":
      return namespace === gateway.metadata.namespace
    case "Selector":
      return selector !== undefined && selects(selector, labels.get(namespace) ?? {})
    default:
      return false
  }
}

function commonHostnames({ listener }: PlannedListener, { route }: AnyRoute): string[] {
  const { hostnames } = route.spec
  if (hostnames.length === 0) return [listener.hostname]
  return hostnames
    .map((hostname) => intersection(listener.hostname, hostname.toLowerCase()))
    .filter((hostname) => hostname !== null)
}

/** A route of the other kind that was here before, for a hostname of these. */
function rivalOf({ of, planned, hostnames }: Attachment, before: Known["before"]): AnyRoute | null {
  const rival = before
    .get(planned)
    ?.find(
      (other) =>
        other.of.kind !== of.kind &&
        other.hostnames.some((one) => hostnames.some((hostname) => intersection(one, hostname) !== null)),
    )
  return rival?.of ?? null
}

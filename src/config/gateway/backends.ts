import { defaultProxy } from "../defaults.ts"
import type { RouteAction } from "../model.ts"
import type { BackendTls } from "./backend-tls.ts"
import { type Objection, objection } from "./conditions.ts"
import type { Draft } from "./draft.ts"
import { isPermitted } from "./references.ts"
import { type BackendReference, GATEWAY_GROUP, type ReferenceGrant, type Service } from "./resources.ts"

/** The kind of route that a reference stands in. */
export type RouteKind = "GRPCRoute" | "HTTPRoute"

/** Where a reference leads, or why it leads nowhere. */
export type Backend = { readonly action: RouteAction } | { readonly objection: Objection }

/** Protocols of a Service's port that are HTTP/2: Kubernetes, KEP-3726. */
const HTTP2: ReadonlySet<string> = new Set(["kubernetes.io/h2c", "h2c", "grpc", "http2"])
const HTTP1: ReadonlySet<string> = new Set(["", "http", "kubernetes.io/ws"])

/** Finds what backend references mean. */
export class Backends {
  readonly #services: ReadonlyMap<string, Service>
  readonly #grants: readonly ReferenceGrant[]
  readonly #tls: BackendTls
  readonly #draft: Draft

  constructor(
    services: readonly Service[],
    grants: readonly ReferenceGrant[],
    tls: BackendTls,
    draft: Draft,
  ) {
    this.#services = new Map(
      services.map((service) => [`${service.metadata.namespace}/${service.metadata.name}`, service]),
    )
    this.#grants = grants
    this.#tls = tls
    this.#draft = draft
  }

  find(reference: BackendReference, kind: RouteKind, routeNamespace: string): Backend {
    const { group, kind: target, name, port } = reference
    const namespace = reference.namespace ?? routeNamespace
    if (group !== "" || target !== "Service")
      return refused("InvalidKind", `backends are Services, not ${group === "" ? "" : `${group}/`}${target}`)
    const from = { group: GATEWAY_GROUP, kind, namespace: routeNamespace }
    if (!isPermitted(this.#grants, from, { group: "", kind: "Service", namespace, name }))
      return refused(
        "RefNotPermitted",
        `no ReferenceGrant in ${namespace} lets a ${kind} refer to Service ${name}`,
      )
    const service = this.#services.get(`${namespace}/${name}`)
    if (service === undefined) return refused("BackendNotFound", `there is no Service ${namespace}/${name}`)
    if (service.spec.type === "ExternalName")
      return refused(
        "UnsupportedProtocol",
        `Service ${namespace}/${name} is an ExternalName: it has no endpoints`,
      )
    const found = service.spec.ports.find((one) => one.port === port)
    if (found === undefined)
      return refused(
        "BackendNotFound",
        `Service ${namespace}/${name} has no port ${port ?? "(none is named)"}`,
      )
    if (found.protocol !== "TCP")
      return refused(
        "UnsupportedProtocol",
        `port ${port} of Service ${namespace}/${name} is ${found.protocol}`,
      )
    return this.#action(kind, namespace, name, found)
  }

  #action(
    kind: RouteKind,
    namespace: string,
    service: string,
    { name, port, appProtocol }: Service["spec"]["ports"][number],
  ): Backend {
    const tls = this.#tls.of(namespace, service, name)
    if (tls !== null && "objection" in tls) return tls
    const upstreamTls = tls?.config ?? null
    const cluster = this.#draft.cluster(namespace, service, port, name === "" ? null : name)
    const isHttp2 = HTTP2.has(appProtocol)
    if (!isHttp2 && !HTTP1.has(appProtocol) && !(upstreamTls !== null && appProtocol === "https"))
      return refused(
        "UnsupportedProtocol",
        `port ${port} of Service ${namespace}/${service} speaks ${appProtocol}`,
      )
    if (kind === "GRPCRoute" || isHttp2) return { action: { kind: "cluster", cluster, tls: upstreamTls } }
    return { action: defaultProxy(cluster, upstreamTls) }
  }
}

function refused(reason: string, message: string): Backend {
  return { objection: objection(reason, message) }
}

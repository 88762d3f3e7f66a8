import { parseAllDocuments } from "yaml"
import { defaultCluster, defaultRouteSettings } from "../../src/config/defaults.ts"
import { type ResourceKind, type Resources, resourceSchemas } from "../../src/config/gateway/resources.ts"
import type { TranslateOptions } from "../../src/config/gateway/translate.ts"
import { type ResourceStatus, type Translation, translate } from "../../src/config/gateway/translate.ts"

const KIND_OF: Record<string, ResourceKind> = {
  GatewayClass: "gatewayClasses",
  Gateway: "gateways",
  GRPCRoute: "grpcRoutes",
  HTTPRoute: "httpRoutes",
  ReferenceGrant: "referenceGrants",
  BackendTLSPolicy: "backendTlsPolicies",
  Service: "services",
  Namespace: "namespaces",
  Secret: "secrets",
  ConfigMap: "configMaps",
}

interface Manifest {
  kind: string
  metadata: { name: string; namespace?: string; creationTimestamp?: string; generation?: number }
}

/**
 * Resources as people write them, each a second younger than the one before, in the namespace `chat` unless they say another.
 * Errors: throws on one that does not conform.
 */
export function resourcesOf(yaml: string): Resources {
  const found = Object.fromEntries(Object.values(KIND_OF).map((kind) => [kind, [] as unknown[]]))
  const manifests = parseAllDocuments(yaml).map((document) => document.toJS() as Manifest | null)
  for (const [at, manifest] of manifests.filter((one) => one !== null).entries()) {
    const kind = KIND_OF[manifest.kind]!
    const isOfCluster = kind === "gatewayClasses" || kind === "namespaces"
    const metadata = {
      generation: 1,
      creationTimestamp: new Date(1_700_000_000_000 + 1000 * at).toISOString(),
      ...(!isOfCluster && { namespace: "chat" }),
      ...manifest.metadata,
    }
    found[kind]!.push(resourceSchemas[kind].parse({ ...manifest, metadata }))
  }
  return found as unknown as Resources
}

export function translated(yaml: string, options: Partial<TranslateOptions> = {}): Translation {
  return translate(resourcesOf(yaml), {
    controllerName: "sluice.dev/gateway",
    addresses: [{ type: "IPAddress", value: "192.0.2.1" }],
    common: { routes: defaultRouteSettings(), clusters: defaultCluster("") },
    bindHost: "0.0.0.0",
    pool: [],
    kubeconfig: null,
    directory: "/secrets",
    unavailable: new Map(),
    checkCertificate: (cert) => (cert.includes("bad") ? "tls.crt is not a certificate in PEM" : null),
    checkAuthority: (pem) => (pem.includes("bad") ? "not a certificate in PEM" : null),
    ...options,
  })
}

interface Conditioned {
  conditions: { type: string; status: string; reason: string; message: string }[]
}

/**
 * What is said of a resource, each condition as `Accepted True Accepted`, or with its message behind a colon where it is not
 * as it should be. `entries`: of the first of those in its status.
 */
export function said(
  statuses: ResourceStatus[],
  kind: ResourceKind,
  name: string,
  entries?: "listeners" | "parents" | "ancestors",
  at = 0,
): string[] {
  const status = statuses.find((one) => one.kind === kind && one.name === name)?.status as
    | (Conditioned & Record<string, Conditioned[]>)
    | undefined
  const of = entries === undefined ? status : status?.[entries]?.[at]
  return (of?.conditions ?? []).map(
    ({ type, status: is, reason, message }) =>
      `${type} ${is} ${reason}${message === "" ? "" : `: ${message}`}`,
  )
}

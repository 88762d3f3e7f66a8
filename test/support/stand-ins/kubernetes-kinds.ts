/** Which kinds the stand-in has, as a kube-apiserver tells clients that ask what there is. */
interface ApiKind {
  readonly kind: string
  readonly plural: string
  readonly isOfCluster?: true
}

const GATEWAY: ApiKind[] = [
  { kind: "GatewayClass", plural: "gatewayclasses", isOfCluster: true },
  { kind: "Gateway", plural: "gateways" },
  { kind: "GRPCRoute", plural: "grpcroutes" },
  { kind: "HTTPRoute", plural: "httproutes" },
  { kind: "BackendTLSPolicy", plural: "backendtlspolicies" },
]

/** By `apiVersion`. */
const KINDS: Readonly<Record<string, readonly ApiKind[]>> = {
  v1: [
    { kind: "Namespace", plural: "namespaces", isOfCluster: true },
    { kind: "Service", plural: "services" },
    { kind: "Secret", plural: "secrets" },
    { kind: "ConfigMap", plural: "configmaps" },
    { kind: "Pod", plural: "pods" },
  ],
  "apps/v1": [{ kind: "Deployment", plural: "deployments" }],
  "discovery.k8s.io/v1": [{ kind: "EndpointSlice", plural: "endpointslices" }],
  "coordination.k8s.io/v1": [{ kind: "Lease", plural: "leases" }],
  "apiextensions.k8s.io/v1": [
    { kind: "CustomResourceDefinition", plural: "customresourcedefinitions", isOfCluster: true },
  ],
  "gateway.networking.k8s.io/v1": GATEWAY,
  "gateway.networking.k8s.io/v1beta1": [
    ...GATEWAY.filter(({ kind }) => ["GatewayClass", "Gateway", "HTTPRoute"].includes(kind)),
    { kind: "ReferenceGrant", plural: "referencegrants" },
  ],
}

/** `apis/GROUP/VERSION/PLURAL` of an object as it is written. Errors: throws of a kind that there is not. */
export function collectionOf({
  apiVersion = "v1",
  kind = "",
}: {
  apiVersion?: string
  kind?: string
}): string {
  const found = KINDS[apiVersion]?.find((one) => one.kind === kind)
  if (found === undefined) throw new Error(`the stand-in has no ${kind} of ${apiVersion}`)
  return `${apiVersion.includes("/") ? "apis" : "api"}/${apiVersion}/${found.plural}`
}

/** What an object of a collection says of itself; undefined: there is no such collection. */
export function kindOf(collection: string): { apiVersion: string; kind: string } | undefined {
  const [, apiVersion = "", plural] = /^apis?\/(.+)\/([^/]+)$/.exec(collection) ?? []
  const kind = KINDS[apiVersion]?.find((one) => one.plural === plural)?.kind
  return kind === undefined ? undefined : { apiVersion, kind }
}

/** Kinds that are served by an older version too are kept as the newer. `collection` of any other is itself. */
export function storedAs(collection: string): string {
  return collection.replace(
    /^(apis\/gateway\.networking\.k8s\.io)\/v1beta1\/(gatewayclasses|gateways|httproutes)$/,
    "$1/v1/$2",
  )
}

/** The answer to a question for what there is; null: it is another question. */
export function discovery(path: string): object | null {
  if (path === "/api") return { kind: "APIVersions", versions: ["v1"] }
  if (path === "/apis") return { kind: "APIGroupList", apiVersion: "v1", groups: groups() }
  const groupVersion = path.replace(/^\/apis?\//, "")
  const kinds = KINDS[groupVersion]
  if (kinds === undefined) return null
  const resources = kinds.flatMap(({ kind, plural, isOfCluster }) => {
    const resource = { name: plural, singularName: kind.toLowerCase(), namespaced: !isOfCluster, kind }
    const verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    return [
      { ...resource, verbs },
      { ...resource, name: `${plural}/status`, verbs: ["get", "patch", "update"] },
    ]
  })
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources }
}

function groups(): object[] {
  const versions = Object.keys(KINDS).filter((version) => version.includes("/"))
  return [...Map.groupBy(versions, (version) => version.split("/")[0]!)].map(([name, of]) => {
    const all = of.map((groupVersion) => ({ groupVersion, version: groupVersion.split("/")[1]! }))
    return { name, versions: all, preferredVersion: all[0] }
  })
}

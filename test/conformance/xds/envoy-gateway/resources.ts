import type { Input } from "../../gateway/envoy-gateway-data.ts"

/** Gateways, alike but for their port: one for each data plane. */
export const GATEWAYS = ["envoy", "sluice"] as const
export type Gateway = (typeof GATEWAYS)[number]

export const SERVICES = ["service-1", "service-2", "service-3"] as const
/** PyPI's Envoy is put in the place of this one. */
export const ENVOY_VERSION = "1.39.1"
const NAMESPACE = "envoy-gateway"
/** Where the test data has its routes and services. */
const ROUTES_NAMESPACE = "default"
const EXTENSIONS = "gateway.envoyproxy.io"
const API = "gateway.networking.k8s.io/v1"
/** Of a listener of its own: what is asked of it shows which file is in force. */
export const READY_HOST = "ready.test"

/** The node of a data plane: by its cluster Envoy Gateway knows for which Gateway it is. */
export const clusterOf = (gateway: Gateway): string => `${NAMESPACE}/${gateway}`

interface Rule {
  readonly matches?: readonly unknown[]
  readonly backendRefs?: readonly Ref[]
}

interface Ref {
  readonly group?: string
  readonly kind?: string
  readonly name?: string
  readonly weight?: number
}

/** `EnvoyGateway`: resources from a directory, Envoy started as a process of this machine. */
export function programConfig(directory: string, home: string): object {
  return {
    apiVersion: `${EXTENSIONS}/v1alpha1`,
    kind: "EnvoyGateway",
    gateway: { controllerName: `${EXTENSIONS}/gatewayclass-controller` },
    provider: {
      type: "Custom",
      custom: {
        resource: { type: "File", file: { paths: [directory] } },
        infrastructure: {
          type: "Host",
          host: { configHome: home, dataHome: home, stateHome: home, runtimeDir: home },
        },
      },
    },
    extensionApis: { enableBackend: true },
    logging: { level: { default: "info" } },
  }
}

/** A file of the test data, its routes at both Gateways and its services at `backends`; each document is JSON. */
export function resourcesOf(
  input: Input,
  ports: Readonly<Record<Gateway, number>>,
  backends: Readonly<Record<(typeof SERVICES)[number], number>>,
  ready: string,
): string {
  const documents: object[] = [
    ...[NAMESPACE, ROUTES_NAMESPACE].map((name) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name },
    })),
    {
      apiVersion: API,
      kind: "GatewayClass",
      metadata: { name: "class" },
      spec: {
        controllerName: `${EXTENSIONS}/gatewayclass-controller`,
        parametersRef: { group: EXTENSIONS, kind: "EnvoyProxy", name: "proxy", namespace: NAMESPACE },
      },
    },
    {
      apiVersion: `${EXTENSIONS}/v1alpha1`,
      kind: "EnvoyProxy",
      metadata: { name: "proxy", namespace: NAMESPACE },
      spec: {
        provider: { type: "Host", host: { envoyVersion: ENVOY_VERSION } },
        telemetry: { accessLog: { disable: true } },
      },
    },
    ...GATEWAYS.map((name) => ({
      apiVersion: API,
      kind: "Gateway",
      metadata: { name, namespace: NAMESPACE },
      spec: {
        gatewayClassName: "class",
        listeners: [
          listener("http", ports[name]),
          { ...listener("ready", ports[name]), hostname: READY_HOST },
        ],
      },
    })),
    ...SERVICES.map((name) => ({
      apiVersion: `${EXTENSIONS}/v1alpha1`,
      kind: "Backend",
      metadata: { name, namespace: ROUTES_NAMESPACE },
      // Loopback is refused.
      spec: {
        endpoints: [{ ip: { address: "0.0.0.0", port: backends[name] } }],
        appProtocols: [`${EXTENSIONS}/h2c`],
      },
    })),
    route("GRPCRoute", "ready", "ready", {
      hostnames: [READY_HOST],
      rules: [{ matches: [{ method: { service: ready } }], backendRefs: [{ name: SERVICES[0] }] }],
    }),
    ...routesOf(input, "grpcRoutes", "GRPCRoute"),
    ...routesOf(input, "httpRoutes", "HTTPRoute"),
  ]
  return documents.map((one) => JSON.stringify(one)).join("\n---\n")
}

/** Of some rules several backends have a share. */
export function hasShares({ grpcRoutes = [] }: Input): boolean {
  return grpcRoutes.some(({ spec: { rules = [] } }) =>
    rules.some(({ backendRefs = [] }: Rule) => backendRefs.length > 1),
  )
}

function listener(name: string, port: number): object {
  return { name, protocol: "HTTP", port, allowedRoutes: { namespaces: { from: "All" } } }
}

function routesOf(input: Input, list: string, kind: string): object[] {
  const routes = (input[list] ?? []) as readonly {
    metadata: { name: string }
    spec: { rules?: readonly Rule[] }
  }[]
  return routes.map(({ metadata, spec }) => route(kind, metadata.name, "http", spec))
}

function route(
  kind: string,
  name: string,
  sectionName: string,
  spec: { rules?: readonly Rule[]; hostnames?: readonly string[] },
): object {
  const rules = spec.rules?.map((rule) => ({
    ...rule,
    ...(rule.backendRefs !== undefined && { backendRefs: rule.backendRefs.map(backendOf) }),
  }))
  const parentRefs = GATEWAYS.map((gateway) => ({ namespace: NAMESPACE, name: gateway, sectionName }))
  return {
    apiVersion: API,
    kind,
    metadata: { name, namespace: ROUTES_NAMESPACE },
    spec: { ...spec, parentRefs, rules },
  }
}

/** Without Kubernetes there are no Services: a Backend of the name stands for each. */
function backendOf({ group = "", kind = "Service", ...ref }: Ref): object {
  if (group !== "" || kind !== "Service") return { group, kind, ...ref }
  const { name, weight } = ref
  return { group: EXTENSIONS, kind: "Backend", name, ...(weight !== undefined && { weight }) }
}

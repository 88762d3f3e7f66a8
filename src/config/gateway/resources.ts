/**
 * What is read of Kubernetes' resources, with the defaults that the API server writes into them. An object that does not
 * conform is left out, with what is wrong with it.
 * Source: sigs.k8s.io/gateway-api v1.4.1 (apis/v1, apis/v1beta1), core/v1.
 */
import { z } from "zod"

export const GATEWAY_GROUP = "gateway.networking.k8s.io"

const meta = z.object({
  name: z.string(),
  /** Empty: it is of the whole cluster. */
  namespace: z.string().default(""),
  generation: z.number().default(0),
  /** RFC 3339, in whole seconds: texts compare as times do. */
  creationTimestamp: z
    .string()
    .nullish()
    .transform((text) => text ?? ""),
  labels: z.record(z.string(), z.string()).default({}),
})

/** Kept by name alone: that it is there, and not what it says. */
const there = z.unknown().optional()

const gatewayClass = z.object({
  metadata: meta,
  spec: z.object({ controllerName: z.string(), parametersRef: there }),
})

const secretReference = z.object({
  group: z.string().default(""),
  kind: z.string().default("Secret"),
  name: z.string(),
  namespace: z.string().optional(),
})

const requirement = z.object({
  key: z.string(),
  operator: z.string(),
  values: z.array(z.string()).default([]),
})

const selector = z.object({
  matchLabels: z.record(z.string(), z.string()).default({}),
  matchExpressions: z.array(requirement).default([]),
})

const listener = z.object({
  name: z.string(),
  /** Absent and empty: every host. */
  hostname: z.string().default(""),
  port: z.number().int(),
  protocol: z.string(),
  tls: z
    .object({
      mode: z.string().default("Terminate"),
      certificateRefs: z.array(secretReference).default([]),
      frontendValidation: there,
      options: z.record(z.string(), z.string()).default({}),
    })
    .optional(),
  allowedRoutes: z
    .object({
      namespaces: z
        .object({ from: z.string().default("Same"), selector: selector.optional() })
        .default({ from: "Same" }),
      kinds: z.array(z.object({ group: z.string().default(GATEWAY_GROUP), kind: z.string() })).default([]),
    })
    .default({ namespaces: { from: "Same" }, kinds: [] }),
})

const gateway = z.object({
  metadata: meta,
  spec: z.object({
    gatewayClassName: z.string(),
    listeners: z.array(listener).default([]),
    addresses: z
      .array(z.object({ type: z.string().default("IPAddress"), value: z.string().optional() }))
      .default([]),
    infrastructure: there,
    allowedListeners: there,
    backendTLS: there,
    tls: there,
  }),
  /** What was said of it last. */
  status: z
    .object({ addresses: z.array(z.object({ value: z.string() })).default([]) })
    .nullish()
    .transform((status) => status ?? { addresses: [] }),
})

const parentReference = z.object({
  group: z.string().default(GATEWAY_GROUP),
  kind: z.string().default("Gateway"),
  namespace: z.string().optional(),
  name: z.string(),
  sectionName: z.string().optional(),
  port: z.number().optional(),
})

const valueMatch = z.object({ type: z.string().default("Exact"), name: z.string(), value: z.string() })

const headerValues = z.array(z.object({ name: z.string(), value: z.string() })).default([])
const headerModifier = z.object({
  set: headerValues,
  add: headerValues,
  remove: z.array(z.string()).default([]),
})

const pathModifier = z.object({
  type: z.string(),
  replaceFullPath: z.string().optional(),
  replacePrefixMatch: z.string().optional(),
})

const filter = z.object({
  type: z.string(),
  requestHeaderModifier: headerModifier.optional(),
  responseHeaderModifier: headerModifier.optional(),
  requestRedirect: z
    .object({
      scheme: z.string().optional(),
      hostname: z.string().optional(),
      path: pathModifier.optional(),
      port: z.number().optional(),
      statusCode: z.number().default(302),
    })
    .optional(),
  urlRewrite: z.object({ hostname: z.string().optional(), path: pathModifier.optional() }).optional(),
})

const backendReference = z.object({
  group: z.string().default(""),
  kind: z.string().default("Service"),
  name: z.string(),
  namespace: z.string().optional(),
  port: z.number().optional(),
  weight: z.number().int().min(0).default(1),
  filters: z.array(filter).default([]),
})

/** GEP-2257. */
const duration = z
  .string()
  .regex(/^(\d{1,5}(h|m|s|ms)){1,4}$/)
  .optional()

const rule = {
  name: z.string().optional(),
  filters: z.array(filter).default([]),
  backendRefs: z.array(backendReference).default([]),
  timeouts: z.object({ request: duration, backendRequest: duration }).optional(),
  retry: there,
  sessionPersistence: there,
}

const route = { parentRefs: z.array(parentReference).default([]), hostnames: z.array(z.string()).default([]) }

const grpcMatch = z.object({
  method: z
    .object({
      type: z.string().default("Exact"),
      service: z.string().default(""),
      method: z.string().default(""),
    })
    .optional(),
  headers: z.array(valueMatch).default([]),
})

const grpcRoute = z.object({
  metadata: meta,
  spec: z.object({
    ...route,
    rules: z.array(z.object({ ...rule, matches: z.array(grpcMatch).default([]) })).default([]),
  }),
})

const httpMatch = z.object({
  path: z
    .object({ type: z.string().default("PathPrefix"), value: z.string().default("/") })
    .default({ type: "PathPrefix", value: "/" }),
  headers: z.array(valueMatch).default([]),
  queryParams: z.array(valueMatch).default([]),
  method: z.string().optional(),
})

const httpRoute = z.object({
  metadata: meta,
  spec: z.object({
    ...route,
    rules: z.array(z.object({ ...rule, matches: z.array(httpMatch).default([]) })).default([]),
  }),
})

const referenceGrant = z.object({
  metadata: meta,
  spec: z.object({
    from: z.array(z.object({ group: z.string(), kind: z.string(), namespace: z.string() })),
    to: z.array(z.object({ group: z.string(), kind: z.string(), name: z.string().optional() })),
  }),
})

const backendTlsPolicy = z.object({
  metadata: meta,
  spec: z.object({
    targetRefs: z.array(
      z.object({ group: z.string(), kind: z.string(), name: z.string(), sectionName: z.string().optional() }),
    ),
    validation: z.object({
      caCertificateRefs: z
        .array(z.object({ group: z.string().default(""), kind: z.string(), name: z.string() }))
        .default([]),
      wellKnownCACertificates: z.string().default(""),
      hostname: z.string(),
      subjectAltNames: z.array(z.unknown()).default([]),
    }),
  }),
})

const service = z.object({
  metadata: meta,
  spec: z.object({
    type: z.string().default("ClusterIP"),
    ports: z
      .array(
        z.object({
          name: z.string().default(""),
          port: z.number(),
          protocol: z.string().default("TCP"),
          appProtocol: z.string().default(""),
        }),
      )
      .default([]),
  }),
})

const namespace = z.object({ metadata: meta })

/** Values are Base64. */
const secret = z.object({
  metadata: meta,
  type: z.string().default("Opaque"),
  data: z.record(z.string(), z.string()).default({}),
})

const configMap = z.object({ metadata: meta, data: z.record(z.string(), z.string()).default({}) })

/** How each kind is read. */
export const resourceSchemas = {
  gatewayClasses: gatewayClass,
  gateways: gateway,
  grpcRoutes: grpcRoute,
  httpRoutes: httpRoute,
  referenceGrants: referenceGrant,
  backendTlsPolicies: backendTlsPolicy,
  services: service,
  namespaces: namespace,
  secrets: secret,
  configMaps: configMap,
} as const

export type ResourceKind = keyof typeof resourceSchemas

/** A set of resources: all that is there of each kind. */
export type Resources = {
  readonly [Kind in ResourceKind]: readonly z.output<(typeof resourceSchemas)[Kind]>[]
}

export const noResources: Resources = {
  gatewayClasses: [],
  gateways: [],
  grpcRoutes: [],
  httpRoutes: [],
  referenceGrants: [],
  backendTlsPolicies: [],
  services: [],
  namespaces: [],
  secrets: [],
  configMaps: [],
}

export type Meta = z.output<typeof meta>
export type Gateway = z.output<typeof gateway>
export type GatewayListener = z.output<typeof listener>
export type LabelSelector = z.output<typeof selector>
export type ParentReference = z.output<typeof parentReference>
export type BackendReference = z.output<typeof backendReference>
export type RouteFilter = z.output<typeof filter>
export type HeaderModifier = z.output<typeof headerModifier>
export type PathModifier = z.output<typeof pathModifier>
export type ValueMatch = z.output<typeof valueMatch>
export type GrpcRoute = z.output<typeof grpcRoute>
export type GrpcMatch = z.output<typeof grpcMatch>
export type HttpRoute = z.output<typeof httpRoute>
export type HttpMatch = z.output<typeof httpMatch>
export type ReferenceGrant = z.output<typeof referenceGrant>
export type BackendTlsPolicy = z.output<typeof backendTlsPolicy>
export type Service = z.output<typeof service>
export type Secret = z.output<typeof secret>

/** As the API orders what came first: by age, then by name. */
export function byAge(
  { metadata: one }: { metadata: Meta },
  { metadata: other }: { metadata: Meta },
): number {
  return (
    compareTexts(one.creationTimestamp, other.creationTimestamp) ||
    compareTexts(`${one.namespace}/${one.name}`, `${other.namespace}/${other.name}`)
  )
}

function compareTexts(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

import {
  defaultCluster,
  defaultEndpoint,
  defaultFailurePercentage,
  defaultHealthCheck,
  defaultOutlierDetection,
  defaultResolver,
} from "../../config/defaults.ts"
import type { ClusterConfig, HealthCheckConfig, OutlierDetectionConfig } from "../../config/model.ts"
import {
  type Cluster,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_DnsLookupFamily as Family,
} from "../gen/envoy/config/cluster/v3/cluster_pb.ts"
import type { OutlierDetection } from "../gen/envoy/config/cluster/v3/outlier_detection_pb.ts"
import { RoutingPriority } from "../gen/envoy/config/core/v3/base_pb.ts"
import type { HealthCheck } from "../gen/envoy/config/core/v3/health_check_pb.ts"
import type {
  HttpProtocolOptions as CommonOptions,
  Http2ProtocolOptions,
} from "../gen/envoy/config/core/v3/protocol_pb.ts"
import type { ClusterLoadAssignment } from "../gen/envoy/config/endpoint/v3/endpoint_pb.ts"
import type { ClusterConfig as Aggregate } from "../gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.ts"
import type { HttpProtocolOptions } from "../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts"
import { type BalancingPlan, planBalancing } from "./balancing-plan.ts"
import { type AssignedEndpoint, planEndpoints } from "./endpoints-plan.ts"
import { typeNameOf, unpack } from "./extensions.ts"
import { Refusal, refuse } from "./refusal.ts"
import { planTransportSocket, type TlsPlan } from "./tls-plan.ts"
import { checkSource, millisecondsOf, timeoutOf } from "./values.ts"

/** A cluster as its resource has it, apart from all others. */
export interface ClusterPlan {
  readonly name: string
  /** Without endpoints and policy. */
  readonly config: ClusterConfig
  readonly balancing: BalancingPlan
  readonly endpoints: EndpointsFrom
  readonly tls: TlsPlan | null
  /** How its endpoints are spoken to by HTTP. */
  readonly protocol: "http/1.1" | "h2"
  readonly connectTimeoutMs: number | undefined
  readonly maxStreamDurationMs: number | null
  readonly bindAddress: string | null
  readonly socketKeepalive: boolean
}

export type EndpointsFrom =
  /** Told by EDS under a name. */
  | { readonly kind: "service"; readonly name: string }
  /** Within the cluster. */
  | { readonly kind: "inline"; readonly endpoints: readonly AssignedEndpoint[] }
  /** Names are looked up. */
  | { readonly kind: "dns"; readonly endpoints: readonly AssignedEndpoint[] }
  /** Those of other clusters, one after the other. */
  | { readonly kind: "aggregate"; readonly clusters: readonly string[] }

/** Errors: throws a `Refusal`. */
export function planCluster(cluster: Cluster): ClusterPlan {
  const { name } = cluster
  if (name === "") refuse("name", "a cluster needs one")
  const options = protocolOptions(cluster)
  const { idle, age, requests, duration } = commonOptions(
    options?.commonHttpProtocolOptions ?? cluster.commonHttpProtocolOptions,
  )
  const http2 = http2Of(options, cluster)
  const thresholds = cluster.circuitBreakers?.thresholds.find(
    ({ priority }) => priority === RoutingPriority.DEFAULT,
  )
  const keepalive = http2?.connectionKeepalive
  const base = defaultCluster(name)
  const { healthyPanicThreshold } = cluster.commonLbConfig ?? {}
  const balancing = planBalancing(cluster)
  return {
    name,
    balancing,
    endpoints: endpointsFrom(cluster),
    tls: planTransportSocket(cluster.transportSocket, "UpstreamTlsContext", "transport_socket"),
    protocol: http2 === null ? "http/1.1" : "h2",
    connectTimeoutMs: millisecondsOf(cluster.connectTimeout),
    maxStreamDurationMs: duration,
    bindAddress: cluster.upstreamBindConfig?.sourceAddress?.address ?? null,
    socketKeepalive: cluster.upstreamConnectionOptions?.tcpKeepalive !== undefined,
    config: {
      ...base,
      resolver: resolverOf(cluster),
      panicThresholdPercent:
        healthyPanicThreshold === undefined
          ? base.panicThresholdPercent
          : Math.round(healthyPanicThreshold.value),
      slowStart: balancing.slowStart ?? base.slowStart,
      outlierDetection: outliersOf(cluster.outlierDetection),
      limits: {
        streams: thresholds?.maxRequests ?? null,
        waitingStreams: thresholds?.maxPendingRequests ?? null,
        connections: thresholds?.maxConnections ?? null,
        retries: thresholds?.maxRetries ?? null,
      },
      maxStreamsPerConnection: http2?.maxConcurrentStreams ?? base.maxStreamsPerConnection,
      idleTimeoutMs: idle === undefined ? base.idleTimeoutMs : idle,
      maxConnectionAgeMs: age ?? base.maxConnectionAgeMs,
      maxRequestsPerConnection: requests ?? cluster.maxRequestsPerConnection ?? base.maxRequestsPerConnection,
      healthCheck: healthCheckOf(cluster.healthChecks),
      keepalive: {
        intervalMs: millisecondsOf(keepalive?.interval) ?? base.keepalive.intervalMs,
        timeoutMs: millisecondsOf(keepalive?.timeout) ?? base.keepalive.timeoutMs,
      },
    },
  }
}

// ---- Where endpoints come from ------------------------------------------------------------------------------------

function endpointsFrom(cluster: Cluster): EndpointsFrom {
  const { name, clusterDiscoveryType: type, edsClusterConfig, loadAssignment } = cluster
  if (type.case === "clusterType") {
    const any = type.value.typedConfig
    const found = any === undefined ? null : unpack(any)
    if (found?.desc.typeName !== "envoy.extensions.clusters.aggregate.v3.ClusterConfig")
      refuse("cluster_type", `${any === undefined ? type.value.name : typeNameOf(any)} is not supported`)
    const { clusters } = found.message as Aggregate
    if (clusters.length === 0) refuse("cluster_type.typed_config.clusters", "there are none")
    return { kind: "aggregate", clusters }
  }
  switch (type.value ?? DiscoveryType.STATIC) {
    case DiscoveryType.EDS:
      checkSource(edsClusterConfig?.edsConfig, "eds_cluster_config.eds_config")
      return { kind: "service", name: edsClusterConfig?.serviceName || name }
    case DiscoveryType.STATIC:
      return { kind: "inline", endpoints: inlineEndpoints(loadAssignment) }
    case DiscoveryType.STRICT_DNS:
    case DiscoveryType.LOGICAL_DNS:
      return { kind: "dns", endpoints: inlineEndpoints(loadAssignment) }
    default:
      return refuse("type", "ORIGINAL_DST is not supported")
  }
}

function inlineEndpoints(assignment: ClusterLoadAssignment | undefined): AssignedEndpoint[] {
  try {
    return assignment === undefined ? [] : planEndpoints(assignment)
  } catch (error) {
    // Any other error is a bug, which has a line in the log.
    if (error instanceof Refusal) refuse("load_assignment", error.message)
    throw error
  }
}

function resolverOf({ dnsRefreshRate, dnsLookupFamily: family }: Cluster): ClusterConfig["resolver"] {
  const validMs = millisecondsOf(dnsRefreshRate)
  if (validMs === undefined && family === Family.AUTO) return null
  return {
    ...defaultResolver(),
    validMs: validMs ?? null,
    ipv4: family !== Family.V6_ONLY,
    ipv6: family !== Family.V4_ONLY,
  }
}

/** What a cluster's names stand for, as the model has them: priorities beyond the first are backups. */
export function dnsEndpoints(endpoints: readonly AssignedEndpoint[]): ClusterConfig["endpoints"] {
  return endpoints.map(({ address, weight, priority, isDraining }) => {
    const port = Number(address.slice(address.lastIndexOf(":") + 1))
    const isUnix = address.startsWith("unix:")
    const host = isUnix ? null : address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "")
    const where = {
      text: address,
      host,
      port: isUnix ? null : port,
      unixPath: isUnix ? address.slice(5) : null,
    }
    return { ...defaultEndpoint(where), weight, backup: priority > 0, down: isDraining }
  })
}

// ---- Protocol -------------------------------------------------------------------------------------------------------

const PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

function protocolOptions({ typedExtensionProtocolOptions: all }: Cluster): HttpProtocolOptions | null {
  for (const [name, any] of Object.entries(all))
    if (name !== PROTOCOL_OPTIONS)
      refuse(`typed_extension_protocol_options["${name}"]`, `${typeNameOf(any)} is not supported`)
  const any = all[PROTOCOL_OPTIONS]
  return any === undefined ? null : (unpack(any)!.message as HttpProtocolOptions)
}

/** Null: HTTP/1.1. Where endpoints may speak both, HTTP/2: a gRPC call needs it. */
function http2Of(options: HttpProtocolOptions | null, cluster: Cluster): Http2ProtocolOptions | null {
  const upstream = options?.upstreamProtocolOptions
  if (upstream?.case === "explicitHttpConfig") {
    const { protocolConfig } = upstream.value
    return protocolConfig.case === "http2ProtocolOptions" ? protocolConfig.value : null
  }
  return upstream?.value?.http2ProtocolOptions ?? cluster.http2ProtocolOptions ?? null
}

function commonOptions(options: CommonOptions | undefined) {
  return {
    idle: timeoutOf(options?.idleTimeout),
    age: timeoutOf(options?.maxConnectionDuration),
    requests: options?.maxRequestsPerConnection || undefined,
    duration: timeoutOf(options?.maxStreamDuration) ?? null,
  }
}

// ---- Health ---------------------------------------------------------------------------------------------------------

function healthCheckOf(checks: readonly HealthCheck[]): HealthCheckConfig | null {
  const [check, second] = checks
  if (check === undefined) return null
  if (second !== undefined) refuse("health_checks[1]", "a cluster has one check")
  const { healthChecker: how } = check
  if (how.case !== "grpcHealthCheck" && how.case !== "tcpHealthCheck")
    refuse("health_checks[0]", "endpoints are checked by gRPC or TCP")
  const base = defaultHealthCheck()
  return {
    ...base,
    type: how.case === "grpcHealthCheck" ? "grpc" : "tcp",
    service: how.case === "grpcHealthCheck" ? how.value.serviceName : "",
    intervalMs: millisecondsOf(check.interval) ?? base.intervalMs,
    jitterMs: millisecondsOf(check.intervalJitter) ?? null,
    timeoutMs: millisecondsOf(check.timeout) ?? base.timeoutMs,
    passes: check.healthyThreshold ?? base.passes,
    fails: check.unhealthyThreshold ?? base.fails,
    port: check.altPort ?? null,
    // An endpoint that was never checked is not used, as in Envoy.
    mandatory: true,
  }
}

function outliersOf(detection: OutlierDetection | undefined): OutlierDetectionConfig | null {
  if (detection === undefined) return null
  const base = defaultOutlierDetection()
  const success = base.successRate!
  const failure = defaultFailurePercentage()!
  const isSuccessRateOff = detection.enforcingSuccessRate === 0
  const isFailurePercentageOn = (detection.enforcingFailurePercentage ?? 0) > 0
  return {
    intervalMs: millisecondsOf(detection.interval) ?? base.intervalMs,
    baseEjectionMs: millisecondsOf(detection.baseEjectionTime) ?? base.baseEjectionMs,
    maxEjectionMs: millisecondsOf(detection.maxEjectionTime) ?? base.maxEjectionMs,
    maxEjectionPercent: detection.maxEjectionPercent ?? base.maxEjectionPercent,
    consecutiveFailures:
      detection.enforcingConsecutive5xx === 0 ? null : (detection.consecutive5xx ?? base.consecutiveFailures),
    successRate: isSuccessRateOff
      ? null
      : {
          stdevFactor: detection.successRateStdevFactor ?? success.stdevFactor,
          minimumHosts: detection.successRateMinimumHosts ?? success.minimumHosts,
          requestVolume: detection.successRateRequestVolume ?? success.requestVolume,
        },
    failurePercentage: isFailurePercentageOn
      ? {
          threshold: detection.failurePercentageThreshold ?? failure.threshold,
          minimumHosts: detection.failurePercentageMinimumHosts ?? failure.minimumHosts,
          requestVolume: detection.failurePercentageRequestVolume ?? failure.requestVolume,
        }
      : null,
  }
}

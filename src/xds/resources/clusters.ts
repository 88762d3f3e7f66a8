import { create } from "@bufbuild/protobuf"
import { anyPack } from "@bufbuild/protobuf/wkt"
import { fixedName } from "../../config/endpoint-name.ts"
import type { ClusterConfig, OutlierDetectionConfig } from "../../config/model.ts"
import type { UpstreamTlsConfig } from "../../config/shared-model.ts"
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_RingHashLbConfig_HashFunction,
  ClusterSchema,
} from "../gen/envoy/config/cluster/v3/cluster_pb.ts"
import {
  type OutlierDetection,
  OutlierDetectionSchema,
} from "../gen/envoy/config/cluster/v3/outlier_detection_pb.ts"
import { ConfigSourceSchema } from "../gen/envoy/config/core/v3/config_source_pb.ts"
import { UpstreamTlsContextSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts"
import { providerName } from "./certificate-provider.ts"
import { overAds } from "./config-source.ts"
import { isKeyed, lbPolicyOf } from "./policies.ts"

/** A cluster as one of its routes reaches it: `name` is unique among the resources, its endpoints are those of `config`. */
export interface ReachedCluster {
  readonly name: string
  readonly config: ClusterConfig
  readonly tls: UpstreamTlsConfig | null
}

/** gRPC clients take no larger ring unless told to. */
const RING_SIZE_MAX = 4096n

export function clusterResource({ name, config, tls }: ReachedCluster): Cluster {
  const { policy, limits, outlierDetection } = config
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: overAds(), serviceName: config.name },
    lbPolicy: lbPolicyOf(policy),
    ...(isKeyed(policy) && {
      lbConfig: {
        case: "ringHashLbConfig",
        value: {
          hashFunction: Cluster_RingHashLbConfig_HashFunction.XX_HASH,
          maximumRingSize: RING_SIZE_MAX,
        },
      },
    }),
    ...(limits.streams !== null && { circuitBreakers: { thresholds: [{ maxRequests: limits.streams }] } }),
    ...(outlierDetection !== null && { outlierDetection: outlierDetectionOf(outlierDetection) }),
    ...(tls !== null && { transportSocket: transportSocket(tls) }),
    // What clients carried past Sluice is told to it.
    lrsServer: create(ConfigSourceSchema, { configSourceSpecifier: { case: "self", value: {} } }),
  })
}

/** Certificates are of the client's machine: its bootstrap says where, by the name of the file here. */
function transportSocket(tls: UpstreamTlsConfig) {
  const name = fixedName(tls)
  const context = create(UpstreamTlsContextSchema, {
    ...(tls.sendServerName && name !== null && { sni: name }),
    commonTlsContext: {
      ...(tls.certFile !== null && {
        tlsCertificateProviderInstance: { instanceName: providerName(tls) },
      }),
      validationContextType: {
        case: "validationContext",
        value: {
          caCertificateProviderInstance: { instanceName: providerName(tls) },
          ...(tls.verify &&
            name !== null && {
              matchSubjectAltNames: [{ matchPattern: { case: "exact", value: name } }],
            }),
        },
      },
    },
  })
  return {
    name: "envoy.transport_sockets.tls",
    configType: { case: "typedConfig" as const, value: anyPack(UpstreamTlsContextSchema, context) },
  }
}

function outlierDetectionOf(config: OutlierDetectionConfig): OutlierDetection {
  const { successRate, failurePercentage, consecutiveFailures } = config
  return create(OutlierDetectionSchema, {
    interval: durationOf(config.intervalMs),
    baseEjectionTime: durationOf(config.baseEjectionMs),
    maxEjectionTime: durationOf(config.maxEjectionMs),
    maxEjectionPercent: config.maxEjectionPercent,
    ...(consecutiveFailures !== null && { consecutive5xx: consecutiveFailures }),
    enforcingSuccessRate: successRate === null ? 0 : 100,
    ...(successRate !== null && {
      successRateStdevFactor: successRate.stdevFactor,
      successRateMinimumHosts: successRate.minimumHosts,
      successRateRequestVolume: successRate.requestVolume,
    }),
    enforcingFailurePercentage: failurePercentage === null ? 0 : 100,
    ...(failurePercentage !== null && {
      failurePercentageThreshold: failurePercentage.threshold,
      failurePercentageMinimumHosts: failurePercentage.minimumHosts,
      failurePercentageRequestVolume: failurePercentage.requestVolume,
    }),
  })
}

function durationOf(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 }
}

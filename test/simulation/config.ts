import {
  defaultCluster,
  defaultConfig,
  defaultEndpoint,
  defaultListener,
  defaultRoute,
  defaultRouteSettings,
} from "../../src/config/defaults.ts"
import type { ClusterConfig, Config } from "../../src/config/model.ts"
import type { Plan } from "./plan.ts"

export const LISTENER = "sim:8080"
const CLUSTER = "backends"
/** Much sooner than in production, so that a dead endpoint costs little virtual time. */
const KEEPALIVE = { intervalMs: 3000, timeoutMs: 1500 }

export function addressOf(endpoint: number): string {
  return `sim:${3000 + endpoint}`
}

/** The balancer's configuration for a plan. `isChanged`: after a reload that replaces the cluster. */
export function configOf(plan: Plan, isChanged = false): Config {
  const config = defaultConfig()
  const { retryConditions, retryTries } = plan.cluster
  const settings = {
    ...defaultRouteSettings(),
    ...plan.route,
    retry: { conditions: [...retryConditions], tries: retryTries, timeoutMs: null },
  }
  config.limits = { ...plan.limits }
  config.listeners = [
    { ...defaultListener({ text: LISTENER, host: "sim", port: 8080, unixPath: null }), ...plan.listener },
  ]
  config.clusters = [clusterOf(plan, isChanged)]
  config.servers = [
    {
      names: ["_"],
      listeners: [LISTENER],
      defaultFor: [LISTENER],
      order: "nginx",
      underscoresInHeaders: false,
      mergeSlashes: true,
      routes: [
        {
          match: { kind: "prefix", path: "/", final: false },
          action: { kind: "cluster", cluster: CLUSTER, tls: null },
          settings,
          ...defaultRoute(),
        },
      ],
      rewrite: [],
      fallback: settings,
    },
  ]
  return config
}

function clusterOf(plan: Plan, isChanged: boolean): ClusterConfig {
  const { retryConditions: _, retryTries: __, policy, ...cluster } = plan.cluster
  return {
    ...defaultCluster(CLUSTER),
    ...cluster,
    policy: { name: policy },
    keepalive: isChanged ? { ...KEEPALIVE, timeoutMs: KEEPALIVE.timeoutMs + 1 } : KEEPALIVE,
    endpoints: plan.endpoints.map(({ weight, backup, maxFails, maxStreams }, index) => ({
      ...defaultEndpoint({ text: addressOf(index), host: "sim", port: 3000 + index, unixPath: null }),
      weight,
      backup,
      maxFails,
      maxStreams,
    })),
  }
}

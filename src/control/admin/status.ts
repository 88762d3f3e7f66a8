import type { OpenAddress } from "../../balancer/status.ts"
import { countersOf, trafficOf } from "../../balancer/thread/shared-numbers.ts"
import type { CounterName } from "../../base/counters.ts"
import { VERSION } from "../../base/version.ts"
import { shortName } from "../../xds/type-urls.ts"
import type { Status } from "./schema.ts"
import type { ControlPlaneView, ControlView } from "./view.ts"

/** Read from shared memory alone: no data thread is asked. */
export function statusOf(view: ControlView, startedAtMs: number, nowMs: number): Status {
  const { config, memory } = view
  const { streams: ended, ...carried } = trafficOf(memory)
  const accepted = new Float64Array(memory.connections)
  const withTls = new Set(config.listeners.filter(({ tls }) => tls !== null).map(({ name }) => name))
  return {
    version: VERSION,
    pid: process.pid,
    state: view.isDraining ? "draining" : "running",
    startedAt: new Date(startedAtMs).toISOString(),
    uptimeMs: Math.max(0, Math.round(nowMs - startedAtMs)),
    atMs: nowMs,
    configuration: {
      file: view.configFile,
      version: view.configVersion,
      loadedAt: new Date(view.loadedAtMs).toISOString(),
    },
    listeners: view.addresses.map((address) => ({
      name: address.name,
      address: addressText(address),
      tls: withTls.has(address.name),
    })),
    threads: view.threads.map(({ index, isReady, version }) => ({
      thread: index + 1,
      state: isReady ? "listening" : "starting",
      configurationVersion: version,
      connectionsAccepted: accepted[index]!,
    })),
    streams: { open: view.streamsOpen, ended },
    connections: { accepted: accepted.reduce((sum, each) => sum + each, 0) },
    carried: {
      requestMessages: carried.requestMessages,
      responseMessages: carried.responseMessages,
      requestBytes: carried.requestOctets,
      responseBytes: carried.responseOctets,
    },
    controlPlane: view.controlPlane === null ? null : controlPlaneOf(view.controlPlane),
    memory: { rssBytes: process.memoryUsage.rss() },
    limitsMet: limitsMet(view),
  }
}

function controlPlaneOf({ status }: ControlPlaneView): Status["controlPlane"] {
  const { server, isConnected, controlPlane, problem, types } = status
  return {
    server,
    connected: isConnected,
    name: controlPlane,
    problem,
    resources: types.map(({ type, version, updatedMs, resources, nacks, lastNack }) => ({
      type: shortName(type),
      version,
      updatedAt: updatedMs === null ? null : new Date(updatedMs).toISOString(),
      count: resources,
      nacks,
      lastNack,
    })),
  }
}

function limitsMet({ memory }: ControlView): Partial<Record<CounterName, number>> {
  return Object.fromEntries(Object.entries(countersOf(memory)).filter(([, count]) => count > 0))
}

export function addressText({ host, port, unixPath }: OpenAddress): string {
  if (unixPath !== null) return `unix:${unixPath}`
  return `${host?.includes(":") ? `[${host}]` : host}:${port}`
}

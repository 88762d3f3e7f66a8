/** Every metric: its name, what it means and where its value comes from. docs/metrics.md is written from this table. */
import { countersOf, trafficOf } from "../../balancer/thread/shared-numbers.ts"
import { VERSION } from "../../base/version.ts"
import type { ControlView } from "./view.ts"

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** Names by Prometheus' conventions: units last, `_total` for what only goes up. */
export interface Metric {
  readonly name: string
  readonly kind: "counter" | "gauge"
  readonly help: string
  /** Each with what bounds how many values it has. */
  readonly labels: Readonly<Record<string, string>>
  /** At a scrape, on the control side; from shared memory, so that no data thread is asked. */
  read(source: MetricSource): Iterable<Sample>
}

export interface MetricSource {
  readonly view: ControlView
  readonly nowMs: number
  readonly startedAtMs: number
}

const CLUSTER = { cluster: "clusters of the configuration", endpoint: "endpoints of the cluster" }
const THREAD = { thread: "data threads, from 1" }

export const metrics: readonly Metric[] = [
  {
    name: "sluice_build_info",
    kind: "gauge",
    help: "1, with the version of the program.",
    labels: { version: "one" },
    read: () => [{ labels: { version: VERSION }, value: 1 }],
  },
  {
    name: "sluice_start_time_seconds",
    kind: "gauge",
    help: "When the process started, in seconds since 1970.",
    labels: {},
    read: ({ startedAtMs }) => [{ value: startedAtMs / 1000 }],
  },
  {
    name: "sluice_config_version",
    kind: "gauge",
    help: "Counts up with every reload that was put in force.",
    labels: {},
    read: ({ view }) => [{ value: view.configVersion }],
  },
  {
    name: "sluice_config_last_reload_success_timestamp_seconds",
    kind: "gauge",
    help: "When the configuration in force was put in force, in seconds since 1970.",
    labels: {},
    read: ({ view }) => [{ value: view.loadedAtMs / 1000 }],
  },
  {
    name: "sluice_threads",
    kind: "gauge",
    help: "Data threads that listen.",
    labels: {},
    read: ({ view }) => [{ value: view.threads.filter(({ isReady }) => isReady).length }],
  },
  {
    name: "sluice_streams_open",
    kind: "gauge",
    help: "Live streams at an endpoint.",
    labels: CLUSTER,
    read: ({ view }) =>
      view.config.clusters.flatMap(({ name }) =>
        view.endpointsOf(name).map(({ address, slot }) => ({
          labels: { cluster: name, endpoint: address },
          value: view.streamsAt(slot),
        })),
      ),
  },
  {
    name: "sluice_connections_accepted_total",
    kind: "counter",
    help: "Connections of clients that were accepted.",
    labels: THREAD,
    read: ({ view: { memory } }) =>
      Array.from(new Float64Array(memory.connections), (value, index) => ({
        labels: { thread: String(index + 1) },
        value,
      })),
  },
  {
    name: "sluice_streams_ended_total",
    kind: "counter",
    help: "Streams that have ended.",
    labels: {},
    read: ({ view }) => [{ value: trafficOf(view.memory).streams }],
  },
  {
    name: "sluice_limit_reached_total",
    kind: "counter",
    help: "How often a limit or a refusal was met; docs/errors.md says what each is.",
    labels: { limit: "the counters of docs/errors.md" },
    read: ({ view: { memory } }) =>
      Object.entries(countersOf(memory)).map(([limit, value]) => ({ labels: { limit }, value })),
  },
  {
    name: "sluice_resident_memory_bytes",
    kind: "gauge",
    help: "Memory of the process, as the system counts it.",
    labels: {},
    read: () => [{ value: process.memoryUsage.rss() }],
  },
]

/** Every metric: its name, what it means and where its value comes from. docs/metrics.md is written from this table. */
import { countersOf, GAUGES, type Gauges, rowOf, trafficOf } from "../../balancer/thread/shared-numbers.ts"
import { turnCauses } from "../../base/turn-cause.ts"
import { VERSION } from "../../base/version.ts"
import { balanceOf } from "../../cluster/rebalance/plan-moves.ts"
import { Column, ENDED_COLUMNS } from "../../cluster/traffic.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import { legEndKinds } from "../../relay/call/leg-end.ts"
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
  /** Events of the process, by kind. */
  readonly events: ReadonlyMap<string, number>
  readonly startedAtMs: number
}

const ENDPOINT = { cluster: "clusters of the configuration", endpoint: "endpoints of the cluster" }
const THREAD = { thread: "data threads, from 1" }

const NONE: Readonly<Record<string, string>> = {}

function one(name: string, help: string, read: (source: MetricSource) => number): Metric {
  return { name, kind: "gauge", help, labels: NONE, read: (source) => [{ value: read(source) }] }
}

/** A number of each endpoint's state. */
function ofEndpoint(
  name: string,
  help: string,
  read: (endpoint: ReturnType<ControlView["endpointsOf"]>[number], view: ControlView) => number,
): Metric {
  return {
    name,
    kind: "gauge",
    help,
    labels: ENDPOINT,
    *read({ view }) {
      for (const cluster of view.config.clusters)
        for (const endpoint of view.endpointsOf(cluster.name))
          yield { labels: { cluster: cluster.name, endpoint: endpoint.address }, value: read(endpoint, view) }
    },
  }
}

/** What threads have counted at each endpoint. `columns`: by the value of `label`, null for one without. */
function counted(
  name: string,
  help: string,
  label: Readonly<Record<string, string>>,
  columns: readonly (readonly [value: string | null, column: number])[],
): Metric {
  const [extra] = Object.keys(label)
  return {
    name,
    kind: "counter",
    help,
    labels: { ...ENDPOINT, ...label },
    *read({ view }) {
      for (const { name: cluster } of view.config.clusters)
        for (const { address, slot } of view.endpointsOf(cluster)) {
          const row = view.trafficAt(slot)
          for (const [value, column] of columns) {
            const labels = { cluster, endpoint: address, ...(value !== null && { [extra!]: value }) }
            // Of what never happens no series is made.
            if (value === null || row[column]! > 0) yield { labels, value: row[column]! }
          }
        }
    },
  }
}

/** What each thread says of itself. */
function ofThread(name: string, kind: Metric["kind"], help: string, gauge: keyof Gauges, unit = 1): Metric {
  return {
    name,
    kind,
    help,
    labels: THREAD,
    read: ({ view: { memory } }) =>
      Array.from({ length: memory.threads }, (_, index) => ({
        labels: { thread: String(index + 1) },
        value: rowOf(memory.gauges, index, GAUGES.length)[GAUGES.indexOf(gauge)]! * unit,
      })),
  }
}

const codes = [
  ...Object.entries(GrpcStatus).map(([name, code]) => [name, Column.ended + code] as const),
  ["none", Column.ended + ENDED_COLUMNS - 1] as const,
]

const MS = 1 / 1000

const NOT_MOVING = { leaving: 0, arriving: 0, maxStreams: null }

export const metrics: readonly Metric[] = [
  // The process.
  {
    name: "sluice_build_info",
    kind: "gauge",
    help: "1, with the version of the program.",
    labels: { version: "one" },
    read: () => [{ labels: { version: VERSION }, value: 1 }],
  },
  one(
    "sluice_start_time_seconds",
    "When the process started, since 1970.",
    ({ startedAtMs }) => startedAtMs * MS,
  ),
  one("sluice_draining", "1 while the process ends: it takes no new streams.", ({ view }) =>
    Number(view.isDraining),
  ),
  one("sluice_resident_memory_bytes", "Memory of the process, as the system counts it.", () =>
    process.memoryUsage.rss(),
  ),
  one(
    "sluice_config_version",
    "Counts up with every reload that was put in force.",
    ({ view }) => view.configVersion,
  ),
  one(
    "sluice_config_loaded_timestamp_seconds",
    "When the configuration in force was put in force, since 1970.",
    ({ view }) => view.loadedAtMs * MS,
  ),
  {
    name: "sluice_events_total",
    kind: "counter",
    help: "Events of the process, as /events has them.",
    labels: { kind: "kinds of events: docs/admin.md", level: "info, warn or error" },
    read: ({ events }) =>
      Array.from(events, ([key, value]) => {
        const [kind, level] = key.split(" ") as [string, string]
        return { labels: { kind, level }, value }
      }),
  },
  {
    name: "sluice_limit_reached_total",
    kind: "counter",
    help: "How often a limit or a refusal was met; docs/errors.md says what each is.",
    labels: { limit: "the counters of docs/errors.md" },
    read: ({ view: { memory } }) =>
      Object.entries(countersOf(memory)).map(([limit, value]) => ({ labels: { limit }, value })),
  },
  // Threads.
  one(
    "sluice_threads_listening",
    "Data threads that listen.",
    ({ view }) => view.threads.filter(({ isReady }) => isReady).length,
  ),
  one("sluice_threads", "Data threads that there should be.", ({ view }) => view.memory.threads),
  ofThread(
    "sluice_thread_busy_seconds_total",
    "counter",
    "Time that the thread has worked and not waited, since it started.",
    "busyMs",
    MS,
  ),
  ofThread(
    "sluice_thread_turn_max_seconds",
    "gauge",
    "Longest turn of the event loop that moved octets, within the last second: so long octets wait.",
    "turnMaxMs",
    MS,
  ),
  ofThread("sluice_thread_heap_bytes", "gauge", "Heap of JavaScript in use.", "heapBytes"),
  ofThread(
    "sluice_held_bytes",
    "gauge",
    "Octets held for slow receivers and for calls that may have to be repeated.",
    "heldBytes",
  ),
  ofThread("sluice_connections_open", "gauge", "Connections of clients.", "connections"),
  ofThread("sluice_thread_streams_open", "gauge", "Streams that were admitted and are not over.", "streams"),
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
  // Streams.
  {
    name: "sluice_requests_total",
    kind: "counter",
    help: "Streams of clients that have ended, whatever answered them.",
    labels: NONE,
    read: ({ view }) => [{ value: trafficOf(view.memory).streams }],
  },
  ofEndpoint("sluice_streams_open", "Live streams at an endpoint.", ({ slot }, view) => view.streamsAt(slot)),
  counted(
    "sluice_streams_ended_total",
    "Streams whose last leg was at the endpoint, by how they ended for the client.",
    { code: "gRPC's statuses, and none" },
    codes,
  ),
  counted("sluice_messages_total", "Whole gRPC messages, as they pass.", { direction: "request, response" }, [
    ["request", Column.requestMessages],
    ["response", Column.responseMessages],
  ]),
  counted("sluice_data_bytes_total", "Octets of DATA, as they pass.", { direction: "request, response" }, [
    ["request", Column.requestOctets],
    ["response", Column.responseOctets],
  ]),
  counted("sluice_legs_total", "Times that the endpoint was picked for a stream.", {}, [
    [null, Column.picks],
  ]),
  counted("sluice_retries_total", "Of these, those after the first of a stream.", {}, [
    [null, Column.retries],
  ]),
  counted(
    "sluice_legs_ended_total",
    "Legs, by how they ended: reset by the endpoint, its connection lost, a timeout and so on.",
    { end: "ways for a leg to end" },
    legEndKinds.map((kind, at) => [kind, Column.legEnds + at] as const),
  ),
  counted(
    "sluice_streams_moved_total",
    "Streams that Sluice has moved away from the endpoint by its own choice.",
    { cause: "drain, age, rehash, rebalance, rollout, order" },
    turnCauses.map((cause, at) => [cause, Column.moved + at] as const),
  ),
  counted(
    "sluice_stream_moves_failed_total",
    "Such moves that did not come about: the stream has stayed, or has ended.",
    { cause: "drain, age, rehash, rebalance, rollout, order" },
    turnCauses.map((cause, at) => [cause, Column.movesFailed + at] as const),
  ),
  ofEndpoint(
    "sluice_streams_leaving",
    "Streams on their way from the endpoint to another.",
    ({ slot }, view) => {
      const row = view.trafficAt(slot)
      return Math.max(0, row[Column.leaving]! - row[Column.left]!)
    },
  ),
  {
    name: "sluice_cluster_imbalance",
    kind: "gauge",
    help: "The most streams that an endpoint has, over its share by weight; of endpoints that take streams. 1: all have theirs.",
    labels: { cluster: "clusters of the configuration" },
    *read({ view }) {
      for (const { name } of view.config.clusters) {
        const endpoints = view
          .endpointsOf(name)
          .filter(({ drain, health }) => !drain && health !== "unhealthy")
          .map(({ slot, weight }) => ({ ...NOT_MOVING, slot, weight, open: view.streamsAt(slot) }))
        yield { labels: { cluster: name }, value: balanceOf(endpoints, 0).imbalance }
      }
    },
  },
  // Health.
  counted(
    "sluice_endpoint_failures_total",
    "Failures that count against the endpoint.",
    { of: "stream, connection" },
    [
      ["stream", Column.streamsFailed],
      ["connection", Column.connectionsFailed],
    ],
  ),
  counted("sluice_endpoint_ejections_total", "Times that a data thread has ejected it.", {}, [
    [null, Column.ejections],
  ]),
  ofEndpoint("sluice_endpoint_healthy", "0 where active checks find it unhealthy, else 1.", ({ health }) =>
    health === "unhealthy" ? 0 : 1,
  ),
  ofEndpoint(
    "sluice_endpoint_draining",
    "1 where it takes no new streams by order, configuration or discovery.",
    ({ drain }) => Number(drain),
  ),
  ofEndpoint("sluice_endpoint_weight", "Its weight among the others.", ({ weight }) => weight),
]

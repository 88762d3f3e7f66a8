/** Every metric: its name, what it means and where its value comes from. docs/metrics.md is written from this table. */
import { turnRow } from "../../balancer/thread/route-memory.ts"
import { countersOf, GAUGES, type Gauges, rowOf, trafficOf } from "../../balancer/thread/shared-numbers.ts"
import { type HistogramValue, readHistogram } from "../../base/histogram.ts"
import { turnCauses } from "../../base/turn-cause.ts"
import { VERSION } from "../../base/version.ts"
import { balanceOf } from "../../cluster/rebalance/plan-moves.ts"
import { Column, ENDED_COLUMNS } from "../../cluster/traffic.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import { legEndKinds } from "../../relay/call/leg-end.ts"
import { TURN_ROW, TURNS } from "../../relay/overload/turn-messages.ts"
import { ROUTE_HISTOGRAMS, RouteColumn } from "../../relay/route/route-meter.ts"
import { shortName } from "../../xds/type-urls.ts"
import type { XdsTypeStatus } from "../xds/xds-client.ts"
import type { ControlView } from "./view.ts"

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number | HistogramValue
}

/** Names by Prometheus' conventions: units last, `_total` for what only goes up. */
export interface Metric {
  readonly name: string
  readonly kind: "counter" | "gauge" | "histogram"
  readonly help: string
  /** Each with what bounds how many values it has. */
  readonly labels: Readonly<Record<string, string>>
  /** At a scrape, on the control side; from shared memory, so that no data thread is asked. */
  read(source: MetricSource): Iterable<Sample>
}

/** Endpoints, and what was counted at each, of one moment. */
export interface EndpointNumbers extends Pick<ControlView, "endpointsOf" | "trafficAt" | "streamsAt"> {
  /** Names of all clusters. */
  readonly clusters: readonly string[]
}

export interface MetricSource {
  readonly view: ControlView
  readonly endpoints: EndpointNumbers
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
  read: (endpoint: ReturnType<ControlView["endpointsOf"]>[number], numbers: EndpointNumbers) => number,
): Metric {
  return {
    name,
    kind: "gauge",
    help,
    labels: ENDPOINT,
    *read({ endpoints }) {
      for (const cluster of endpoints.clusters)
        for (const endpoint of endpoints.endpointsOf(cluster))
          yield { labels: { cluster, endpoint: endpoint.address }, value: read(endpoint, endpoints) }
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
    *read({ endpoints }) {
      for (const cluster of endpoints.clusters)
        for (const { address, slot } of endpoints.endpointsOf(cluster)) {
          const row = endpoints.trafficAt(slot)
          for (const [value, column] of columns) {
            const labels = { cluster, endpoint: address, ...(value !== null && { [extra!]: value }) }
            // Of what never happens no series is made.
            if (value === null || row[column]! > 0) yield { labels, value: row[column]! }
          }
        }
    },
  }
}

function ofControlPlane({ controlPlane }: ControlView, read: (type: XdsTypeStatus) => number): Sample[] {
  return (controlPlane?.status.types ?? []).map((one) => ({
    labels: { type: shortName(one.type) },
    value: read(one),
  }))
}

const ROUTE = {
  server: "servers of the configuration, by their first name",
  route: "routes of the server; past `countedRoutesMax`: (others)",
}

/** What threads have counted of each route; a column without a value of the label: null. */
function ofRoute(
  name: string,
  kind: "counter" | "gauge",
  help: string,
  label: Readonly<Record<string, string>>,
  columns: readonly (readonly [value: string | null, column: number])[],
): Metric {
  const [extra] = Object.keys(label)
  return {
    name,
    kind,
    help,
    labels: { ...ROUTE, ...label },
    *read({ view: { routes } }) {
      for (const { server, route, slot } of routes?.routes ?? []) {
        if (!routes!.hasBegun(slot)) continue
        const row = routes!.at(slot)
        for (const [value, column] of columns) {
          const labels = { server, route, ...(value !== null && { [extra!]: value }) }
          if (value === null || row[column]! > 0) yield { labels, value: row[column]! }
        }
      }
    },
  }
}

/** Times of each route. */
function timesOfRoute(
  name: string,
  help: string,
  label: Readonly<Record<string, string>>,
  histograms: readonly (readonly [value: string | null, column: keyof typeof ROUTE_HISTOGRAMS])[],
): Metric {
  const [extra] = Object.keys(label)
  return {
    name,
    kind: "histogram",
    help,
    labels: { ...ROUTE, ...label },
    *read({ view: { routes } }) {
      for (const { server, route, slot } of routes?.routes ?? []) {
        if (!routes!.hasBegun(slot)) continue
        const row = routes!.at(slot)
        for (const [said, column] of histograms) {
          const value = readHistogram(row, RouteColumn[column], ROUTE_HISTOGRAMS[column])
          const labels = { server, route, ...(said !== null && { [extra!]: said }) }
          if (value.count > 0) yield { labels, value }
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

const codesFrom = (first: number) => [
  ...Object.entries(GrpcStatus).map(([name, code]) => [name, first + code] as const),
  ["none", first + ENDED_COLUMNS - 1] as const,
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
    name: "sluice_control_plane_connected",
    kind: "gauge",
    help: "1 while the control plane that `--xds` names is there; without one there is no such series.",
    labels: NONE,
    read: ({ view: { controlPlane } }) =>
      controlPlane === null ? [] : [{ value: Number(controlPlane.status.isConnected) }],
  },
  {
    name: "sluice_control_plane_resources",
    kind: "gauge",
    help: "Resources of the control plane that are held.",
    labels: { type: "types of xDS resources: five" },
    read: ({ view }) => ofControlPlane(view, ({ resources }) => resources),
  },
  {
    name: "sluice_control_plane_nacks_total",
    kind: "counter",
    help: "Responses of the control plane that were refused, in whole or in part.",
    labels: { type: "types of xDS resources: five" },
    read: ({ view }) => ofControlPlane(view, ({ nacks }) => nacks),
  },
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
  ofEndpoint("sluice_streams_open", "Live streams at an endpoint.", ({ slot }, numbers) =>
    numbers.streamsAt(slot),
  ),
  counted(
    "sluice_streams_ended_total",
    "Streams whose last leg was at the endpoint, by how they ended for the client.",
    { code: "gRPC's statuses, and none" },
    codesFrom(Column.ended),
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
    ({ slot }, numbers) => {
      const row = numbers.trafficAt(slot)
      return Math.max(0, row[Column.leaving]! - row[Column.left]!)
    },
  ),
  {
    name: "sluice_cluster_imbalance",
    kind: "gauge",
    help: "The most streams that an endpoint has, over its share by weight; of endpoints that take streams. 1: all have theirs.",
    labels: { cluster: "clusters of the configuration" },
    *read({ endpoints }) {
      for (const cluster of endpoints.clusters) {
        const taking = endpoints
          .endpointsOf(cluster)
          .filter(({ drain, health }) => !drain && health !== "unhealthy")
          .map(({ slot, weight }) => ({ ...NOT_MOVING, slot, weight, open: endpoints.streamsAt(slot) }))
        yield { labels: { cluster }, value: balanceOf(taking, 0).imbalance }
      }
    },
  },
  // Routes, where metrics are full.
  ofRoute("sluice_route_streams_open", "gauge", "Live streams of the route.", {}, [[null, RouteColumn.open]]),
  ofRoute(
    "sluice_route_streams_total",
    "counter",
    "Streams that have come to the route, those that are answered here among them.",
    {},
    [[null, RouteColumn.began]],
  ),
  ofRoute(
    "sluice_route_streams_ended_total",
    "counter",
    "Streams of the route that have ended, by how they ended for the client.",
    { code: "gRPC's statuses, and none" },
    codesFrom(RouteColumn.ended),
  ),
  ofRoute(
    "sluice_route_responses_total",
    "counter",
    "The same by the class of the HTTP status; 4xx and 5xx are those of clients that do not speak gRPC.",
    { class: "1xx to 5xx" },
    [1, 2, 3, 4, 5].map((first) => [`${first}xx`, RouteColumn.classes + first - 1] as const),
  ),
  ofRoute(
    "sluice_route_messages_total",
    "counter",
    "Whole gRPC messages, as they pass.",
    { direction: "request, response" },
    [
      ["request", RouteColumn.requestMessages],
      ["response", RouteColumn.responseMessages],
    ],
  ),
  ofRoute(
    "sluice_route_data_bytes_total",
    "counter",
    "Octets of DATA, as they pass.",
    { direction: "request, response" },
    [
      ["request", RouteColumn.requestOctets],
      ["response", RouteColumn.responseOctets],
    ],
  ),
  timesOfRoute(
    "sluice_route_head_seconds",
    "From a request's head to its going to an endpoint: phases, and the wait for a connection.",
    {},
    [[null, "heads"]],
  ),
  timesOfRoute(
    "sluice_route_message_gap_seconds",
    "Between a gRPC message and the one before it on its stream, in its direction; to a tenth of a second.",
    { direction: "request, response" },
    [
      ["request", "requestGaps"],
      ["response", "responseGaps"],
    ],
  ),
  timesOfRoute(
    "sluice_route_stall_seconds",
    "How long streams had octets waiting for credit, or for the socket, of the one they go to; to a tenth of a second.",
    { of: "client, endpoint" },
    [
      ["client", "clientStalls"],
      ["endpoint", "endpointStalls"],
    ],
  ),
  {
    name: "sluice_message_seconds",
    kind: "histogram",
    help: "How long gRPC messages are in Sluice at most: from the first read of the turn of the event loop that brought them until all that it made is written. What waits for credit takes longer: sluice_route_stall_seconds.",
    labels: NONE,
    *read({ view: { memory } }) {
      if (memory.routes === null) return
      const sum = new Float64Array(TURN_ROW)
      for (let index = 0; index < memory.threads; index++) {
        const row = turnRow(memory.routes, index)
        for (let column = 0; column < TURN_ROW; column++) sum[column]! += row[column]!
      }
      yield { value: readHistogram(sum, 0, TURNS) }
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

import type { Clock } from "../../base/clock.ts"
import { toYaml } from "../../config/yaml/write.ts"
import type { Log } from "../../log/logger.ts"
import type { XdsService } from "../xds/xds-service.ts"
import { snapshotOf, snapshotStream } from "./cluster-snapshot.ts"
import { clustersOf } from "./clusters.ts"
import { configDump, configDumpQuery } from "./config-dump.ts"
import type { EventRing } from "./event-ring.ts"
import { afterOf, eventStream } from "./event-stream.ts"
import { maskedConfig } from "./masked-config.ts"
import { Exposition } from "./metrics.ts"
import { openApi } from "./openapi.ts"
import { orderRoutes } from "./orders.ts"
import { AdminError, type AdminRoute } from "./route.ts"
import * as shapes from "./schema.ts"
import { statusOf } from "./status.ts"
import { readStreamQuery, streamOf, streamsOf, streamsQuery } from "./streams.ts"
import type { ControlView } from "./view.ts"
import { xdsOf, xdsQuery } from "./xds.ts"

export interface ApiOptions {
  readonly view: ControlView
  readonly events: EventRing
  readonly log: Log
  readonly clock: Clock
  /** Null: there is no xDS server. */
  readonly xds: XdsService | null
  /** Since 1970. */
  readonly startedAtMs: number
}

/** The admin API, one row each. */
export function apiRoutes(options: ApiOptions): AdminRoute[] {
  const routes = [...healthRoutes(options), ...readingRoutes(options), ...orderRoutes(options)]
  const document: AdminRoute = {
    method: "GET",
    path: "/openapi.json",
    summary: "This document.",
    answer: { contentType: "application/json", description: "OpenAPI 3.1" },
    handle: () => ({ json: openApi([...routes, document]) }),
  }
  return [...routes, document]
}

const PLAIN = "text/plain; charset=utf-8"

function healthRoutes({ view }: ApiOptions): AdminRoute[] {
  return [
    {
      method: "GET",
      path: "/healthz",
      summary: "The process answers.",
      openness: "open",
      answer: { contentType: PLAIN, description: "ok" },
      handle: () => ({ text: "ok\n", contentType: PLAIN }),
    },
    {
      method: "GET",
      path: "/readyz",
      summary:
        "New streams may be sent here: a data thread listens, and the process is not ending. Else 503.",
      openness: "open",
      answer: { contentType: PLAIN, description: "ready" },
      handle() {
        if (view.isDraining) return { status: 503, text: "draining\n", contentType: PLAIN }
        const isReady = view.threads.some((thread) => thread.isReady)
        return { status: isReady ? 200 : 503, text: isReady ? "ready\n" : "starting\n", contentType: PLAIN }
      },
    },
  ]
}

function readingRoutes({ view, events, clock, xds, startedAtMs }: ApiOptions): AdminRoute[] {
  const exposition = new Exposition({ view, startedAtMs, events: events.counts }, clock)
  const every = (ms: number, call: () => void): (() => void) => {
    let timer = clock.after(ms, again)
    function again(): void {
      call()
      timer = clock.after(ms, again)
    }
    return () => timer.cancel()
  }
  return [
    {
      method: "GET",
      path: "/status",
      summary: "The process, its threads and what they carry.",
      answer: shapes.status,
      handle: () => ({ json: statusOf(view, startedAtMs, clock.wallMs()) }),
    },
    {
      method: "GET",
      path: "/clusters",
      summary: "Clusters, with the state of each endpoint.",
      isLong: true,
      answer: shapes.clusters,
      handle: async () => ({ json: await clustersOf(view, clock.wallMs()) }),
    },
    {
      method: "GET",
      path: "/clusters/{cluster}/endpoints",
      summary:
        "The endpoints and the policy of a cluster, for clients that balance by themselves; with Accept: text/event-stream again whenever they change.",
      answer: shapes.clusterSnapshot,
      handle({ params, header }) {
        if (header("accept")?.includes("text/event-stream") === true)
          return snapshotStream(view, params.cluster!, every)
        return { json: snapshotOf(view, params.cluster!) }
      },
    },
    {
      method: "GET",
      path: "/streams",
      summary: "A page of the live streams.",
      query: streamsQuery,
      isLong: true,
      answer: shapes.streams,
      handle: async ({ query }) => ({ json: await streamsOf(view, readStreamQuery(query), clock.wallMs()) }),
    },
    {
      method: "GET",
      path: "/streams/{id}",
      summary: "One live stream: its head with secrets masked, and what has happened to it.",
      answer: shapes.streamDetail,
      handle: async ({ params }) => ({ json: await streamOf(view, params.id!) }),
    },
    {
      method: "GET",
      path: "/events",
      summary:
        "What has happened, and with Accept: text/event-stream what happens, as server-sent events named by kind.",
      query: { after: "Only events behind this id; a browser's Last-Event-ID does the same." },
      answer: shapes.events,
      handle(request) {
        const after = afterOf(request)
        if (request.header("accept")?.includes("text/event-stream") !== true)
          return { json: events.after(after) }
        return eventStream(events, after, every)
      },
    },
    {
      method: "GET",
      path: "/metrics",
      summary: "For Prometheus: its text format, or OpenMetrics where that is accepted.",
      isLarge: true,
      answer: { contentType: "text/plain", description: "docs/metrics.md has each of them." },
      handle: ({ header }) => exposition.read(header("accept") ?? ""),
    },
    {
      method: "GET",
      path: "/config",
      summary: "The configuration in force, with its defaults filled in and secrets masked.",
      query: {
        format:
          "yaml: as sluice.yaml has it, less what is the default anyway. Default: what `Accept` asks for, or JSON.",
      },
      isLong: true,
      answer: { contentType: "application/json", description: "As `Config` of the package's model." },
      handle({ query, header }) {
        const config = maskedConfig(view.config)
        const format = query.get("format")
        if (format !== null && format !== "json" && format !== "yaml")
          throw new AdminError(400, "format: json or yaml")
        const isYaml = format === null ? header("accept")?.includes("yaml") === true : format === "yaml"
        return isYaml ? { text: toYaml(config), contentType: "application/yaml" } : { json: config }
      },
    },
    {
      method: "GET",
      path: "/xds",
      summary: "The xDS server: names that clients may ask for, and who has what. 404 where there is none.",
      query: xdsQuery,
      isLong: true,
      answer: shapes.xds,
      handle: ({ query }) => ({ json: xdsOf(xds, query) }),
    },
    {
      method: "GET",
      path: "/config_dump",
      summary:
        "What the control plane of `--xds` has said, as Envoy shows it, with every secret masked. 404 where there is none.",
      query: configDumpQuery,
      isLong: true,
      answer: { contentType: "application/json", description: "As Envoy's `envoy.admin.v3.ConfigDump`." },
      handle: ({ query }) => ({ json: configDump(view.controlPlane, query) }),
    },
    {
      method: "GET",
      path: "/config/diff",
      summary: "What a reload would change now: the file on disk against the configuration in force.",
      answer: shapes.pendingChanges,
      handle: async () => ({ json: await view.pendingChanges() }),
    },
  ]
}

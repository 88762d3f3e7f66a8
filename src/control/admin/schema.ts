/**
 * The JSON shapes of the admin API: what `/openapi.json` is written from, and what pages and commands import as types.
 * Times of day are text as RFC 3339 has them, or milliseconds since 1970 (`…AtMs`); sizes say bytes; a share is of 1.
 */
import { z } from "zod"
import type { StreamDetail, StreamRow } from "../../balancer/live/stream-row.ts"

const count = z.number().int().min(0)
const instant = z.string().describe("RFC 3339, UTC")

export const errorAnswer = z
  .strictObject({ error: z.string().describe("One line, for people.") })
  .meta({ id: "Error" })

// ---- /status --------------------------------------------------------------------------------------------------

const threadStatus = z.strictObject({
  thread: count.describe("From 1."),
  state: z.enum(["listening", "starting"]),
  configurationVersion: count.describe("The version that it has acknowledged."),
  connectionsAccepted: count,
})

export const status = z
  .strictObject({
    version: z.string().describe("Of Sluice."),
    pid: count,
    state: z.enum(["running", "draining"]),
    startedAt: instant,
    uptimeMs: count,
    atMs: z.number().describe("When this was said."),
    configuration: z.strictObject({
      file: z.string().nullable().describe("Null: it was started by addresses alone."),
      version: count.describe("Counts up with every reload."),
      loadedAt: instant,
    }),
    listeners: z.array(z.strictObject({ name: z.string(), address: z.string(), tls: z.boolean() })),
    threads: z.array(threadStatus),
    streams: z.strictObject({ open: count, ended: count }),
    connections: z.strictObject({ accepted: count }),
    carried: z
      .strictObject({
        requestMessages: count,
        responseMessages: count,
        requestBytes: count,
        responseBytes: count,
      })
      .describe("By the streams that have ended."),
    controlPlane: z
      .strictObject({
        server: z.string(),
        connected: z.boolean(),
        name: z.string().describe("As it calls itself; empty: it does not."),
        problem: z.string().nullable().describe("Why it is not connected."),
        resources: z.array(
          z.strictObject({
            type: z
              .string()
              .describe("Cluster, ClusterLoadAssignment, Listener, RouteConfiguration or Secret."),
            version: z.string().describe("Of the last response that was taken whole."),
            updatedAt: instant.nullable(),
            count,
            nacks: count.describe("Responses that were refused, in whole or in part."),
            lastNack: z.string().nullable().describe("Why the last response was; null: it was not."),
          }),
        ),
      })
      .nullable()
      .describe("What `--xds` names; null: nothing."),
    memory: z.strictObject({ rssBytes: count }),
    limitsMet: z.record(z.string(), count).describe("Counters that are not 0, by name: docs/errors.md."),
  })
  .meta({ id: "Status" })

// ---- /clusters/{cluster}/endpoints ----------------------------------------------------------------------------

export const clusterSnapshot = z
  .strictObject({
    cluster: z.string(),
    policy: z.looseObject({ name: z.string() }).describe("As `policy` of the package's model."),
    endpoints: z.array(
      z.strictObject({
        address: z.string(),
        weight: count,
        priority: count.describe("0 is used first."),
        zone: z.string().nullable(),
        isDraining: z.boolean().describe("No new calls."),
        health: z.enum(["unknown", "healthy", "unhealthy"]),
      }),
    ),
  })
  .meta({ id: "ClusterSnapshot" })

// ---- /xds -----------------------------------------------------------------------------------------------------

const subscription = z.strictObject({
  type: z.string().describe("Cluster, ClusterLoadAssignment, Listener or RouteConfiguration."),
  names: z.array(z.string()).describe("The first of them; of none it has all."),
  nameCount: count,
  sentVersion: z.string().describe("Empty: nothing was sent yet."),
  ackedVersion: z.string().describe("What it took last."),
  nack: z
    .strictObject({ version: z.string(), message: z.string(), at: instant })
    .nullable()
    .describe("It refused the last it was sent, and goes on with what it had."),
})

export const xds = z
  .strictObject({
    targets: z.array(z.string()).describe("Names for `xds:///NAME`."),
    clientCount: count,
    clients: z.array(
      z.strictObject({
        id: count,
        peer: z.string(),
        node: z.string().describe("The id of its bootstrap."),
        agent: z.string(),
        api: z.enum(["ads", "delta-ads"]),
        since: instant,
        subscriptions: z.array(subscription),
      }),
    ),
    carried: z
      .record(
        z.string(),
        z.strictObject({ issued: count, succeeded: count, failed: count, open: z.number() }),
      )
      .describe("Calls past Sluice, by cluster, as clients report them."),
  })
  .meta({ id: "Xds" })

// ---- /clusters ------------------------------------------------------------------------------------------------

const endpoint = z
  .strictObject({
    address: z.string(),
    state: z
      .enum(["up", "ejected", "unhealthy", "draining"])
      .describe("Whether it gets new streams, and why not."),
    priority: count.describe("Used where no endpoint of a lower number can be; a backup has 1."),
    health: z.enum(["unknown", "healthy", "unhealthy"]).describe("By active checks."),
    zone: z.string().nullable(),
    weight: z.number(),
    streams: count.describe("Live streams, of all threads."),
    fairStreams: z
      .number()
      .nullable()
      .describe("Its share of the cluster's live streams by weight; null where it should have none."),
    maxStreams: count.nullable(),
    connections: count,
    waiting: count.describe("Streams that wait for a place on a connection."),
    ejectedForMs: count.nullable().describe("Null: not ejected, or until a connection has proved it."),
    slowStartShare: z
      .number()
      .min(0)
      .max(1)
      .nullable()
      .describe("In slow start: which share of its weight it has by now; null: it has all of it."),
    ejectedThreads: count.describe("Data threads in which it is ejected."),
    streamsAnswered: count.describe("Since the configuration made it."),
    streamsFailed: count,
    connectionsFailed: count,
  })
  .meta({ id: "LiveEndpoint" })

const source = z
  .strictObject({
    name: z.string().describe("What is asked: `dns chat.local:3000`, `consul chat`."),
    endpoints: count.nullable().describe("How many its last answer names; null: there is none yet."),
    answerAgeMs: count.nullable().describe("Since that answer came; null where it is from before a reload."),
    problem: z.string().nullable().describe("Why its last answer was not to be used; null: it was."),
    problems: count.describe("Answers that were not to be used, in all."),
  })
  .meta({ id: "Source" })

const cluster = z
  .strictObject({
    name: z.string(),
    policy: z.string(),
    streams: count,
    sources: z.array(source).describe("Where endpoints come from beside the configuration."),
    endpoints: z.array(endpoint),
  })
  .meta({ id: "LiveCluster" })

export const clusters = z
  .strictObject({
    atMs: z.number(),
    isComplete: z.boolean().describe("False: a data thread did not answer."),
    clusters: z.array(cluster),
  })
  .meta({ id: "Clusters" })

// ---- /streams -------------------------------------------------------------------------------------------------

const rowShape = {
  id: z.string().describe("Unique in this process."),
  path: z.string().describe("As called, without its query."),
  authority: z.string(),
  client: z.string(),
  listener: z.string(),
  protocol: z.string(),
  server: z.string(),
  route: z.string(),
  cluster: z.string(),
  endpoint: z.string().describe("Empty while it waits for one."),
  thread: count,
  startedAtMs: z.number(),
  ageMs: count,
  idleMs: count.describe("Since octets last came, from either side."),
  deadlineInMs: z.number().nullable().describe("By grpc-timeout; null: none."),
  status: count.describe("HTTP status sent; 0 before."),
  requestMessages: count,
  responseMessages: count,
  requestBytes: count,
  responseBytes: count,
  heldBytes: count.describe("Held for it in this process."),
  waitsFor: z
    .enum(["connection", "endpoint", "client"])
    .nullable()
    .describe("Whose credit it waits for, or a place on a connection."),
  legs: count.describe("Endpoints tried, the present one among them."),
  resumes: count.describe("Legs after the first: its backend was lost, handed it off, or it was moved."),
  moves: count.describe("Of these, those by Sluice's own choice: a drain, the planner, an order."),
}

export const streamRow = z.strictObject(rowShape).meta({ id: "Stream" }) satisfies z.ZodType<StreamRow>

const header = z.tuple([z.string(), z.string()])

export const streamDetail = z
  .strictObject({
    ...rowShape,
    method: z.string(),
    pathAndQuery: z.string().describe("Secrets masked."),
    requestHeaders: z.array(header).describe("Secrets masked."),
    responseHeaders: z.array(header).nullable(),
    tls: z.strictObject({ protocol: z.string(), cipher: z.string(), clientSubject: z.string() }).nullable(),
    timeline: z.array(
      z.strictObject({ atMs: count.describe("Since it began."), what: z.string(), endpoint: z.string() }),
    ),
  })
  .meta({ id: "StreamDetail" }) satisfies z.ZodType<StreamDetail>

export const streams = z
  .strictObject({
    atMs: z.number(),
    isComplete: z.boolean().describe("False: a data thread did not answer."),
    turnMaxMs: z
      .number()
      .describe(
        "The longest turn that a data thread spent on this answer: so long its streams waited for it.",
      ),
    total: count.describe("Live streams."),
    matched: count.describe("Those that the filter lets pass."),
    streams: z.array(streamRow),
    next: z.string().nullable().describe("For `after`: the page behind this one; null: this is the last."),
  })
  .meta({ id: "Streams" })

// ---- /events --------------------------------------------------------------------------------------------------

export const event = z
  .strictObject({
    id: count.describe("Counts up from 1 with every event of this process."),
    at: instant,
    kind: z
      .string()
      .describe(
        "start, reload, ejection, back, health, drain, membership, balance, limit, thread, upgrade, stop, order",
      ),
    level: z.enum(["debug", "info", "warn", "error"]),
    message: z.string().describe("As in the log."),
    fields: z.record(z.string(), z.unknown()).describe("As in the log."),
  })
  .meta({ id: "Event" })

export const events = z
  .strictObject({
    events: z.array(event),
    lost: count.describe("Events behind `after` that are kept no longer."),
  })
  .meta({ id: "Events" })

// ---- Orders ---------------------------------------------------------------------------------------------------

export const orderAnswer = z
  .strictObject({
    done: z.boolean().describe("False: it was so already."),
    message: z.string(),
  })
  .meta({ id: "Order" })

export const reloadAnswer = z
  .strictObject({
    done: z.literal(true),
    message: z.string(),
    changes: z
      .array(z.string())
      .describe("+ cluster chat, - endpoint 10.0.0.3:50051 of chat, ~ listener web"),
    problems: z.array(z.string()),
  })
  .meta({ id: "Reload" })

export const pendingChanges = z
  .strictObject({
    changes: z.array(z.string()),
    problems: z.array(z.string()).describe("What is wrong with the file, with line and column."),
  })
  .meta({ id: "PendingChanges" })

export type Status = z.infer<typeof status>
export type ClusterSnapshot = z.infer<typeof clusterSnapshot>
export type Xds = z.infer<typeof xds>
export type Clusters = z.infer<typeof clusters>
export type Streams = z.infer<typeof streams>
export type AdminEvent = z.infer<typeof event>
export type Events = z.infer<typeof events>
export type OrderAnswer = z.infer<typeof orderAnswer>
export type ReloadAnswer = z.infer<typeof reloadAnswer>

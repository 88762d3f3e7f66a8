import { z } from "zod"
import { GrpcStatus } from "../../grpc/status.ts"
import type { Log } from "../../log/logger.ts"
import { AdminError, type AdminRequest, type AdminRoute } from "./route.ts"
import * as shapes from "./schema.ts"
import { streamOf } from "./streams.ts"
import type { ControlView } from "./view.ts"

export interface OrderRoutesOptions {
  readonly view: ControlView
  readonly log: Log
}

const statusNames = Object.keys(GrpcStatus) as (keyof typeof GrpcStatus)[]

const grace = z.strictObject({
  graceMs: z.int().min(0).optional().describe("How long live streams go on. Default: as configured."),
})
const weight = z.strictObject({
  weight: z
    .union([z.int().min(1).max(65_535), z.null()], {
      error: "must be a whole number from 1 to 65535, or null",
    })
    .describe("Null: as configured."),
})
const end = z.strictObject({
  status: z
    .union([z.enum(statusNames), z.int().min(0).max(16)], {
      error: "must be a grpc-status: its name, such as ABORTED, or its number, 0 to 16",
    })
    .default("UNAVAILABLE")
    .describe("The grpc-status that the client is told."),
})
const moved = z.strictObject({
  streams: z.int().min(1).max(1_000_000).describe("How many, at random of those that can move."),
})
const level = z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]) })

/** What people order. Each may be given twice: the second finds it done. The log has who asked. */
export function orderRoutes({ view, log }: OrderRoutesOptions): AdminRoute[] {
  const order = (
    path: string,
    summary: string,
    body: z.ZodType,
    handle: AdminRoute["handle"],
  ): AdminRoute => {
    return { method: "POST", path, summary, body, answer: shapes.orderAnswer, handle }
  }
  const ordered = (by: AdminRequest, what: string, fields: Record<string, string | number | null>): void =>
    log.info("order", { order: what, ...fields, by: by.asker })
  const done = (isDone: boolean, message: string) => ({ json: { done: isDone, message } })
  return [
    {
      ...order(
        "/reload",
        "Reads the configuration again and puts it in force.",
        z.strictObject({}),
        async (request) => {
          ordered(request, "reload", {})
          const { isDone, ...result } = await view.reload()
          return {
            status: isDone ? 200 : 409,
            json: isDone ? { done: isDone, ...result } : { error: result.message, ...result },
          }
        },
      ),
      answer: shapes.reloadAnswer,
    },
    order("/drain", "Sluice drains and ends, as by SIGTERM.", z.strictObject({}), (request) => {
      ordered(request, "drain the process", {})
      const { streamsOpen, config } = view
      const isDone = view.drain("order")
      const within = `${streamsOpen} live streams have ${config.shutdown.graceMs / 1000} s`
      return done(isDone, isDone ? `it drains: ${within}` : "it drains already")
    }),
    order(`${ENDPOINT}/drain`, "It gets no new streams; live ones end after the grace.", grace, (request) => {
      const { cluster, endpoint } = endpointOf(view, request)
      const { graceMs = null } = request.body as z.output<typeof grace>
      const before = view.endpointsOf(cluster).find(({ address }) => address === endpoint)
      ordered(request, "drain", { cluster, endpoint, graceMs })
      attempt(() => view.orders.drainEndpoint(cluster, endpoint, { graceMs }))
      return done(before?.drain !== true, `${endpoint} of ${cluster} drains`)
    }),
    order(`${ENDPOINT}/resume`, "It gets new streams again.", z.strictObject({}), (request) => {
      const { cluster, endpoint } = endpointOf(view, request)
      const before = view.endpointsOf(cluster).find(({ address }) => address === endpoint)
      ordered(request, "resume", { cluster, endpoint })
      attempt(() => view.orders.resumeEndpoint(cluster, endpoint))
      return done(before?.drain === true, `${endpoint} of ${cluster} takes new streams`)
    }),
    order(`${ENDPOINT}/weight`, "Its share of new streams.", weight, (request) => {
      const { cluster, endpoint } = endpointOf(view, request)
      const { weight: to } = request.body as z.output<typeof weight>
      const before = view.endpointsOf(cluster).find(({ address }) => address === endpoint)
      ordered(request, "weight", { cluster, endpoint, weight: to })
      attempt(() => view.orders.setWeight(cluster, endpoint, to))
      const said = to === null ? "its own weight" : `weight ${to}`
      return done(before?.weight !== to, `${endpoint} of ${cluster} has ${said}`)
    }),
    order("/streams/{id}/end", "Ends a live stream.", end, async (request) => {
      const id = request.params.id!
      const { status } = request.body as z.output<typeof end>
      const code = typeof status === "number" ? status : GrpcStatus[status]
      await streamOf(view, id)
      ordered(request, "end", { stream: id, grpcStatus: code })
      await view.orders.endStream(id, code).catch((error: unknown) => {
        throw new AdminError(404, (error as Error).message)
      })
      return done(true, `stream ${id} ended with ${nameOf(code)}`)
    }),
    order(
      "/streams/{id}/move",
      "Moves a live stream to another endpoint, as its cluster's policy has it.",
      z.strictObject({}),
      async (request) => {
        const id = request.params.id!
        await streamOf(view, id)
        ordered(request, "move", { stream: id })
        await view.orders.moveStream(id).catch((error: unknown) => {
          throw new AdminError(409, (error as Error).message)
        })
        return done(true, `stream ${id} moves`)
      },
    ),
    order(
      `${ENDPOINT}/move`,
      "Moves live streams of an endpoint to others, as the cluster's policy has them.",
      moved,
      async (request) => {
        const { cluster, endpoint } = endpointOf(view, request)
        const { streams } = request.body as z.output<typeof moved>
        ordered(request, "move", { cluster, endpoint, streams })
        const given = await view.orders.moveStreams(cluster, endpoint, streams)
        const some = given < streams ? `${given} of ${streams}` : String(given)
        return done(given > 0, `${some} streams of ${endpoint} of ${cluster} move`)
      },
    ),
    order("/log", "The level of the log, until the next start.", level, (request) => {
      const { level: to } = request.body as z.output<typeof level>
      view.setLogLevel(to)
      ordered(request, "log", { level: to })
      return done(true, `the log's level is ${to}`)
    }),
  ]
}

const ENDPOINT = "/clusters/{cluster}/endpoints/{endpoint}"

/** As they are spelt in the configuration. Errors: throws AdminError where there is no such endpoint. */
function endpointOf(view: ControlView, { params }: AdminRequest): { cluster: string; endpoint: string } {
  const [cluster, endpoint] = [params.cluster!, params.endpoint!]
  if (!view.config.clusters.some(({ name }) => name === cluster))
    throw new AdminError(404, `there is no cluster "${cluster}"`)
  if (!view.endpointsOf(cluster).some(({ address }) => address === endpoint))
    throw new AdminError(404, `cluster "${cluster}" has no endpoint ${endpoint}`)
  return { cluster, endpoint }
}

function attempt(order: () => void): void {
  try {
    order()
  } catch (error) {
    throw new AdminError(400, (error as Error).message)
  }
}

function nameOf(code: number): string {
  return statusNames.find((name) => GrpcStatus[name] === code) ?? String(code)
}

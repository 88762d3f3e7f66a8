import { readFileSync } from "node:fs"
import type * as Grpc from "@grpc/grpc-js"
import type { XdsListenConfig } from "../../config/model.ts"
import type { Log } from "../../log/logger.ts"
import type { AdsApi } from "../../xds/ads-variant.ts"
import type { XdsService } from "./xds-service.ts"

const NEEDS = "@grpc/grpc-js"
const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService"
const LRS = "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats"
/** A client may ask for all that it may ask for in one message. */
const REQUEST_OCTETS_MAX = 2 * 1024 * 1024
/** Who is gone without a word is found: clients that are there have one stream each, for days. */
const KEEPALIVE_MS = 30_000
const KEEPALIVE_TIMEOUT_MS = 10_000
const CLIENTS_MAX = 50_000

type Call = Grpc.ServerDuplexStream<Buffer, Buffer>

/** An xDS server that listens. */
export interface OpenXds {
  readonly address: string
  close(): void
}

/** Serves `service` to clients by gRPC. Errors: throws in one sentence. */
export async function listenForXds(
  { address, certFile, keyFile, clientCaFile }: XdsListenConfig,
  service: XdsService,
  log: Log,
): Promise<OpenXds> {
  const grpc = await load()
  const server = new grpc.Server({
    "grpc.max_receive_message_length": REQUEST_OCTETS_MAX,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    // grpc-go's clients send none of their own more often than that.
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,
  })
  server.addService(
    {
      ads: streamOf(`${ADS}/StreamAggregatedResources`),
      delta: streamOf(`${ADS}/DeltaAggregatedResources`),
      loads: streamOf(LRS),
    },
    {
      ads: (call: Call) => serveAds(grpc, call, service, "ads"),
      delta: (call: Call) => serveAds(grpc, call, service, "delta-ads"),
      loads: (call: Call) => serveLoads(grpc, call, service),
    },
  )
  const credentials =
    certFile === null
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(
          clientCaFile === null ? null : readFileSync(clientCaFile),
          [{ cert_chain: readFileSync(certFile), private_key: readFileSync(keyFile!) }],
          clientCaFile !== null,
        )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound)
      else reject(new Error(`the xDS server cannot listen on ${address}: ${error.message}`))
    })
  })
  const shown = address.startsWith("unix:") ? address : address.replace(/:\d+$/, `:${port}`)
  log.info("xDS", { address: shown })
  return { address: shown, close: () => server.forceShutdown() }
}

async function load(): Promise<typeof Grpc> {
  try {
    return await import("@grpc/grpc-js")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error
    throw new Error(`the xDS server needs ${NEEDS}, which is not installed: npm install ${NEEDS}`)
  }
}

/** Octets as they are: what is sent to many is encoded once. */
function streamOf(path: string): Grpc.MethodDefinition<Buffer, Buffer> {
  const asItIs = (octets: Buffer): Buffer => octets
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  }
}

function serveAds({ status }: typeof Grpc, call: Call, service: XdsService, api: AdsApi): void {
  if (service.clientCount >= CLIENTS_MAX)
    return fail(call, status.RESOURCE_EXHAUSTED, `there are ${CLIENTS_MAX} clients already`)
  const client = service.openAds(api, call.getPeer(), { send: (octets) => call.write(octets) })
  call.on("drain", () => client.drained())
  serve(
    call,
    status.INVALID_ARGUMENT,
    (octets) => client.receive(octets),
    () => client.end(),
  )
}

function serveLoads({ status }: typeof Grpc, call: Call, service: XdsService): void {
  const report = service.openLoadReport()
  const receive = (octets: Buffer): void => {
    const answer = report.receive(octets)
    if (answer !== null) call.write(answer)
  }
  serve(call, status.INVALID_ARGUMENT, receive, () => report.end())
}

function serve(call: Call, code: Grpc.status, receive: (octets: Buffer) => void, end: () => void): void {
  let isRefused = false
  call.on("data", (octets: Buffer) => {
    // What was sent behind a message that ended the stream.
    if (isRefused) return
    try {
      receive(octets)
    } catch (error) {
      isRefused = true
      fail(call, code, (error as Error).message)
    }
  })
  call.on("end", () => call.end())
  // All that can happen to a stream comes to this, and comes twice where both sides end it: `end` bears that.
  for (const event of ["close", "cancelled", "error"]) call.on(event, end)
}

function fail(call: Call, code: Grpc.status, details: string): void {
  call.emit("error", { code, details })
}

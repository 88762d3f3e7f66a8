import {
  create,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf"
import { type Any, anyPack } from "@bufbuild/protobuf/wkt"
import * as grpc from "@grpc/grpc-js"
import { MESSAGES } from "../../../src/xds/adapt/extensions.ts"
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../../src/xds/gen/envoy/service/discovery/v3/discovery_pb.ts"
import { eventually } from "../eventually.ts"

/** A resource as JSON has it, of a type by its whole name. */
export function resource(type: string, json: JsonValue): Any {
  const desc: DescMessage = MESSAGES.getMessage(type)!
  return anyPack(desc, fromJson(desc, json, { registry: MESSAGES }))
}

const SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService"

type Request = DiscoveryRequest | DeltaDiscoveryRequest
type Call<R> = grpc.ServerDuplexStream<R, Buffer>

/**
 * A control plane that says what a test has it say, and holds no opinion: order, nonces and whole sets are the test's. It shows
 * all requests.
 */
export class StandInControlPlane {
  port = 0
  /** All requests of all streams, in order. */
  readonly requests: Request[] = []
  streams = 0
  #server = new grpc.Server()
  #call: Call<Request> | null = null
  #nonces = 0

  async start(credentials = grpc.ServerCredentials.createInsecure()): Promise<void> {
    this.#server = new grpc.Server({ "grpc.max_send_message_length": -1 })
    const handle = (call: Call<Request>): void => {
      this.streams++
      this.#call = call
      call.on("data", (request: Request) => this.requests.push(request))
      call.on("error", () => {})
      call.on("end", () => call.end())
    }
    this.#server.addService(
      {
        sotw: method("StreamAggregatedResources", DiscoveryRequestSchema),
        delta: method("DeltaAggregatedResources", DeltaDiscoveryRequestSchema),
      },
      { sotw: handle, delta: handle },
    )
    this.port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${this.port}`, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
  }

  /** Gone, in the middle of whatever it said. */
  stop(): void {
    this.#server.forceShutdown()
    this.#call = null
  }

  /** Ends the stream; the server stays. */
  endStream(): void {
    this.#call?.end()
  }

  /** Says resources of a type, state of the world. Returns the nonce. */
  say(type: string, version: string, resources: readonly Any[]): string {
    const nonce = String(++this.#nonces)
    const typeUrl = `type.googleapis.com/${type}`
    const response = create(DiscoveryResponseSchema, {
      typeUrl,
      versionInfo: version,
      nonce,
      resources: [...resources],
    })
    this.raw(toBinary(DiscoveryResponseSchema, response))
    return nonce
  }

  /** Says what has changed. */
  sayDelta(
    type: string,
    resources: readonly (readonly [name: string, version: string, any: Any])[],
    removed: readonly string[] = [],
  ): string {
    const nonce = String(++this.#nonces)
    const response = create(DeltaDiscoveryResponseSchema, {
      typeUrl: `type.googleapis.com/${type}`,
      nonce,
      resources: resources.map(([name, version, any]) => ({ name, version, resource: any })),
      removedResources: [...removed],
    })
    this.raw(toBinary(DeltaDiscoveryResponseSchema, response))
    return nonce
  }

  raw(octets: Uint8Array): void {
    this.#call!.write(Buffer.from(octets))
  }

  /** The first request that is so. */
  async asked(what: string, is: (request: Request) => boolean): Promise<Request> {
    let found: Request | undefined
    await eventually(
      () => (found = this.requests.find(is)) !== undefined,
      () => `${what} among ${this.requests.map((one) => JSON.stringify(one, shortened)).join("\n")}`,
    )
    return found!
  }

  /** The answer to a response: null for an ACK, else why not. */
  async answered(nonce: string): Promise<string | null> {
    const answer = await this.asked(`an answer to ${nonce}`, ({ responseNonce }) => responseNonce === nonce)
    return answer.errorDetail?.message ?? null
  }

  /** Waits for a request of a type, which names what is wanted. */
  async wants(type: string, ...names: string[]): Promise<Request> {
    return this.asked(`${type} ${names.join(" ")}`, (request) => {
      if (!request.typeUrl.endsWith(`.${type}`)) return false
      const asked = "resourceNames" in request ? request.resourceNames : request.resourceNamesSubscribe
      return names.every((name) => asked.includes(name))
    })
  }
}

function method<Desc extends DescMessage>(
  name: string,
  desc: Desc,
): grpc.MethodDefinition<MessageShape<Desc>, Buffer> {
  const asItIs = (octets: Buffer): Buffer => octets
  return {
    path: `${SERVICE}/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: (request) => Buffer.from(toBinary(desc, request)),
    requestDeserialize: (octets) => fromBinary(desc, octets),
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  }
}

const shortened = (key: string, value: unknown): unknown => (key === "node" ? "…" : value)

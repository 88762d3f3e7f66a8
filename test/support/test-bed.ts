import * as grpc from "@grpc/grpc-js"
import { expect, type TestContext } from "vitest"
import type { Balancer } from "../../src/balancer/balancer.ts"
import type { Clock } from "../../src/base/clock.ts"
import { seededRandom } from "../../src/base/random.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { createBalancer } from "../../src/control/create-balancer.ts"
import type { Log } from "../../src/log/logger.ts"
import type { Network } from "../../src/net/network.ts"
import type { StreamRecord } from "../../src/record/record.ts"
import { eventually } from "./eventually.ts"
import { ManualClock } from "./manual-clock.ts"
import { RawClient } from "./raw-client.ts"
import type { RawConnection, RawOptions } from "./raw-connection.ts"
import type { RawServer } from "./raw-server.ts"

const octets = (value: Buffer): Buffer => value
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: octets,
  requestDeserialize: octets,
  responseSerialize: octets,
  responseDeserialize: octets,
})

/** A service of one method of each kind, whose messages are plain octets. */
export const echoService = {
  /** Answers with the request. */
  Unary: method("Unary", false, false),
  /** Answers with the number of octets that came, in decimal. */
  Upload: method("Upload", true, false),
  /** Answers with as many messages as the request says, in decimal. */
  Push: method("Push", false, true),
  /** Answers every message with itself, and a half-close with OK. */
  Chat: method("Chat", true, true),
}

const echoHandlers = (name: string): grpc.UntypedServiceImplementation => {
  const says = (): grpc.Metadata => {
    const metadata = new grpc.Metadata()
    metadata.set("x-backend", name)
    return metadata
  }
  return {
    Unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
      call.sendMetadata(says())
      callback(null, call.request, says())
    },
    Upload(call: grpc.ServerReadableStream<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
      let total = 0
      call.on("data", (message: Buffer) => (total += message.length))
      call.on("end", () => callback(null, Buffer.from(String(total)), says()))
    },
    Push(call: grpc.ServerWritableStream<Buffer, Buffer>) {
      const many = Number(call.request.toString())
      for (let i = 0; i < many; i++) call.write(Buffer.from(`message ${i}`))
      call.end(says())
    },
    Chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      call.sendMetadata(says())
      call.on("data", (message: Buffer) => call.write(message))
      call.on("end", () => call.end(says()))
    },
  }
}

/** A grpc-js server of the echo service. */
export class EchoBackend {
  readonly name: string
  port = 0
  #server = new grpc.Server()
  readonly #handlers: grpc.UntypedServiceImplementation
  readonly #credentials: grpc.ServerCredentials

  constructor(
    name: string,
    handlers: grpc.UntypedServiceImplementation = {},
    credentials: grpc.ServerCredentials = grpc.ServerCredentials.createInsecure(),
  ) {
    this.name = name
    this.#handlers = { ...echoHandlers(name), ...handlers }
    this.#credentials = credentials
  }

  /** Listens on the port it had before, or on a free one. */
  async start(): Promise<void> {
    this.#server = new grpc.Server({ "grpc.max_receive_message_length": -1 })
    this.#server.addService(echoService, this.#handlers)
    this.port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${this.port}`, this.#credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
  }

  /** Dies: every connection breaks. */
  async close(): Promise<void> {
    this.#server.forceShutdown()
  }

  /** GOAWAY, then waits for the last call. */
  async shutDown(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()))
  }
}

export type Backend = EchoBackend | RawServer

export interface BedOptions {
  /** So many echo backends, or those given (not started yet, where they are echo backends). Default: 1. */
  backends?: number | Backend[]
  /** Changes of the configuration: one listener, one cluster `test` of all backends. */
  config?: Partial<SluiceYaml> | ((addresses: string[]) => Partial<SluiceYaml>)
  clock?: Clock
  log?: Log
  network?: Network
}

export type EchoClient = grpc.Client & {
  chat(metadata?: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<Buffer, Buffer>
  push(many: number): grpc.ClientReadableStream<Buffer>
  unary(message: Buffer, metadata?: grpc.Metadata): Promise<UnaryResult>
}

export interface UnaryResult {
  code: number
  details: string
  message: Buffer | undefined
  initial: grpc.Metadata | null
  trailers: grpc.Metadata
}

/**
 * Real backends, a balancer in this process, and clients; all of it ends with the test, and the test fails when a
 * stream, a lease, a socket or a timer is left over.
 */
export class TestBed {
  readonly balancer: Balancer
  readonly backends: readonly Backend[]
  /** Of every stream that has ended. */
  readonly records: StreamRecord[] = []
  readonly #clients: (() => void)[] = []
  readonly #clock: Clock | undefined
  readonly #socketsBefore: number
  #isClosed = false

  private constructor(
    balancer: Balancer,
    backends: readonly Backend[],
    clock: Clock | undefined,
    sockets: number,
  ) {
    this.balancer = balancer
    this.backends = backends
    this.#clock = clock
    this.#socketsBefore = sockets
    balancer.on("stream", (record) => this.records.push(record))
  }

  static async start(t: TestContext, options: BedOptions = {}): Promise<TestBed> {
    const sockets = socketsOpen()
    const backends = backendsOf(options.backends ?? 1)
    for (const backend of backends) if (backend instanceof EchoBackend) await backend.start()
    const addresses = backends.map(({ port }) => `127.0.0.1:${port}`)
    const config = typeof options.config === "function" ? options.config(addresses) : options.config
    const { clock, log, network } = options
    const balancer = createBalancer(
      { listeners: "127.0.0.1:0", ...(addresses.length > 0 && { clusters: { test: addresses } }), ...config },
      {
        random: seededRandom(1),
        ...(clock !== undefined && { clock }),
        ...(log !== undefined && { log }),
        ...(network !== undefined && { network }),
      },
    )
    const bed = new TestBed(balancer, backends, clock, sockets)
    t.onTestFinished(() => bed.#finish())
    await balancer.start()
    return bed
  }

  get port(): number {
    return this.balancer.addresses[0]!.port!
  }

  /** The first backend, a raw one. */
  get raw(): RawServer {
    return this.backends[0] as RawServer
  }

  async rawClient(options: RawOptions = {}): Promise<RawClient> {
    const client = await RawClient.connect(this.port, options)
    this.#clients.push(() => client.destroy())
    return client
  }

  /** A grpc-js client on a connection of its own. */
  client(options: grpc.ClientOptions = {}, credentials?: grpc.ChannelCredentials): EchoClient {
    const client = echoClient(this.port, options, credentials)
    this.#clients.push(() => client.close())
    return client
  }

  /** Lets time pass on a manual clock, slowly enough for `peers` to answer the PINGs that ask after them. */
  async pass(ms: number, ...peers: RawConnection[]): Promise<void> {
    const step = 5_000
    for (let passed = 0; passed < ms; passed += step) {
      ;(this.#clock as ManualClock).advance(Math.min(step, ms - passed))
      for (const peer of peers) await peer.settled()
    }
  }

  /** Once `many` streams have ended in all: their records. */
  async ended(many = 1): Promise<StreamRecord[]> {
    const describe = (): string =>
      `${many} streams ended; ${this.records.length} are: ${JSON.stringify(this.balancer.snapshot())}`
    await eventually(() => this.records.length >= many, describe)
    return this.records
  }

  /** Ends the balancer now; tests of its closing do. */
  async close(graceMs = 0): Promise<void> {
    this.#isClosed = true
    await this.balancer.close({ graceMs })
  }

  async #finish(): Promise<void> {
    for (const close of this.#clients) close()
    if (!this.#isClosed) {
      await eventually(
        () => this.balancer.snapshot().streams.length === 0 && this.#leases() === 0,
        () => `every stream and lease given back: ${JSON.stringify(this.balancer.snapshot())}`,
      )
      await this.#closeBalancer()
    }
    for (const backend of this.backends) await backend.close()
    const { connections, streams, clusters, addresses } = this.balancer.snapshot()
    expect({ connections, streams, addresses, leases: this.#leases() }).toEqual({
      connections: 0,
      streams: [],
      addresses: [],
      leases: 0,
    })
    for (const { endpoints } of clusters)
      for (const { address, connections: open } of endpoints) expect([address, open]).toEqual([address, 0])
    await eventually(
      () => socketsOpen() <= this.#socketsBefore,
      () => `every socket closed; ${socketsOpen() - this.#socketsBefore} are open`,
    )
    if (!(this.#clock instanceof ManualClock)) return
    // The wheel of deadlines stops by itself, one round after the last of them.
    this.#clock.advance(10_000)
    expect(this.#clock.timersOpen).toBe(0)
  }

  /** Streams that an endpoint is charged with, and those that wait for one. */
  #leases(): number {
    const endpoints = this.balancer.snapshot().clusters.flatMap((cluster) => cluster.endpoints)
    return endpoints.reduce((sum, { streamsOpen, waiting }) => sum + streamsOpen + waiting, 0)
  }

  /** On a clock that stands still, time has to be made to pass for what waits on a peer. */
  async #closeBalancer(): Promise<void> {
    let isClosed = false
    const closing = this.balancer.close({ graceMs: 0 }).finally(() => (isClosed = true))
    const clock = this.#clock
    if (clock instanceof ManualClock) {
      await eventually(
        () => {
          clock.advance(1000)
          return isClosed
        },
        () => "the balancer closed",
      )
    }
    await closing
  }
}

function backendsOf(wanted: number | Backend[]): Backend[] {
  if (typeof wanted !== "number") return wanted
  return Array.from({ length: wanted }, (_, index) => new EchoBackend(String.fromCharCode(97 + index)))
}

function socketsOpen(): number {
  const kinds = ["TCPSocketWrap", "TCPServerWrap"]
  return process.getActiveResourcesInfo().filter((kind) => kinds.includes(kind)).length
}

/** A client of the echo service, at a port or an address of grpc-js's kind; each has its own connection. */
export function echoClient(
  where: number | string,
  options: grpc.ClientOptions = {},
  credentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
): EchoClient {
  const Client = grpc.makeGenericClientConstructor(echoService, "test.Echo")
  const client = new Client(typeof where === "number" ? `127.0.0.1:${where}` : where, credentials, {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": -1,
    "grpc.enable_retries": 0,
    ...options,
  })
  const { Chat, Push, Unary } = echoService
  return Object.assign(client, {
    chat: (metadata = new grpc.Metadata(), options: grpc.CallOptions = {}) =>
      client.makeBidiStreamRequest(Chat.path, octets, octets, metadata, options),
    push: (many: number) =>
      client.makeServerStreamRequest(Push.path, octets, octets, Buffer.from(String(many))),
    unary: (message: Buffer, metadata = new grpc.Metadata()) =>
      new Promise<UnaryResult>((resolve) => {
        let initial: grpc.Metadata | null = null
        let value: Buffer | undefined
        const call = client.makeUnaryRequest(
          Unary.path,
          octets,
          octets,
          message,
          metadata,
          (_error, answer) => {
            value = answer
          },
        )
        call.on("metadata", (metadata) => (initial = metadata))
        call.on("status", ({ code, details, metadata }) => {
          queueMicrotask(() => resolve({ code, details, message: value, initial, trailers: metadata }))
        })
      }),
  }) as EchoClient
}

/** The status that ends a call. */
export function statusOf(call: grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>) {
  return new Promise<grpc.StatusObject>((resolve) => {
    call.on("error", () => {})
    call.on("status", resolve)
    call.resume()
  })
}

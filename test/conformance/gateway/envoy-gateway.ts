/**
 * Envoy Gateway's own test data of GRPCRoutes: its resources are translated here, and calls go where its own translation of
 * them, an intermediate form of Envoy's routes, would have them go.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { parse } from "yaml"
import { Regex } from "../../../src/regex/regex.ts"
import { translated } from "../../support/gateway-resources.ts"
import { RouteBed } from "../../support/route-bed.ts"
import { readMeasured, writeMeasured } from "../docs.ts"
import { type Asked, type Input, leftOutOf, requestsFor } from "./envoy-gateway-data.ts"

/** What Envoy's route is asked for, as far as GRPCRoutes have it. */
interface TextMatch {
  readonly name: string
  readonly exact?: string
  readonly prefix?: string
  readonly suffix?: string
  readonly safeRegex?: string
}

interface IrRoute {
  readonly hostname?: string
  readonly pathMatch?: TextMatch
  readonly headerMatches?: readonly TextMatch[]
  readonly destination?: {
    readonly settings?: readonly {
      readonly weight?: number
      readonly metadata?: { readonly name: string }
      readonly endpoints?: readonly unknown[]
    }[]
  }
  readonly directResponse?: object
  readonly addRequestHeaders?: readonly { readonly name: string; readonly value: readonly string[] }[]
}

interface Compared {
  readonly file: string
  /** What design and documentation leave out; null: nothing of that is in it. */
  readonly leftOut: string | null
  readonly requests: number
  /** Of the requests. */
  readonly differences: readonly string[]
}

/** What the test program of Envoy Gateway adds to each of its files. */
const FIXTURES = [1, 2, 3, 4].map((at) => ({
  kind: "Service",
  metadata: { name: `service-${at}`, namespace: "default" },
  spec: { ports: [8080, 8443, 8163].map((port) => ({ name: `p${port}`, port })) },
}))
const NAMESPACES = ["default", "envoy-gateway"].map((name) => ({ kind: "Namespace", metadata: { name } }))
const GATEWAY_CLASS = {
  kind: "GatewayClass",
  metadata: { name: "envoy-gateway-class" },
  spec: { controllerName: "sluice.dev/gateway" },
}

function compareAll(directory: string): Compared[] {
  return readdirSync(directory)
    .filter((name) => /^(?:grpcroute|listenerset-grpcroute).*\.in\.yaml$/.test(name))
    .sort()
    .map((name) => compare(directory, name.replace(/\.in\.yaml$/, "")))
}

function compare(directory: string, file: string): Compared {
  const text = readFileSync(join(directory, `${file}.in.yaml`), "utf8")
  const leftOut = leftOutOf(text)
  if (leftOut !== null) return { file, leftOut, requests: 0, differences: [] }
  const input = parse(text) as Input
  const resources = Object.values(input).filter(Array.isArray).flat()
  const all = [GATEWAY_CLASS, ...NAMESPACES, ...FIXTURES, ...resources]
  const { config } = translated(all.map((one) => JSON.stringify(one)).join("\n---\n"))
  const bed = new RouteBed(config)
  const expected = parse(readFileSync(join(directory, `${file}.out.yaml`), "utf8")) as {
    xdsIR: Record<string, { http?: readonly { readonly routes?: readonly IrRoute[] }[] }>
  }
  const routes = Object.values(expected.xdsIR).flatMap(({ http = [] }) =>
    http.flatMap((listener) => listener.routes ?? []),
  )
  const asked = requestsFor(input)
  const differences = asked.flatMap((request) => {
    const theirs = answersOf(routes, request)
    const { host, path, fields } = request
    const call = bed.begin({ host, path, fields: [...fields], isGrpc: true, method: "POST" })
    const ours = shortly(call.said)
    const what = `${host}${path} ${fields.join(" ")}`.trim()
    if (!theirs.has(ours)) return [`${what}: ${ours}, there ${[...theirs].join(" or ")}`]
    const { addRequestHeaders = [] } = routes.find((one) => isMatch(one, request)) ?? {}
    return addRequestHeaders
      .filter(({ name, value }) => call.sent.get(name.toLowerCase()) !== value.join(","))
      .map(({ name }) => `${what}: ${name} is sent otherwise`)
  })
  return { file, leftOut, requests: asked.length, differences }
}

/** What Envoy does: the first route that matches counts. */
function answersOf(routes: readonly IrRoute[], request: Asked): Set<string> {
  const route = routes.find((one) => isMatch(one, request))
  if (route === undefined) return new Set(["unimplemented"])
  const settings = (route.destination?.settings ?? []).filter(({ weight = 1 }) => weight > 0)
  const names = settings.map(({ metadata, endpoints = [] }) =>
    endpoints.length === 0 ? "error" : (metadata?.name ?? "error"),
  )
  return new Set(names.length === 0 || route.directResponse !== undefined ? ["error", ...names] : names)
}

function isMatch({ hostname = "*", pathMatch, headerMatches = [] }: IrRoute, asked: Asked): boolean {
  const isHost =
    hostname === "*" ||
    (hostname.startsWith("*") ? asked.host.endsWith(hostname.slice(1)) : asked.host === hostname)
  const saidOf = (name: string): string | null => {
    if (name === ":path") return asked.path
    const at = asked.fields.indexOf(name.toLowerCase())
    return at < 0 ? null : asked.fields[at + 1]!
  }
  return (
    isHost &&
    (pathMatch === undefined || isText(pathMatch, asked.path)) &&
    headerMatches.every((one) => isText(one, saidOf(one.name)))
  )
}

function isText({ exact, prefix, suffix, safeRegex }: TextMatch, value: string | null): boolean {
  if (value === null) return false
  if (exact !== undefined) return value === exact
  if (prefix !== undefined) return value.startsWith(prefix)
  if (suffix !== undefined) return value.endsWith(suffix)
  return safeRegex !== undefined && new Regex(`^(?:${safeRegex})$`).test(value) === "match"
}

/** The service that a cluster stands for; that no route was there; or that the call fails by configuration. */
function shortly(said: string): string {
  const [, service] = /(service-\d)/.exec(said) ?? []
  if (service !== undefined) return service
  return said.includes("no_route") ? "unimplemented" : said.startsWith("503") ? "error" : said
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      from: { type: "string" },
      version: { type: "string" },
      docs: { type: "boolean", default: false },
    },
  })
  const { from, version, docs } = values
  if (from === undefined || (docs && version === undefined))
    throw new Error("--from DIR: internal/gatewayapi/testdata of Envoy Gateway; --docs with --version TEXT")
  const all = compareAll(from)
  for (const { file, leftOut, requests, differences } of all) {
    const what =
      leftOut === null ? `${requests} requests, ${differences.length} differ` : `left out: ${leftOut}`
    console.log(`${file}: ${what}`)
    for (const difference of differences) console.log(`  ${difference}`)
  }
  if (docs) {
    const files = Object.fromEntries(
      all.map(({ file, leftOut, requests, differences }) => [
        file,
        leftOut ?? { requests, differences: [...differences] },
      ]),
    )
    await writeMeasured({ ...(await readMeasured()), envoyGateway: { version: version!, files } })
  }
  process.exitCode = all.some(({ differences }) => differences.length > 0) ? 1 : 0
}

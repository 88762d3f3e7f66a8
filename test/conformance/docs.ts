import { readFile, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { wrapProse } from "../../scripts/wrap-prose.ts"
import { causeOf, causes } from "./nginx-tests/causes.ts"
import { type Balancer, balancers } from "./result.ts"
import type { SuiteRun } from "./run.ts"
import { suites } from "./suites.ts"
import { versionOf } from "./through.ts"

/** docs/conformance.json: the newest counts of each suite through each balancer, kept from run to run. */
export interface Measured {
  versions: Partial<Record<Balancer, string>>
  /** By suite name. */
  suites: Record<string, { tool: string; counts: Partial<Record<Balancer, Counts>> }>
  /** Of `npm run interop:discovery`, by control plane. */
  discovery?: Record<string, Counts & { version: string }>
  /** Of `npm run conformance:envoy-gateway`, by file; a text: why it was left out. */
  envoyGateway?: {
    version: string
    files: Record<string, string | { requests: number; differences: string[] }>
  }
  /** Of `npm run conformance:nginx-tests`, by file: tests passed, `-` where it was skipped; which failed with Sluice. */
  nginxTests?: {
    version: string
    files: Record<string, { sluice?: string; nginx?: string; failed?: string[] }>
  }
}

interface Counts {
  passed: number
  cases: number
  /** Names of the cases that failed. */
  failed: string[]
}

const jsonFile = fileURLToPath(new URL("../../docs/conformance.json", import.meta.url))
const markdownFile = fileURLToPath(new URL("../../docs/conformance.md", import.meta.url))
const labels: Record<Balancer, string> = {
  sluice: "Sluice",
  nginx: "nginx",
  haproxy: "HAProxy",
  nghttpx: "nghttpx",
}

/** Puts the counts of a run into docs/conformance.json and draws docs/conformance.md from it. */
export async function writeDocs(through: Balancer, runs: SuiteRun[]): Promise<void> {
  await writeMeasured(withRuns(await readMeasured(), through, await versionOf(through), runs))
}

export async function writeMeasured(measured: Measured): Promise<void> {
  await writeFile(jsonFile, `${JSON.stringify(measured, null, 2)}\n`)
  await writeFile(markdownFile, wrapProse(markdown(measured)))
}

/** The record with the counts of the suites that ran in place of older ones. */
export function withRuns(
  before: Measured,
  through: Balancer,
  version: string | undefined,
  runs: SuiteRun[],
): Measured {
  const after = structuredClone(before)
  if (version !== undefined) after.versions[through] = version
  for (const run of runs) {
    if (run.outcome !== "ran") continue
    const entry = after.suites[run.name]
    const counts = entry !== undefined && entry.tool === run.tool ? entry.counts : {}
    counts[through] = {
      passed: run.cases - run.failed.length,
      cases: run.cases,
      failed: run.failed.map((failure) => failure.name).sort(),
    }
    after.suites[run.name] = { tool: run.tool, counts }
  }
  return after
}

/** The page, in the order of the suites' table. */
export function markdown(measured: Measured): string {
  const shown = suites.filter((suite) => measured.suites[suite.name] !== undefined)
  const columns = balancers.filter((name) => shown.some((suite) => countsOf(measured, suite.name, name)))
  const heads = columns.map((name) => [labels[name], measured.versions[name]].filter(Boolean).join(" "))
  const rows = shown.map((suite) => [
    suite.title,
    `${measured.suites[suite.name]?.tool}`,
    `${suite.cases}`,
    ...columns.map((name) => `${countsOf(measured, suite.name, name)?.passed ?? "-"}`),
  ])
  const table = [
    ["suite", "made of", "cases", ...heads],
    ["---", "---", "---:", ...columns.map(() => "---:")],
    ...rows,
  ]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n")
  return `# Conformance

Test suites that others wrote and others trust, run through Sluice by \`npm run conformance\`. This page and
\`conformance.json\`, which also names every failed case, are written by the run.

Cases passed in one run, each balancer as the only thing between the two ends of the suite. A few cases are races that nginx
and HAProxy win in one run and lose in the next, so their counts move by one or two.

${table}

${failures(measured)}

Each suite is fetched as a pinned Go module or Python package on first use; \`npm run conformance -- --help\` tells how to run
one alone or through another balancer. Sluice and nginx run the same nginx.conf, with nothing in it but \`listen\`,
\`location\` and \`grpc_pass\`; HAProxy and nghttpx run the equivalent.

- **h2spec** is a client that breaks HTTP/2's rules one at a time towards the listener.
- **h2specd** is a server that does the same towards all that connect: the balancer's upstream half.
- **gRPC interop** are the gRPC project's own cases, with the client of three implementations and grpc-go's server.
- **beside Envoy**: Envoy and Sluice are told the same by one control plane and asked the same; where docs/xds.md names a
  difference, that there is one is what passes.
- **connectrpc conformance** compares what its reference client and its reference server see with the balancer between.
${discovered(measured)}${ownOfEnvoyGateway(measured)}${ownOfNginx(measured)}`
}

/** Empty: it was not run. */
function ownOfEnvoyGateway({ envoyGateway }: Measured): string {
  if (envoyGateway === undefined) return ""
  const files = Object.entries(envoyGateway.files)
  const compared = files.flatMap(([name, of]) => (typeof of === "string" ? [] : [{ name, ...of }]))
  const leftOut = files.flatMap(([name, why]) => (typeof why === "string" ? [`- ${name}: ${why}`] : []))
  const rows = compared.map(
    ({ name, requests, differences }) => `| ${name} | ${requests} | ${requests - differences.length} |`,
  )
  const different = compared.flatMap(({ differences }) => differences.map((one) => `- ${one}`))
  return `
## Envoy Gateway's GRPCRoutes

The test data of [Envoy Gateway](https://github.com/envoyproxy/gateway) (\`internal/gatewayapi/testdata\`,
${envoyGateway.version}): resources, and what Envoy Gateway makes of them for Envoy. Here \`sluice controller\` translates the
resources, and each service, method, header and host of a file is asked for with every other, and some that are in none; a
request passes where it comes to the same backend, or fails where it fails there. \`npm run conformance:envoy-gateway -- --from
DIR\` runs it on a folder that is given.

| file | requests | the same |
| --- | ---: | ---: |
${rows.join("\n")}
${different.length === 0 ? "" : `\nDifferent:\n\n${different.join("\n")}\n`}
Left out, since Sluice has nothing of that:

${leftOut.join("\n")}
`
}

/** Empty: it was not run. */
function ownOfNginx({ nginxTests }: Measured): string {
  if (nginxTests === undefined) return ""
  const files = Object.entries(nginxTests.files).toSorted(([one], [other]) => (one < other ? -1 : 1))
  const rows = files.map(
    ([file, { sluice = "-", nginx = "-", failed = [] }]) =>
      `| ${file} | ${sluice} | ${nginx} | ${causesOf(file, failed)} |`,
  )
  const named = causes.map(({ name, says }) => `- **${name}**: ${says}.`)
  return `
## nginx's own suite

Files of [nginx-tests](https://github.com/nginx/nginx-tests), with \`sluice nginx\` in the place of nginx, beside nginx: tests
passed of those that counted; \`-\` is skipped, for a module or a version that is not there. \`npm run
conformance:nginx-tests -- --from DIR\` runs them from a folder that is given; conformance.json names every test that fails.
Habits of the suite that are mended on the way, since Sluice is stricter, stand at the beginning of
test/conformance/nginx-tests/Patience.pm: lines that end with LF alone, for one.

Why tests fail, by the name in the table:

${named.join("\n")}
- **open**: not looked into.

| file | Sluice | nginx ${nginxTests.version} | why |
| --- | ---: | ---: | --- |
${rows.join("\n")}
`
}

/** Names of causes, and how many tests of each. */
function causesOf(file: string, failed: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const test of failed) {
    const name = causeOf(file, test)?.name ?? "open"
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, count]) => `${name} ${count}`).join(", ")
}

/** Empty: it was not run. */
function discovered({ discovery = {} }: Measured): string {
  const rows = Object.entries(discovery).map(
    ([name, { version, cases, passed }]) => `| ${name} | ${version} | ${cases} | ${passed} |`,
  )
  if (rows.length === 0) return ""
  const failed = Object.entries(discovery).flatMap(([name, run]) =>
    run.failed.map((one) => `- ${name}: ${one}`),
  )
  return `
## Discovery

The cases that the tests hold against stand-ins for Consul and Kubernetes, held by \`npm run interop:discovery\` against the
real ones: instances and slices that come, change and go, weights and zones, checks that warn, pages, endpoints that
terminate, a server that is away, an index that falls, 410 Gone.

| control plane | version | cases | passed |
| --- | --- | ---: | ---: |
${rows.join("\n")}
${failed.length > 0 ? `\nFailed:\n\n${failed.join("\n")}\n` : ""}`
}

function countsOf(measured: Measured, suite: string, balancer: Balancer): Counts | undefined {
  return measured.suites[suite]?.counts[balancer]
}

function failures(measured: Measured): string {
  const lines = suites.flatMap((suite) =>
    (countsOf(measured, suite.name, "sluice")?.failed ?? []).map((name) => `- ${suite.name}: ${name}`),
  )
  if (lines.length > 0) return `Sluice fails:\n\n${lines.join("\n")}`
  const ran = suites.some((suite) => countsOf(measured, suite.name, "sluice"))
  return ran ? "No case fails through Sluice." : "Not yet run through Sluice."
}

export async function readMeasured(): Promise<Measured> {
  try {
    return JSON.parse(await readFile(jsonFile, "utf8")) as Measured
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { versions: {}, suites: {} }
    throw error
  }
}

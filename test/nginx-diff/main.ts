/**
 * Runs each file of shapes/ under nginx and under Sluice, over the same backends, and compares what the same requests get.
 *
 *     node test/nginx-diff/main.ts [--from DIR] [--only NAME] [--show N] [--jobs N] [--docs]
 *
 * `--from` takes the files of another folder. `--docs` writes the figures of the run into docs/nginx.md. Exit code 1: a difference has no name, or a file does not run.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { differences } from "./differences.ts"
import { withFigures } from "./figures.ts"
import { compareFile, type Result } from "./run.ts"

const SHAPES = join(import.meta.dirname, "shapes")
const DOCS = join(import.meta.dirname, "../../docs/nginx.md")

const { values } = parseArgs({
  options: {
    from: { type: "string", default: SHAPES },
    only: { type: "string", multiple: true },
    show: { type: "string", default: "3" },
    jobs: { type: "string", default: "3" },
    docs: { type: "boolean", default: false },
  },
})
const names = readdirSync(values.from)
  .filter((name) => name.endsWith(".conf"))
  .filter((name) => values.only?.some((part) => name.startsWith(part)) ?? true)
const results: Result[] = []
const left = [...names]
await Promise.all(Array.from({ length: Number(values.jobs) }, work))
const wrong = results.filter(({ problem, unnamed }) => problem !== null || unnamed.length > 0)
const probes = results.reduce((sum, result) => sum + result.probes, 0)
console.log(
  `${results.length} files, ${probes} probes, ${wrong.length} files with a difference that has no name`,
)
if (values.docs) writeFileSync(DOCS, withFigures(readFileSync(DOCS, "utf8"), results, differences))
process.exit(wrong.length === 0 ? 0 : 1)

async function work(): Promise<void> {
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    const result = await compareFile(name, readFileSync(join(values.from, name), "utf8"))
    results.push(result)
    report(result)
  }
}

function report({ name, probes, problem, named, unnamed }: Result): void {
  const shown = [...named].map(([each, count]) => `${each} ${count}`).join(", ")
  console.log(
    problem === null
      ? `${name}: ${probes} probes, ${unnamed.length} unnamed; ${shown}`
      : `${name}: ${problem}`,
  )
  for (const { probe, mismatches } of unnamed.slice(0, Number(values.show))) {
    const { method, path, http, listen, headers, isGrpc } = probe
    console.log(
      `  ${listen.original} HTTP/${http} ${probe.host} ${method} ${path}${isGrpc ? " gRPC" : ""}${probe.isPlain === true ? " without TLS" : ""}${probe.raw === undefined ? "" : ` ${JSON.stringify(probe.raw)}`} ${headers.map((pair) => pair.join(": ")).join(", ")}`,
    )
    for (const { what, nginx, sluice } of mismatches.slice(0, 8))
      console.log(
        `    ${what}: nginx ${JSON.stringify(nginx.slice(0, 120))}, sluice ${JSON.stringify(sluice.slice(0, 120))}`,
      )
  }
}

import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { chartsOf, withFigures } from "./page.ts"
import { judge, run } from "./run.ts"

const HELP = `Plays the balancing policies on virtual time, over 2 data threads: docs/policies.md.

  npm run simulate:policies -- [--quick] [--seed N] [--write]
      --quick: 1,000 endpoints and 20,000 streams in place of 10,000 and 1,000,000.
      --write: and puts tables and charts into docs/policies.md.

Exit code 0: the figures that are asked for were reached. 1: not so. 2: usage.`

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    write: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
if (!/^\d{1,9}$/.test(values.seed)) {
  console.error(`--seed takes a whole number, not ${values.seed}\n\n${HELP}`)
  process.exit(2)
}

const result = run({
  seed: Number(values.seed),
  big: values.quick ? { endpoints: 1000, streams: 20_000 } : { endpoints: 10_000, streams: 1_000_000 },
  sizes: [10, 100, 1000],
  keys: values.quick ? 5000 : 50_000,
  picks: values.quick ? 20_000 : 100_000,
  say: (text) => console.log(text),
})
if (values.write) {
  const docs = join(import.meta.dirname, "../../docs")
  mkdirSync(join(docs, "policies"), { recursive: true })
  for (const [name, text] of Object.entries(chartsOf(result)))
    writeFileSync(join(docs, "policies", name), text)
  const page = join(docs, "policies.md")
  writeFileSync(page, withFigures(readFileSync(page, "utf8"), result))
}
const problems = judge(result, true)
for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0

#!/usr/bin/env node
import { begin } from "./begin.ts"
import { nodeProblem } from "./node-version.ts"

const problem = nodeProblem(process.version)
if (problem !== null) {
  process.stderr.write(`sluice: ${problem}\n`)
  process.exit(1)
}
await begin()

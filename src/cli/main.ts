#!/usr/bin/env node
import { processSignals } from "../control/signals.ts"
import { nodeProblem } from "./node-version.ts"

const problem = nodeProblem(process.version)
if (problem !== null) {
  process.stderr.write(`sluice: ${problem}\n`)
  process.exit(1)
}
if (process.argv[2] === "run") {
  // What follows takes most of a second.
  processSignals.take()
  // Seen in ps, top and ss.
  process.title = "sluice"
}
const { main } = await import("./program.ts")
await main()

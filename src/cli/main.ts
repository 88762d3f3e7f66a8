#!/usr/bin/env node
import { nodeProblem } from "./node-version.ts"
import { commands } from "./worker-control.ts"
import { limitYoungHeap } from "./young-heap.ts"

const problem = nodeProblem(process.version)
if (problem !== null) {
  process.stderr.write(`sluice: ${problem}\n`)
  process.exit(1)
}
if (process.argv[2] === "run") {
  limitYoungHeap()
  // What follows takes most of a second.
  commands.take()
}
const { main } = await import("./program.ts")
await main()

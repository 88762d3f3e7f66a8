#!/usr/bin/env node
import { commands } from "./worker-control.ts"
import { limitYoungHeap } from "./young-heap.ts"

if (process.argv[2] === "run") {
  limitYoungHeap()
  // What follows takes most of a second.
  commands.take()
}
const { main } = await import("./program.ts")
await main()

#!/usr/bin/env node
import { limitYoungHeap } from "./young-heap.ts"

if (process.argv[2] === "run") limitYoungHeap()
const { main } = await import("./program.ts")
await main()

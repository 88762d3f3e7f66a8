import { Balancer } from "../../src/sluice.ts"
import { HeaderList } from "../../src/http2/header-list.ts"
import { makePlan } from "./generate.ts"
import { run } from "./world.ts"
const seed = Number(process.argv[2] ?? 1), runs = Number(process.argv[3] ?? 1)
const t = performance.now(); let steps = 0
const bad = new Map<string, number[]>()
for (let i = 0; i < runs; i++) {
  const o = await run(makePlan(seed + i), { Balancer, HeaderList })
  steps += o.steps
  if (o.violation) { const k = o.violation.rule; (bad.get(k) ?? bad.set(k, []).get(k)!).push(seed+i); if (bad.get(k)!.length <= 3) console.log(seed + i, o.violation.rule, o.violation.message.slice(0, 900)) }
}
const s = (performance.now() - t) / 1000
console.log(`${runs} runs, ${steps} steps, ${s.toFixed(1)} s, ${(runs / s).toFixed(0)} runs/s`)
for (const [k, v] of bad) console.log(k, v.length, v.slice(0, 12).join(" "))

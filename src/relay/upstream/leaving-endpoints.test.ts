import { expect, test } from "vitest"
import { atOnce } from "../../base/steps.ts"
import type { EndpointState } from "../../cluster/state.ts"
import { LeavingEndpoints } from "./leaving-endpoints.ts"

/** `a b! c!5 d?`: a takes streams, b drains with the cluster's grace, c with one of 5 ms, d is unhealthy. */
function statesOf(text: string): EndpointState[] {
  return text
    .split(" ")
    .filter(Boolean)
    .map((word, slot) => {
      const [address, grace] = word.replace("?", "").split("!") as [string, string?]
      const known = {
        address,
        origin: 0,
        weight: 1,
        zone: null,
        priority: 0,
        health: word.endsWith("?") ? ("unhealthy" as const) : ("unknown" as const),
      }
      return { ...known, slot, drain: grace !== undefined, graceMs: grace ? Number(grace) : null }
    })
}

function run(steps: readonly string[], graceMs: number | null): string[] {
  const said: string[] = []
  const leaving = new LeavingEndpoints({
    begin: (cluster, address, ms, because) => said.push(`${cluster}/${address} ${ms} ms: ${because}`),
    withdraw: (cluster, address) => said.push(`${cluster}/${address} stays`),
  })
  for (const [at, step] of steps.entries()) {
    if (at === steps.length - 1) said.length = 0
    if (step === "gone") atOnce(leaving.retain(new Set()))
    else atOnce(leaving.told("x", statesOf(step), { drainGraceMs: graceMs, panicThresholdPercent: 50 }))
  }
  return said.toSorted()
}

test.each<[steps: string[], graceMs: number | null, expected: string[]]>([
  [["a b", "a b"], null, []],
  [["a b", "a"], null, []],
  [["a b", "a b!"], null, ["x/a stays", "x/b stays"]],
  [["a b", "a"], 9, ["x/a stays", "x/b 9 ms: has left"]],
  [["a b", "a b!"], 9, ["x/a stays", "x/b 9 ms: is drained"]],
  [["a b", "a b!5"], 9, ["x/a stays", "x/b 5 ms: is drained"]],
  [["a b", "a b!5"], null, ["x/a stays", "x/b 5 ms: is drained"]],
  // Told again: it goes on as it is.
  [["a b", "a b!5", "a b!5 c"], null, ["x/a stays", "x/c stays"]],
  [["a b", "a b!5", "a b!7"], null, ["x/a stays", "x/b 7 ms: is drained"]],
  [["a b", "a b!5", "a b"], null, ["x/a stays", "x/b stays"]],
  [["a b", "a b!5", "a b!"], null, ["x/a stays", "x/b stays"]],
  // One that drains already and leaves then goes on as well.
  [["a b", "a b!5", "a"], 9, ["x/a stays"]],
  [["a b", "a", "a b"], 9, ["x/a stays", "x/b stays"]],
  [["a b", "gone"], 9, ["x/a 9 ms: has left", "x/b 9 ms: has left"]],
  [["a b", "gone"], null, []],
  // What health says counts where there is a grace, and where it is believed.
  [["a b", "a b?"], 9, ["x/a stays", "x/b 9 ms: is unhealthy"]],
  [["a b", "a b?"], null, []],
  [["a b", "a b?", "a b"], 9, ["x/a stays", "x/b stays"]],
  [["a b", "a b?", "a b!"], 9, ["x/a stays", "x/b 9 ms: is drained"]],
  [["a b c", "a b? c?"], 9, ["x/a stays", "x/b stays", "x/c stays"]],
  [["a", "a?"], 9, ["x/a stays"]],
  [["a b", "a b?", "a? b?"], 9, ["x/a stays", "x/b stays"]],
])("%j with a grace of %j ms", (steps, graceMs, expected) => {
  expect(run(steps, graceMs)).toEqual(expected)
})

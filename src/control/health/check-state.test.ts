import { expect, test } from "vitest"
import { afterCheck, type CheckState, nextCheckMs, UNCHECKED } from "./check-state.ts"

/** `+` a check that passed, `-` one that failed; upper case H, U: healthy, unhealthy; what stands after each. */
test.for([
  { checks: "+", states: "H" },
  { checks: "-", states: "U" },
  { checks: "+-+--+---", states: "HHHHHHHHU", passes: 2, fails: 3 },
  { checks: "-++-+-++", states: "UUHHHHHH", passes: 2, fails: 3 },
  { checks: "-+-++", states: "UUUUH", passes: 2, fails: 1 },
  { checks: "+-+-+", states: "HUHUH", passes: 1, fails: 1 },
])("$checks: $states", ({ checks, states, passes = 1, fails = 1 }) => {
  let state: CheckState = UNCHECKED
  const seen = Array.from(checks).map((check) => {
    state = afterCheck(state, check === "+", { passes, fails })
    return state.health === "healthy" ? "H" : "U"
  })
  expect(seen.join("")).toBe(states)
})

test("a result that changes nothing is the same state", () => {
  const healthy = afterCheck(UNCHECKED, true, { passes: 1, fails: 1 })
  expect(afterCheck(healthy, true, { passes: 1, fails: 1 })).toBe(healthy)
})

test.for([
  [0, 900],
  [0.5, 1000],
  [1, 1100],
])("with jitter %d the next check comes after %i ms", ([jitter, dueMs]) => {
  expect(nextCheckMs(1000, jitter!)).toBe(dueMs)
})

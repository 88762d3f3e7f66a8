import { describe, expect, test } from "vitest"
import { defaultRouteSettings } from "../../config/defaults.ts"
import type { ContinuityConfig } from "../../config/model.ts"
import { compileContinuity, compilePlans, hasNamedCursor, onePlan } from "./continuity-plan.ts"

const plan = (changes: Partial<ContinuityConfig>) =>
  compileContinuity({
    ...defaultRouteSettings().continuity,
    keepOctets: 1000,
    restartWith: "none",
    ...changes,
  })

describe("what a route's continuity comes to", () => {
  test("without a mode there is none", () => {
    expect(plan({ modes: [] })).toBe(null)
    expect(plan({ modes: [], refused: "restart" })).toBe(null)
  })

  test.each<[string, Partial<ContinuityConfig>, object]>([
    [
      "handoff asks the backend and keeps what it may ask for",
      { modes: ["handoff"] },
      {
        offer: "handoff",
        keepOctets: 1000,
        isOneSided: false,
        isLockstep: false,
        keepsFirst: false,
        keepsLast: false,
      },
    ],
    [
      "resume, then handoff",
      { modes: ["resume", "handoff"] },
      { offer: "resume, handoff", keepOctets: 1000, isOneSided: false },
    ],
    [
      "lockstep asks nobody",
      { modes: ["lockstep"] },
      { offer: "", keepOctets: 1000, isOneSided: true, isLockstep: true },
    ],
    ["lockstep before one that begins anew", { modes: ["lockstep", "restart"] }, { isLockstep: false }],
    [
      "lockstep beside a mode that goes on, too",
      { modes: ["handoff", "lockstep"] },
      { offer: "handoff", keepOctets: 1000, isOneSided: true, isLockstep: true },
    ],
    [
      "cursor keeps the first message and nothing else",
      { modes: ["cursor"], cursorFrom: "1", cursorInto: "2" },
      { keepOctets: 0, keepsFirst: true, keepsLast: false, isOneSided: true, isLockstep: false },
    ],
    [
      "a restart with nothing keeps nothing",
      { modes: ["restart"] },
      { keepOctets: 0, keepsFirst: false, keepsLast: false, isOneSided: true },
    ],
    [
      "a restart with the first message",
      { modes: ["restart"], restartWith: "first" },
      { keepsFirst: true, keepsLast: false },
    ],
    [
      "a restart with the last",
      { modes: ["restart"], restartWith: "last" },
      { keepsFirst: false, keepsLast: true },
    ],
    [
      "restart where it is refused",
      { modes: ["handoff"], refused: "restart", restartWith: "last" },
      { keepsLast: true, isOneSided: false },
    ],
    [
      "no restart, whatever it would be with",
      { modes: ["handoff"], restartWith: "first" },
      { keepsFirst: false },
    ],
    ["nor with the last", { modes: ["handoff"], restartWith: "last" }, { keepsLast: false }],
    [
      "restart beside handoff",
      { modes: ["handoff", "restart"] },
      { offer: "handoff", keepOctets: 1000, isOneSided: true },
    ],
  ])("%s", (_, changes, expected) => expect(plan(changes)).toMatchObject(expected))
})

describe("the plan of a method", () => {
  const fieldsOf = (path: string) => (path === "/s/List" ? { from: [3], into: [2, 1] } : null)
  const plans = (changes: Partial<ContinuityConfig>) =>
    compilePlans({ ...defaultRouteSettings().continuity, ...changes }, fieldsOf)

  test.each<[cursorFrom: string, cursorInto: string, modes: ContinuityConfig["modes"], expected: boolean]>([
    ["1", "2.1", ["cursor"], false],
    ["1", "2.a", ["cursor"], true],
    ["a", "2.1", ["resume", "cursor"], true],
    ["a", "b", ["resume"], false],
  ])("from %s into %s, %j: by name %s", (cursorFrom, cursorInto, modes, expected) => {
    const config = { ...defaultRouteSettings().continuity, cursorFrom, cursorInto, modes }
    expect(hasNamedCursor(config)).toBe(expected)
  })

  test("is the route's, where no field has a name", () => {
    const { continuity } = defaultRouteSettings()
    expect(onePlan({ ...continuity, modes: [] })).toBe(null)
    const one = onePlan({ ...continuity, modes: ["cursor"], cursorFrom: "1", cursorInto: "2.1" })!
    expect(one("/s/Other")).toBe(one("/s/List"))
    expect(one("/s/Other")!.cursor).toEqual({ from: [1], into: [2, 1] })
  })

  test("has the fields of that method; without them it has no mode cursor", () => {
    const named = plans({ modes: ["cursor"], cursorFrom: "after", cursorInto: "page.2" })
    expect(named("/s/List")!.cursor).toEqual({ from: [3], into: [2, 1] })
    expect(named("/s/List")).toBe(named("/s/List"))
    expect(named("/s/Other")).toBe(null)
    const more = plans({ modes: ["resume", "cursor"], cursorFrom: "after", cursorInto: "page.2" })
    expect(more("/s/Other")).toMatchObject({ offer: "resume", cursor: null, isOneSided: false })
  })
})

import { readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import fc from "fast-check"
import { expect, test } from "vitest"
import { EarlierLegs } from "./earlier-legs.ts"

type Account = Pick<EarlierLegs, "left" | "ofPresentLeg">

/** A leg sends so much, or the client takes so much, or the leg is over and another opens. */
type Step = { sends: number } | { takes: number } | "next leg"

const steps = fc.array(
  fc.oneof(
    fc.record({ sends: fc.integer({ min: 1, max: 1000 }) }),
    fc.record({ takes: fc.integer({ min: 1, max: 1000 }) }),
    fc.constant("next leg" as const),
  ),
  { maxLength: 40 },
)

/**
 * The most credit that a leg was ever given for octets that it had not sent, and what the last one is still owed when
 * the client has taken everything.
 */
function tell(account: Account, story: readonly Step[]): { undue: number; owed: number } {
  let waiting = 0
  let leg = { sent: 0, credited: 0 }
  let undue = 0
  for (const step of [...story, { takes: Number.MAX_SAFE_INTEGER }]) {
    if (step === "next leg") {
      account.left(leg.sent - leg.credited)
      leg = { sent: 0, credited: 0 }
    } else if ("sends" in step) {
      leg.sent += step.sends
      waiting += step.sends
    } else {
      const taken = Math.min(step.takes, waiting)
      waiting -= taken
      leg.credited += account.ofPresentLeg(taken)
      undue = Math.max(undue, leg.credited - leg.sent)
    }
  }
  return { undue, owed: leg.sent - leg.credited }
}

const holds = (make: () => Account): void =>
  fc.assert(
    fc.property(steps, (story) => {
      expect(tell(make(), story)).toEqual({ undue: 0, owed: 0 })
    }),
  )

/** The module with a bug in it. */
async function planted(find: string, replace: string): Promise<() => Account> {
  const source = readFileSync(new URL("earlier-legs.ts", import.meta.url), "utf8")
  expect(source.split(find)).toHaveLength(2)
  const script = stripTypeScriptTypes(source.replace(find, replace))
  const module = (await import(`data:text/javascript,${encodeURIComponent(script)}`)) as {
    EarlierLegs: new () => Account
  }
  return () => new module.EarlierLegs()
}

test("no leg gets credit for octets of an earlier one, whatever the client takes when", () => {
  holds(() => new EarlierLegs())
})

test("the octets of the present leg follow those of the earlier ones", () => {
  const account = new EarlierLegs()
  account.left(100)
  account.left(50)
  expect([70, 100, 30].map((taken) => account.ofPresentLeg(taken))).toEqual([0, 20, 30])
})

test.for([
  ["all is the present leg's", "return octets - earlier", "return octets"],
  ["only the last leg's octets are remembered", "this.#octets += octets", "this.#octets = octets"],
  ["the earlier ones are paid off at once", "this.#octets -= earlier", "this.#octets = 0"],
  ["they are never paid off", "this.#octets -= earlier", ""],
])("a planted bug is found: %s", async ([, find, replace]) => {
  const make = await planted(find!, replace!)
  expect(() => holds(make)).toThrow(/Property failed/)
})

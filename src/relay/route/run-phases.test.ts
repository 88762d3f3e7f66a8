import { describe, expect, test } from "vitest"
import { failure } from "../../record/failure.ts"
import type { Phase, PhaseContext, Route, Verdict } from "./route.ts"
import { type PhasesOutcome, type RunningCall, runPhases, type WaitingPhases } from "./run-phases.ts"

const REFUSED = failure("access_denied", "no")

/** Phases by name, and what was done in turn. */
class Bed {
  readonly done: string[] = []
  readonly waits: ((verdict: Verdict | null) => void)[] = []

  passes(name: string): Phase {
    return () => {
      this.done.push(name)
      return null
    }
  }

  says(name: string, verdict: Verdict): Phase {
    return () => {
      this.done.push(name)
      return verdict
    }
  }

  waits_(name: string, atOnce?: Verdict | null): Phase {
    return this.says(name, {
      kind: "wait",
      begin: (done) => {
        if (atOnce === undefined) this.waits.push(done)
        else done(atOnce)
        return () => this.done.push(`${name} given up`)
      },
    })
  }

  run(phases: readonly Phase[]): { waiting: WaitingPhases | null; route: () => Route } {
    const waits: WaitingPhases[] = []
    const call = {
      onPhasesWait: (one: WaitingPhases) => waits.push(one),
      route: { phases, errorPages: new Map() } as unknown as Route,
      onPhasesEnd: (outcome: PhasesOutcome) =>
        this.done.push(outcome === null ? "admitted" : outcome === REFUSED ? "refused" : outcome.kind),
    } as unknown as RunningCall
    runPhases(call, {} as PhaseContext)
    return { waiting: waits[0] ?? null, route: () => call.route }
  }
}

const routeOf = (...phases: Phase[]): Route =>
  ({ phases: [], locationPhases: phases, errorPages: new Map() }) as unknown as Route

describe("phases", () => {
  test("run in order, to the first that says how it goes on", () => {
    const bed = new Bed()
    expect(bed.run([bed.passes("a"), bed.passes("b")]).waiting).toBe(null)
    expect(bed.run([bed.passes("c"), bed.says("d", REFUSED), bed.passes("e")]).waiting).toBe(null)
    expect(bed.done).toEqual(["a", "b", "admitted", "c", "d", "refused"])
  })

  test("of another route begin with its first", () => {
    const bed = new Bed()
    const route = routeOf(bed.passes("b"), bed.passes("c"))
    const { route: now } = bed.run([
      bed.passes("a"),
      bed.says("go", { kind: "goto", route, phases: route.locationPhases }),
      bed.passes("never"),
    ])
    expect(bed.done).toEqual(["a", "go", "b", "c", "admitted"])
    expect(now()).toBe(route)
  })

  test("go on where one waited", () => {
    const bed = new Bed()
    const { waiting } = bed.run([
      bed.passes("a"),
      bed.waits_("b"),
      bed.passes("c"),
      bed.waits_("d"),
      bed.passes("e"),
    ])
    expect(waiting).not.toBe(null)
    expect(bed.done).toEqual(["a", "b"])
    bed.waits[0]!(null)
    expect(bed.done).toEqual(["a", "b", "c", "d"])
    // What is said twice counts once.
    bed.waits[0]!(null)
    expect(bed.done).toEqual(["a", "b", "c", "d"])
    bed.waits[1]!(null)
    expect(bed.done).toEqual(["a", "b", "c", "d", "e", "admitted"])
    waiting!.cancel()
    expect(bed.done).toHaveLength(6)
  })

  test("go on at once where what was waited for is there", () => {
    const bed = new Bed()
    const { waiting } = bed.run([
      bed.waits_("a", null),
      bed.passes("b"),
      bed.waits_("c", REFUSED),
      bed.passes("d"),
    ])
    expect(bed.done).toEqual(["a", "b", "c", "refused"])
    waiting!.cancel()
    expect(bed.done).toHaveLength(4)
  })

  test.each<[string, (bed: Bed) => Verdict, string[]]>([
    ["a refusal", () => REFUSED, ["a", "refused"]],
    [
      "another route",
      (bed) => ({ kind: "goto", route: routeOf(), phases: [bed.passes("there")] }),
      ["a", "there", "admitted"],
    ],
    ["one more wait", (bed) => bed.waits_("again")({} as never, {} as never)!, ["a", "again"]],
  ])("take %s from what was waited for", (_, verdict, done) => {
    const bed = new Bed()
    bed.run([bed.waits_("a"), bed.passes("never unless it passes")])
    bed.waits[0]!(verdict(bed))
    expect(bed.done).toEqual(done)
  })

  test("end with the call: what is waited for is given up, once, and told nothing", () => {
    const bed = new Bed()
    const { waiting } = bed.run([bed.waits_("a"), bed.passes("b")])
    waiting!.cancel()
    waiting!.cancel()
    bed.waits[0]!(null)
    expect(bed.done).toEqual(["a", "a given up"])
  })

  test("the second wait is the one that is given up", () => {
    const bed = new Bed()
    const { waiting } = bed.run([bed.waits_("a"), bed.waits_("b")])
    bed.waits[0]!(null)
    waiting!.cancel()
    expect(bed.done).toEqual(["a", "b", "b given up"])
  })
})

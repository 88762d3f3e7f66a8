import { describe, expect, test } from "vitest"
import { defaultLimits } from "../base/limits.ts"
import { BufferBudget, type CreditHolder } from "./buffer-budget.ts"

/** A budget of 1,000 octets that is tight from 800 on, and what it calls. */
function budget() {
  const made = new BufferBudget({ ...defaultLimits, bufferedOctetsMax: 1000, bufferedWithholdPercent: 80 })
  const calls: string[] = []
  made.onExceeded = () => void calls.push("exceeded")
  made.onWithheld = () => void calls.push("withheld")
  const spare = (name: string) => ({ spareAt: -1, reclaim: () => void calls.push(`drop ${name}`) })
  const stream = (name: string): CreditHolder => ({
    consume: (octets) => void calls.push(`${name} consumes ${octets}`),
  })
  const take = (): string[] => calls.splice(0)
  return { made, take, spare, stream }
}

describe("what is held", () => {
  test.each([
    [[], 0, 0, false],
    [[799], 799, 0, false],
    [[800], 800, 0, true],
    [[1000], 1000, 0, true],
    [[1001], 1001, 1, true],
    [[1001, -1], 1000, 0, true],
    [[1500, -701], 799, 0, false],
  ])("%j", (added, octets, excess, isAboveHighWatermark) => {
    const { made } = budget()
    for (const one of added) made.add(one)
    expect([made.octets, made.excess, made.isAboveHighWatermark]).toEqual([
      octets,
      excess,
      isAboveHighWatermark,
    ])
  })

  test("one octet past the maximum is too many, and each addition after it; what goes is not", () => {
    const { made, take } = budget()
    const told = [1000, 1, 1, 0, -1, -1, 1].map((octets) => {
      made.add(octets)
      return take().length
    })
    expect(told).toEqual([0, 1, 1, 0, 0, 0, 1])
  })

  test("a budget that nobody listens to is one as well", () => {
    const made = new BufferBudget({ ...defaultLimits, bufferedOctetsMax: 1000 })
    made.add(2000)
    made.withhold({ consume: () => {} })
    expect(made.excess).toBe(1000)
  })
})

describe("what is held just in case", () => {
  test("goes once it is tight, each holder once", () => {
    const { made, take, spare } = budget()
    made.reclaimable(spare("a"))
    made.reclaimable(spare("b"))
    made.add(799)
    made.add(0)
    expect(take()).toEqual([])
    made.add(1)
    expect(take()).toEqual(["drop b", "drop a"])
    made.add(1)
    expect(take()).toEqual([])
  })

  test("stays when it is needed", () => {
    const { made, take, spare } = budget()
    const [a, b] = [spare("a"), spare("b")]
    made.reclaimable(a)
    made.reclaimable(b)
    made.pinned(a)
    made.add(900)
    expect(take()).toEqual(["drop b"])
  })

  test.each<[pinned: string[], rest: string[]]>([
    [["a"], ["b", "c"]],
    [["b"], ["c", "a"]],
    [["c"], ["b", "a"]],
    [["a", "c"], ["b"]],
    [["c", "a"], ["b"]],
    [["a", "a", "b", "c"], []],
  ])("of a, b and c without %j: %j", (pinned, rest) => {
    const { made, take, spare } = budget()
    const holders = new Map(["a", "b", "c"].map((name) => [name, spare(name)]))
    for (const holder of holders.values()) {
      made.reclaimable(holder)
      made.reclaimable(holder)
    }
    for (const name of pinned) made.pinned(holders.get(name)!)
    made.add(900)
    expect(take()).toEqual(rest.map((name) => `drop ${name}`))
    // Each may be one again.
    for (const holder of holders.values()) made.reclaimable(holder)
    made.add(0)
    made.add(1)
    expect(take()).toEqual(["drop c", "drop b", "drop a"])
  })

  test("stays when another that goes has it needed", () => {
    const { made, take, spare } = budget()
    const needed = spare("needed")
    made.reclaimable(needed)
    made.reclaimable({ spareAt: -1, reclaim: () => made.pinned(needed) })
    made.add(900)
    expect([take(), needed.spareAt]).toEqual([[], -1])
  })

  test("is not asked for by what goes", () => {
    const { made, take, spare } = budget()
    made.add(900)
    made.reclaimable(spare("a"))
    made.add(-10)
    made.add(0)
    expect(take()).toEqual([])
  })

  test("goes before anything is withheld", () => {
    const { made, take, spare, stream } = budget()
    made.add(900)
    made.reclaimable({ spareAt: -1, reclaim: () => made.add(-200) })
    made.reclaimable(spare("b"))
    made.withhold(stream("s"))
    expect(take()).toEqual(["drop b", "s consumes 0"])
    made.add(-1)
    expect(take()).toEqual([])
  })
})

describe("credit that is withheld", () => {
  test("is given once there is room, to each stream once", () => {
    const { made, take, stream } = budget()
    made.add(900)
    const [a, b] = [stream("a"), stream("b")]
    made.withhold(a)
    made.withhold(b)
    made.withhold(a)
    expect(take()).toEqual(["withheld"])
    made.add(-100)
    expect(take()).toEqual([])
    made.add(-1)
    expect(take()).toEqual(["a consumes 0", "b consumes 0"])
    made.add(-1)
    expect(take()).toEqual([])
  })

  test("is told of anew after all was given", () => {
    const { made, take, stream } = budget()
    for (let round = 0; round < 2; round++) {
      made.add(900)
      made.withhold(stream("a"))
      expect(take()).toEqual(["withheld"])
      made.add(-900)
      expect(take()).toEqual(["a consumes 0"])
    }
  })

  test("is forgotten with its stream", () => {
    const { made, take, stream } = budget()
    const [a, b] = [stream("a"), stream("b")]
    made.add(900)
    made.withhold(a)
    made.forget(a)
    made.withhold(b)
    expect(take()).toEqual(["withheld", "withheld"])
    made.add(-900)
    expect(take()).toEqual(["b consumes 0"])
  })

  test("may be withheld again at once", () => {
    const { made, take } = budget()
    const again: CreditHolder = {
      consume: () => {
        made.add(500)
        made.withhold(again)
      },
    }
    made.add(900)
    made.withhold(again)
    made.add(-400)
    expect([made.octets, take()]).toEqual([1000, ["withheld", "withheld"]])
  })
})

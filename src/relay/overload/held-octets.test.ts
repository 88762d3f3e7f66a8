import { expect, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { HeldOctets } from "./held-octets.ts"

test("what a bridge holds counts until it is released, and no longer", () => {
  const budget = new BufferBudget(defaultLimits)
  budget.add(7)
  const held = new HeldOctets(budget)
  held.add(5)
  held.add(-2)
  expect([held.octets, budget.octets]).toEqual([3, 10])
  held.release()
  expect([held.octets, budget.octets]).toEqual([0, 7])
  held.add(5)
  expect([held.octets, budget.octets]).toEqual([0, 7])
  held.release()
  expect([held.octets, budget.octets]).toEqual([0, 7])
})

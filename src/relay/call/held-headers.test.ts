import { expect, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { holdHeaders, releaseHeaders } from "./held-headers.ts"

test("large lists count as held, once however many streams hold them, until the last one is over", () => {
  const budget = new BufferBudget(defaultLimits)
  const large = new HeaderList(["cookie", "x".repeat(10_000)])
  const small = new HeaderList(["cookie", "x".repeat(1_000)])
  const steps: (() => void)[] = [
    () => holdHeaders(large, budget),
    () => holdHeaders(large, budget),
    () => holdHeaders(small, budget),
    () => releaseHeaders(large, budget),
    () => releaseHeaders(small, budget),
    () => releaseHeaders(large, budget),
    () => releaseHeaders(null, budget),
  ]
  const held = steps.map((step) => {
    step()
    return budget.octets
  })
  expect(held).toEqual([10_038, 10_038, 10_038, 10_038, 10_038, 0, 0])
})

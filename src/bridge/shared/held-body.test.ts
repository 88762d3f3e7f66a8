import { expect, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { HeldOctets } from "../../relay/overload/held-octets.ts"
import { HeldBody } from "./held-body.ts"

test.each([
  ["octet by octet", 100_000, 1],
  ["in pieces of a thousand", 100, 1000],
  ["in one piece", 1, 100_000],
])("a body %s is one buffer, counted at its size until it is taken", (_name, pieces, size) => {
  const budget = new BufferBudget(defaultLimits)
  const body = new HeldBody(new HeldOctets(budget))
  const whole = Buffer.from(Array.from({ length: pieces * size }, (_, i) => i & 0xff))
  for (let at = 0; at < whole.length; at += size) {
    body.push(whole, at, at + size)
    expect(budget.octets).toBeGreaterThanOrEqual(body.length)
    expect(budget.octets).toBeLessThanOrEqual(Math.max(512, 2 * body.length))
  }
  expect(body.length).toBe(whole.length)
  expect(body.take().equals(whole)).toBe(true)
  expect([budget.octets, body.length]).toEqual([0, 0])
  expect(body.take().length).toBe(0)
})

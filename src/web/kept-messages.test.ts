import { expect, test } from "vitest"
import { KeptMessages } from "./kept-messages.ts"

const message = (octets: number): Uint8Array => new Uint8Array(octets).fill(octets)

test("messages that were sent leave, the oldest first, beyond what is kept; those that were not stay", () => {
  const kept = new KeptMessages(10)
  for (const octets of [4, 5, 6, 7]) kept.push(message(octets))
  expect([kept.start, kept.end]).toEqual([0, 4])
  kept.sent(1)
  expect(kept.start).toBe(1)
  kept.sent(2)
  expect(kept.start).toBe(2)
  expect(kept.at(2)).toEqual(message(6))
  kept.sent(4)
  expect([kept.start, kept.end]).toEqual([3, 4])
  expect(kept.at(3)).toEqual(message(7))
})

test("who waits is woken by each change", async () => {
  const kept = new KeptMessages(0)
  const changes = [() => kept.push(message(1)), () => kept.sent(1), () => kept.endHere()]
  for (const change of changes) {
    const woken = kept.change()
    change()
    await woken
  }
  expect([kept.start, kept.end, kept.hasEnded]).toEqual([1, 1, true])
})

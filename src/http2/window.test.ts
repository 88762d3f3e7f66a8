import { describe, expect, test } from "vitest"
import { DEFAULT_WINDOW, MAX_WINDOW, ReceiveWindow } from "./window.ts"

test("windows as RFC 9113 §6.9.1 and §6.9.2 have them", () => {
  expect([DEFAULT_WINDOW, MAX_WINDOW]).toEqual([65_535, 2_147_483_647])
})

describe("ReceiveWindow", () => {
  test.each([
    ["all but one", [99], [true], 1],
    ["all of it", [100], [true], 0],
    ["one more than all", [101], [false], -1],
    ["all of it in two pieces, then nothing", [60, 40, 0], [true, true, true], 0],
    ["all of it in two pieces, then one octet", [60, 40, 1], [true, true, false], -1],
  ])("a peer that spends %s", (_, pieces, allowed, left) => {
    const window = new ReceiveWindow(100)
    expect(pieces.map((octets) => window.spend(octets))).toEqual(allowed)
    expect(window.octets).toBe(left)
  })

  test.each([
    ["less than half is owed on", 100, [49], [0]],
    ["half comes back", 100, [50], [50]],
    ["half in pieces comes back in one", 100, [20, 29, 1], [0, 0, 50]],
    ["of an odd window the half is rounded up", 101, [50, 1], [0, 51]],
    ["what came back is owed no more", 100, [50, 49, 1], [50, 0, 50]],
    ["nothing comes of nothing", 100, [0], [0]],
    ["a window of one octet", 1, [1, 1], [1, 1]],
  ])("%s", (_, size, taken, given) => {
    const window = new ReceiveWindow(size)
    expect(taken.map((octets) => window.giveBack(octets))).toEqual(given)
    expect(window.octets).toBe(size + given.reduce((sum, octets) => sum + octets, 0))
  })

  test("what was given back may be spent again", () => {
    const window = new ReceiveWindow(100)
    for (let round = 0; round < 3; round++) {
      expect([window.spend(100), window.giveBack(100), window.octets]).toEqual([true, 100, 100])
    }
  })
})

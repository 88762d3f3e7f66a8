import { describe, expect, test } from "vitest"
import { ReplayRing } from "./replay-ring.ts"

const RING = 1024 * 1024
/** Of one piece of `octets`, its head included, so many fill the ring. */
const put = (ring: ReplayRing, text: string): number => {
  const octets = Buffer.from(`##${text}##`)
  return ring.put(octets, 2, 2 + text.length)
}

describe("the ring of pieces that were sent", () => {
  test("keeps each where it says", () => {
    const ring = new ReplayRing()
    const places = ["a", "", "bcd"].map((text) => put(ring, text))
    expect(places).toEqual([0, 5, 9])
    expect(places.map((where) => ring.get(where)!.toString())).toEqual(["a", "", "bcd"])
  })

  test("takes pieces of 4,096 octets, and none that is larger", () => {
    const ring = new ReplayRing()
    const at = put(ring, "x".repeat(4096))
    expect(ring.get(at)).toHaveLength(4096)
    expect(put(ring, "x".repeat(4097))).toBe(-1)
    expect(put(ring, "y")).toBe(4100)
  })

  test("has a piece until others have gone over it, and not an octet longer", () => {
    const ring = new ReplayRing()
    const first = put(ring, "first")
    // 256 pieces of 4,096 octets are the ring.
    for (let at = 9; at + 4096 <= RING; at += 4096) put(ring, "x".repeat(4092))
    expect(ring.has(first)).toBe(true)
    expect(ring.get(first)!.toString()).toBe("first")
    const left = RING - 9 - 255 * 4096
    put(ring, "y".repeat(left - 4))
    expect(ring.has(first)).toBe(true)
    expect(ring.get(first)!.toString()).toBe("first")
    put(ring, "")
    expect([ring.has(first), ring.get(first)]).toEqual([false, null])
  })

  test("begins a piece that does not fit behind the last at its front", () => {
    const ring = new ReplayRing()
    for (let many = 0; many < 255; many++) put(ring, "x".repeat(4092))
    const last = put(ring, "x".repeat(4000))
    const next = put(ring, "z".repeat(200))
    expect(next).toBe(RING)
    expect(ring.get(next)!.toString()).toBe("z".repeat(200))
    expect(ring.get(last)!.toString()).toBe("x".repeat(4000))
    expect(put(ring, "more")).toBe(RING + 204)
  })

  test("a piece that fits to the octet stands at the end of its round", () => {
    const ring = new ReplayRing()
    for (let many = 0; many < 255; many++) put(ring, "x".repeat(4092))
    const last = put(ring, "y".repeat(4092))
    expect(last).toBe(RING - 4096)
    expect(put(ring, "z")).toBe(RING)
    expect(ring.get(last)!.toString()).toBe("y".repeat(4092))
  })
})

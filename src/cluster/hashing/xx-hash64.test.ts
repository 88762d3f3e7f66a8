import fc from "fast-check"
import { expect, test } from "vitest"
import { xxHash64 } from "./xx-hash64.ts"

const hex = (octets: Uint8Array, seed = 0): string => {
  const { hi, lo } = xxHash64(octets, seed)
  return hi.toString(16).padStart(8, "0") + lo.toString(16).padStart(8, "0")
}

/** The published values of the reference implementation. */
test.for([
  ["", 0, "ef46db3751d8e999"],
  ["a", 0, "d24ec4f1a98c6e5b"],
  ["abc", 0, "44bc2cf5ad770999"],
  ["Nobody inspects the spammish repetition", 0, "fbcea83c8a378bf1"],
] as const)("%o with seed %i is %s", ([text, seed, expected]) => {
  expect(hex(Buffer.from(text), seed)).toBe(expected)
})

// The specification again, word for word, in BigInt.
const MASK = (1n << 64n) - 1n
const [P1, P2, P3, P4, P5] = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const
const rotl = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & MASK
const roundOf = (acc: bigint, input: bigint) => (rotl((acc + input * P2) & MASK, 31n) * P1) & MASK

function reference(octets: Buffer, seed: bigint): bigint {
  let at = 0
  let hash: bigint
  if (octets.length >= 32) {
    const lanes = [seed + P1 + P2, seed + P2, seed, seed - P1].map((lane) => lane & MASK)
    for (; at + 32 <= octets.length; at += 32)
      for (let i = 0; i < 4; i++) lanes[i] = roundOf(lanes[i]!, octets.readBigUInt64LE(at + 8 * i))
    hash = [1n, 7n, 12n, 18n].reduce((sum, by, i) => sum + rotl(lanes[i]!, by), 0n) & MASK
    for (const lane of lanes) hash = ((hash ^ roundOf(0n, lane)) * P1 + P4) & MASK
  } else hash = (seed + P5) & MASK
  hash = (hash + BigInt(octets.length)) & MASK
  for (; at + 8 <= octets.length; at += 8)
    hash = (rotl(hash ^ roundOf(0n, octets.readBigUInt64LE(at)), 27n) * P1 + P4) & MASK
  if (at + 4 <= octets.length) {
    hash = (rotl(hash ^ ((BigInt(octets.readUInt32LE(at)) * P1) & MASK), 23n) * P2 + P3) & MASK
    at += 4
  }
  for (; at < octets.length; at++) hash = (rotl(hash ^ ((BigInt(octets[at]!) * P5) & MASK), 11n) * P1) & MASK
  hash = ((hash ^ (hash >> 33n)) * P2) & MASK
  hash = ((hash ^ (hash >> 29n)) * P3) & MASK
  return hash ^ (hash >> 32n)
}

test("any octets, any seed, as the specification has it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (octets, seed) => {
      const buffer = Buffer.from(octets)
      expect(hex(buffer, seed)).toBe(reference(buffer, BigInt(seed)).toString(16).padStart(16, "0"))
    }),
    { numRuns: 2000 },
  )
})

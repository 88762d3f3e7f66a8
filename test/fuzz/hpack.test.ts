/**
 * Hostile header blocks. Our decoder and the plainest one that could be written take the same blocks: they must agree on
 * every field, on what is a fault and on the size of the table; nothing may throw, and the limits must hold.
 *
 * FUZZ_RUNS (default 100,000) is the number of cases, each of one to four blocks. FUZZ_SEED repeats a run: its seed is
 * printed.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import fc from "fast-check"
import { expect, test } from "vitest"
import { seededRandom } from "../../src/base/random.ts"
import { HpackDecoder, HpackEncoder } from "../../src/http2/hpack/index.ts"
import { agree, integer, LIMITS, PlainDecoder, report, string, TABLE_OCTETS } from "./oracles/plain-hpack.ts"

const numRuns = Number(process.env.FUZZ_RUNS ?? 100_000)
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
const TIMEOUT_MS = 60_000 + numRuns * 3

/** Well-formed pieces of blocks; some are faults where they stand. */
const PIECES = [1, 2, 4, 8, 61, 62, 62, 63, 126, 127].map((index) => integer(0x80, 0x7f, index))
const UPDATES = [0, 30, 50, 100, 199, 200, 201, 4096].map((octets) => integer(0x20, 0x1f, octets))
const EOS_IN_VALUE = [0x04, 0x84, 0xff, 0xff, 0xff, 0xff]
PIECES.push(...UPDATES, EOS_IN_VALUE)
for (const [pattern, mask] of [
  [0x40, 0x3f],
  [0x40, 0x3f],
  [0x00, 0x0f],
  [0x10, 0x0f],
] as const) {
  for (const value of [
    "",
    "a",
    "\u00ff\u0000\n",
    "www.example.com",
    "y".repeat(90),
    "z".repeat(170),
    "z".repeat(420),
  ]) {
    for (const coded of [false, true]) {
      for (const index of [1, 4, 28, 62]) {
        PIECES.push([...integer(pattern, mask, index), ...string(value, coded)])
      }
      for (const name of ["", "x-name", "n".repeat(180), "n".repeat(401)]) {
        PIECES.push([pattern, ...string(name, coded), ...string(value, !coded)])
      }
    }
  }
}

const octet = fc.nat({ max: 255 })
const edit = fc.record({
  at: fc.nat({ max: 400 }),
  octet,
  kind: fc.constantFrom("set", "insert", "remove", "cut"),
})
const block = fc
  .record({
    updates: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(fc.constantFrom(...UPDATES), { maxLength: 2 }) },
    ),
    pieces: fc.array(fc.constantFrom(...PIECES), { maxLength: 8, size: "max" }),
    edits: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 3, arbitrary: fc.array(edit, { maxLength: 3 }) },
    ),
  })
  .map(({ updates, pieces, edits }) => {
    const octets = [...updates, ...pieces].flat()
    for (const { at, octet, kind } of edits) {
      const position = at % (octets.length + 1)
      if (kind === "cut") octets.length = position
      else octets.splice(position, kind === "insert" ? 0 : 1, ...(kind === "remove" ? [] : [octet]))
    }
    return Uint8Array.from(octets)
  })
const noise = fc.uint8Array({ maxLength: 40 })
const step = fc.oneof(
  { weight: 10, arbitrary: block },
  { weight: 3, arbitrary: noise },
  { weight: 3, arbitrary: fc.constantFrom(0, 50, 200, 300) },
)

test(`random and mutated blocks: ${numRuns} cases, FUZZ_SEED=${seed}`, { timeout: TIMEOUT_MS }, () => {
  console.log(`hpack fuzz: FUZZ_RUNS=${numRuns} FUZZ_SEED=${seed}`)
  const seen = { blocks: 0, faults: new Map<string, number>(), overflows: 0 }
  const run = (steps: (Uint8Array | number)[]) => {
    const decoder = new HpackDecoder(TABLE_OCTETS)
    const plain = new PlainDecoder(TABLE_OCTETS)
    for (const step of steps) {
      if (typeof step === "number") {
        decoder.setMaxTableOctets(step)
        plain.setMaxTableOctets(step)
        continue
      }
      // Three times, so that what is remembered is compared as well.
      for (let time = 0; time < 3; time++) {
        const list = decoder.decode(step, 0, step.length, LIMITS)
        const expected = plain.decode(step)
        seen.blocks++
        if (list === null) seen.faults.set(decoder.fault, (seen.faults.get(decoder.fault) ?? 0) + 1)
        if (decoder.overflowed) seen.overflows++
        if (!agree(list, expected, decoder)) throw new Error(report(step, list, expected, decoder))
        if (list === null) return
      }
    }
  }
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 4 }), run), { numRuns, seed })
  console.log(`hpack fuzz: ${seen.blocks} blocks, ${seen.overflows} past the limits, faults`, seen.faults)
  // A generator that no longer reaches the corners would pass anything.
  if (numRuns >= 100_000) expect([...seen.faults.keys()].length).toBe(11)
})

test("a long life under hostile blocks takes no memory", { timeout: TIMEOUT_MS }, () => {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  const random = seededRandom(seed)
  const decoder = new HpackDecoder()
  const encoder = new HpackEncoder()
  const limits = { maxFields: 128, maxOctets: 65_536 }
  const live = (blocks: number) => {
    for (let i = 0; i < blocks; i++) {
      // New names and values for the tables, and lists that come again for the memories, as many as will fill both.
      const text = Math.floor(random() * 2 ** 40)
        .toString(36)
        .repeat(1 + Math.floor(random() * 40))
      const name = [...string(text, true), ...string(text, false)]
      const indexed = Uint8Array.from([0x40, ...name, 0xbe, 0xbe])
      const plain = Uint8Array.from([0x00, ...name, ...Array.from({ length: 10 }, () => 0xbe)])
      for (const block of [indexed, plain, plain, plain]) {
        const list = decoder.decode(block, 0, block.length, limits)!
        for (let time = 0; time < 3; time++) encoder.encode(list)
      }
      expect(decoder.tableOctets).toBeLessThanOrEqual(4096)
      expect(encoder.tableOctets).toBeLessThanOrEqual(4096)
    }
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = live(200)
  const after = live(1000)
  expect(after - before).toBeLessThan(2 ** 20)
})

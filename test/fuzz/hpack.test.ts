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
import type { HeaderList } from "../../src/http2/header-list.ts"
import { encodeHuffman } from "../../src/http2/hpack/huffman.ts"
import { HpackDecoder, HpackEncoder } from "../../src/http2/hpack/index.ts"
import { writeInteger } from "../../src/http2/hpack/integer.ts"
import { STATIC_NAMES, STATIC_VALUES } from "../../src/http2/hpack/static-table.ts"
import { seededRandom } from "../../src/random.ts"

const numRuns = Number(process.env.FUZZ_RUNS ?? 100_000)
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
const LIMITS = { maxFields: 8, maxOctets: 400 }
const TABLE_OCTETS = 200
const TIMEOUT_MS = 60_000 + numRuns

function integer(pattern: number, mask: number, value: number): number[] {
  const target = new Uint8Array(8)
  return [...target.subarray(0, writeInteger(target, 0, pattern, mask, value))]
}

function string(text: string, coded: boolean): number[] {
  const target = new Uint8Array(text.length * 4 + 8)
  const octets = coded
    ? target.subarray(0, encodeHuffman(text, target, 0, text.length * 4))
    : Buffer.from(text, "latin1")
  return [...integer(coded ? 0x80 : 0, 0x7f, octets.length), ...octets]
}

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

interface Expected {
  fields: string[]
  never: number[]
  overflowed: boolean
}

function agree(list: HeaderList | null, expected: Expected | null, decoder: HpackDecoder): boolean {
  if (list === null || expected === null) return list === null && expected === null && decoder.fault !== ""
  return (
    list.fields.length === expected.fields.length &&
    list.fields.every((text, i) => text === expected.fields[i]) &&
    [...(list.neverIndexed ?? [])].join() === expected.never.join() &&
    decoder.overflowed === expected.overflowed &&
    decoder.fault === "" &&
    list.octets <= LIMITS.maxOctets &&
    list.fields.length <= LIMITS.maxFields * 2
  )
}

function report(
  block: Uint8Array,
  list: HeaderList | null,
  expected: Expected | null,
  decoder: HpackDecoder,
): string {
  const ours = list === null ? decoder.fault : { fields: list.fields, overflowed: decoder.overflowed }
  return `${Buffer.from(block).toString("hex")}: ${JSON.stringify(ours)}, not ${JSON.stringify(expected)}`
}

class Fault extends Error {}

/** RFC 7541 word by word: arrays, no tables but the static one, no cleverness. A fault is thrown. */
class PlainDecoder {
  #table: [name: string, value: string][] = []
  #advertised: number
  #maximum: number
  #required: number | null = null
  #octets: Uint8Array = new Uint8Array()
  #position = 0

  constructor(octets: number) {
    this.#advertised = this.#maximum = octets
  }

  setMaxTableOctets(octets: number): void {
    this.#advertised = octets
    if (octets < (this.#required ?? this.#maximum)) this.#required = octets
  }

  decode(block: Uint8Array): Expected | null {
    this.#octets = block
    this.#position = 0
    try {
      return this.#block()
    } catch (error) {
      if (error instanceof Fault) return null
      throw error
    }
  }

  #block(): Expected {
    const result: Expected = { fields: [], never: [], overflowed: false }
    let room = LIMITS.maxOctets
    let updatesAllowed = true
    while (this.#position < this.#octets.length || this.#required !== null) {
      const first = BITS[this.#octets[this.#position]!] ?? ""
      if (first.startsWith("001") && updatesAllowed) {
        this.#update()
        continue
      }
      if (first.startsWith("001") || this.#required !== null) throw new Fault()
      updatesAllowed = false
      const [name, value] = first.startsWith("1") ? this.#entry(this.#integer(7)) : this.#literal(first)
      room -= name.length + value.length + 32
      if (room < 0 || result.fields.length === LIMITS.maxFields * 2) result.overflowed = true
      if (result.overflowed) continue
      if (first.startsWith("0001")) result.never.push(result.fields.length / 2)
      result.fields.push(name, value)
    }
    return result
  }

  #update(): void {
    const octets = this.#integer(5)
    if (octets > this.#advertised || octets > (this.#required ?? octets)) throw new Fault()
    this.#required = null
    this.#maximum = octets
    this.#evict()
  }

  #literal(first: string): [string, string] {
    const indexed = first.startsWith("01")
    const index = this.#integer(indexed ? 6 : 4)
    const name = index === 0 ? this.#string() : this.#entry(index)[0]
    const value = this.#string()
    if (indexed) this.#table.unshift([name, value])
    this.#evict()
    return [name, value]
  }

  #evict(): void {
    const size = () => this.#table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
    while (size() > this.#maximum) this.#table.pop()
  }

  #entry(index: number): [string, string] {
    if (index === 0 || index > 61 + this.#table.length) throw new Fault()
    return index <= 61 ? [STATIC_NAMES[index]!, STATIC_VALUES[index]!] : this.#table[index - 62]!
  }

  #octet(): number {
    const octet = this.#octets[this.#position++]
    if (octet === undefined) throw new Fault()
    return octet
  }

  #integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1
    let value = this.#octet() & mask
    if (value < mask) return value
    for (let i = 0; i < 5; i++) {
      const octet = this.#octet()
      value += (octet % 128) * 128 ** i
      if (value >= 2 ** 28) throw new Fault()
      if (octet < 128) return value
    }
    throw new Fault()
  }

  #string(): string {
    const coded = (this.#octets[this.#position] ?? 0) >= 128
    const length = this.#integer(7)
    const octets = this.#octets.subarray(this.#position, (this.#position += length))
    if (octets.length < length) throw new Fault()
    if (!coded) return String.fromCharCode(...octets)
    let text = ""
    let code = 1
    for (const octet of octets) {
      for (let bit = 7; bit >= 0; bit--) {
        code = code * 2 + ((octet >> bit) & 1)
        if (code === EOS) throw new Fault()
        const symbol = SYMBOLS.get(code)
        if (symbol === undefined) continue
        text += symbol
        code = 1
      }
    }
    if (!PADDINGS.includes(code)) throw new Fault()
    return text
  }
}

const BITS = Array.from({ length: 256 }, (_, octet) => octet.toString(2).padStart(8, "0"))
/** Codes as numbers: a one, then the code's bits. */
const SYMBOLS = new Map<number, string>()
const EOS = 2 ** 31 - 1
const PADDINGS = Array.from({ length: 8 }, (_, bits) => 2 ** (bits + 1) - 1)
for (let octet = 0; octet < 256; octet++) {
  const symbol = String.fromCharCode(octet)
  const octetsOf = (text: string) => string(text, true).slice(1)
  const bits = octetsOf(symbol).map((octet) => BITS[octet])
  // Eight codes in a row take as many octets as one takes bits.
  const code = bits.join("").slice(0, octetsOf(symbol.repeat(8)).length)
  SYMBOLS.set(Number.parseInt(`1${code}`, 2), symbol)
}

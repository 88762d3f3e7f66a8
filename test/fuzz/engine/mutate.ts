import type { Random } from "../../../src/base/random.ts"

/** What mutations are made of. */
export interface Material {
  readonly random: Random
  readonly words: readonly Buffer[]
  /** Another input, to take a part from. */
  readonly other: Buffer
  readonly maxOctets: number
}

/** Makes another input of `octets`, which stays as it is. */
export type Mutator = (octets: Buffer, material: Material) => Buffer

/** 0 up to `below`, without it. */
export const upTo = (random: Random, below: number): number => Math.floor(random() * below)

export const pick = <T>(random: Random, from: readonly T[]): T => from[upTo(random, from.length)]!

const ODD_NUMBERS = [
  0, 1, 2, 3, 4, 5, 9, 16, 31, 32, 63, 64, 127, 128, 255, 256, 16_383, 16_384, 16_385, 32_767,
]
ODD_NUMBERS.push(32_768, 65_535, 65_536, 2 ** 24 - 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1)
const CHANGES_MAX = 5

/** One to 32 small changes, most often few. */
export const mutateOctets: Mutator = (octets, material) => {
  const { random, maxOctets } = material
  let changed = octets
  const changes = 1 << upTo(random, CHANGES_MAX + 1)
  for (let i = 0; i < changes; i++) changed = pick(random, CHANGES)(changed, material)
  return changed.subarray(0, maxOctets)
}

const replace = (octets: Buffer, at: number, removed: number, inserted: Uint8Array): Buffer =>
  Buffer.concat([octets.subarray(0, at), inserted, octets.subarray(at + removed)])

/** A part of `octets`; short ones are more likely. */
function part(octets: Buffer, random: Random): Buffer {
  const start = upTo(random, octets.length)
  const most = random() < 0.75 ? Math.min(32, octets.length - start) : octets.length - start
  return octets.subarray(start, start + 1 + upTo(random, most))
}

function setOctet(octets: Buffer, random: Random, change: (octet: number) => number): Buffer {
  if (octets.length === 0) return Buffer.from([change(0)])
  const changed = Buffer.from(octets)
  const at = upTo(random, changed.length)
  changed[at] = change(changed[at]!)
  return changed
}

function setNumber(octets: Buffer, { random }: Material): Buffer {
  const length = Math.min(1 + upTo(random, 4), octets.length)
  if (length === 0) return octets
  const changed = Buffer.from(octets)
  const at = upTo(random, changed.length - length + 1)
  changed.writeUIntBE(pick(random, ODD_NUMBERS) % 256 ** length, at, length)
  return changed
}

/** A decimal number that stands there becomes another. */
function setDecimal(octets: Buffer, { random }: Material): Buffer {
  const isDigit = (at: number): boolean => octets[at]! >= 0x30 && octets[at]! <= 0x39
  const from = upTo(random, octets.length)
  for (let start = from; start < octets.length; start++) {
    if (!isDigit(start)) continue
    let end = start
    while (end < octets.length && isDigit(end)) end++
    return replace(octets, start, end - start, Buffer.from(String(pick(random, ODD_NUMBERS))))
  }
  return octets
}

const CHANGES: readonly Mutator[] = [
  (octets, { random }) => setOctet(octets, random, (octet) => octet ^ (1 << upTo(random, 8))),
  (octets, { random }) => setOctet(octets, random, () => upTo(random, 256)),
  (octets, { random }) => setOctet(octets, random, (octet) => (octet + upTo(random, 33) - 16) & 0xff),
  setNumber,
  setDecimal,
  // Removes a part.
  (octets, { random }) => {
    if (octets.length === 0) return octets
    const { length } = part(octets, random)
    return replace(octets, upTo(random, octets.length - length + 1), length, Buffer.alloc(0))
  },
  // Puts in a part of its own, or of another, or writes it over what stands there.
  (octets, { random, other }) => {
    const from = random() < 0.5 ? octets : other
    if (from.length === 0) return octets
    const inserted = part(from, random)
    const removed = random() < 0.5 ? inserted.length : 0
    return replace(octets, upTo(random, octets.length + 1), removed, inserted)
  },
  // The same many times.
  (octets, { random, maxOctets }) => {
    if (octets.length === 0) return octets
    const repeated = part(octets, random)
    const times = Math.min(1 << upTo(random, 8), Math.floor(maxOctets / repeated.length))
    const inserted = Buffer.concat(Array.from({ length: times }, () => repeated))
    return replace(octets, upTo(random, octets.length + 1), 0, inserted).subarray(0, maxOctets)
  },
  putWord,
  putWord,
  putWord,
  // The beginning of one and the end of another.
  (octets, { random, other }) =>
    Buffer.concat([
      octets.subarray(0, upTo(random, octets.length + 1)),
      other.subarray(upTo(random, other.length + 1)),
    ]),
]

function putWord(octets: Buffer, { random, words }: Material): Buffer {
  if (words.length === 0) return octets
  const word = pick(random, words)
  return replace(octets, upTo(random, octets.length + 1), random() < 0.4 ? word.length : 0, word)
}

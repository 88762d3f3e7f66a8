/** A set of octets: 1 at the index of each that is in it. */
export type OctetSet = Uint8Array

export function emptySet(): OctetSet {
  return new Uint8Array(256)
}

export function setOf(test: (octet: number) => boolean): OctetSet {
  const set = emptySet()
  for (let octet = 0; octet < 256; octet++) if (test(octet)) set[octet] = 1
  return set
}

/** Inclusive. */
export function addRange(set: OctetSet, first: number, last: number): void {
  for (let octet = first; octet <= last; octet++) set[octet] = 1
}

export function addAll(set: OctetSet, other: OctetSet): void {
  for (let octet = 0; octet < 256; octet++) if (other[octet] === 1) set[octet] = 1
}

export function complement(set: OctetSet): OctetSet {
  return setOf((octet) => set[octet] === 0)
}

export function intersects(one: OctetSet, other: OctetSet): boolean {
  for (let octet = 0; octet < 256; octet++) if (one[octet] === 1 && other[octet] === 1) return true
  return false
}

/** The other case of an ASCII letter; PCRE's tables know no other letters. */
export function otherCase(octet: number): number {
  const lower = octet | 0x20
  return lower >= 0x61 && lower <= 0x7a ? octet ^ 0x20 : octet
}

export function foldCase(set: OctetSet): OctetSet {
  return setOf((octet) => set[octet] === 1 || set[otherCase(octet)] === 1)
}

const singles = new Map<number, OctetSet>()

/** The same object for the same octet. */
export function single(octet: number, isCaseless: boolean): OctetSet {
  const number = isCaseless ? octet + 256 : octet
  const known = singles.get(number)
  if (known !== undefined) return known
  const set = emptySet()
  set[octet] = 1
  if (isCaseless) set[otherCase(octet)] = 1
  singles.set(number, set)
  return set
}

const keys = new WeakMap<OctetSet, string>()

/** Equal for equal sets. */
export function keyOf(set: OctetSet): string {
  const known = keys.get(set)
  if (known !== undefined) return known
  const key = Buffer.from(set).toString("latin1")
  keys.set(set, key)
  return key
}

/** The one octet of a set, or -1 where it has none or several. */
export function onlyOctet(set: OctetSet): number {
  const first = set.indexOf(1)
  return first >= 0 && set.indexOf(1, first + 1) < 0 ? first : -1
}

const isDigit = (octet: number): boolean => octet >= 0x30 && octet <= 0x39
const isUpper = (octet: number): boolean => octet >= 0x41 && octet <= 0x5a
const isLower = (octet: number): boolean => octet >= 0x61 && octet <= 0x7a
const isAlpha = (octet: number): boolean => isUpper(octet) || isLower(octet)
const isSpace = (octet: number): boolean => octet === 0x20 || (octet >= 9 && octet <= 13)
const isGraph = (octet: number): boolean => octet > 0x20 && octet < 0x7f
const isWordOctet = (octet: number): boolean => isAlpha(octet) || isDigit(octet) || octet === 0x5f

export const anyOctet = setOf(() => true)
export const notNewline = setOf((octet) => octet !== 0x0a)
export const wordOctets = setOf(isWordOctet)

/** By the letter of the escape; the capital is the complement. */
export const escapedSets: ReadonlyMap<string, OctetSet> = new Map([
  ["d", setOf(isDigit)],
  ["w", wordOctets],
  ["s", setOf(isSpace)],
  ["h", setOf((octet) => octet === 9 || octet === 0x20 || octet === 0xa0)],
  ["v", setOf((octet) => (octet >= 10 && octet <= 13) || octet === 0x85)],
])

/** By the name between `[:` and `:]`. */
export const posixSets: ReadonlyMap<string, OctetSet> = new Map([
  ["alpha", setOf(isAlpha)],
  ["lower", setOf(isLower)],
  ["upper", setOf(isUpper)],
  ["alnum", setOf((octet) => isAlpha(octet) || isDigit(octet))],
  ["ascii", setOf((octet) => octet < 0x80)],
  ["blank", setOf((octet) => octet === 9 || octet === 0x20)],
  ["cntrl", setOf((octet) => octet < 0x20 || octet === 0x7f)],
  ["digit", setOf(isDigit)],
  ["graph", setOf(isGraph)],
  ["print", setOf((octet) => isGraph(octet) || octet === 0x20)],
  ["punct", setOf((octet) => isGraph(octet) && !isAlpha(octet) && !isDigit(octet))],
  ["space", setOf(isSpace)],
  ["word", wordOctets],
  ["xdigit", setOf((octet) => isDigit(octet) || ((octet | 0x20) >= 0x61 && (octet | 0x20) <= 0x66))],
])

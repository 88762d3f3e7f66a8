/** A number as RFC 8259 §6 writes it. */
const NUMBER = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/
/** Of the longest integer of 64 bits; more is past every range. */
const DIGITS_MAX = 20
const PAST_EVERY_RANGE = 1n << 80n
/** Of floats of 32 bits: up to here every integer is one; below this they lose digits. */
const EXACT_MAX = 2 ** 24
const SUBNORMAL_MAX = 2 ** -126
/** Digits that tell every one from its neighbours, and those with which to begin. */
const FLOAT_DIGITS = { least: 6, most: 9 }

/**
 * The exact value of a number that has no fraction, however it is written: `100`, `1e2`, `100.0`. Null: it is no number,
 * or has a fraction. Past 64 bits some value that no range has.
 */
export function integerOf(text: string): bigint | null {
  const parts = NUMBER.exec(text)
  if (parts === null) return null
  const [, sign, whole, fraction = "", exponent = "0"] = parts
  const digits = `${whole}${fraction}`.replace(/^0+/, "")
  if (digits === "") return 0n
  const significant = digits.replace(/0+$/, "")
  const zeros = digits.length - significant.length - fraction.length + Number(exponent)
  if (zeros < 0) return null
  const value =
    significant.length + zeros > DIGITS_MAX ? PAST_EVERY_RANGE : BigInt(significant) * 10n ** BigInt(zeros)
  return sign === "-" ? -value : value
}

/** The value of a float or double in JSON; null: it is none, or out of range. `isQuoted`: it may be NaN and infinite. */
export function floatOf(text: string, isQuoted: boolean, isSingle: boolean): number | null {
  if (isQuoted) {
    if (text === "NaN") return Number.NaN
    if (text === "Infinity") return Number.POSITIVE_INFINITY
    if (text === "-Infinity") return Number.NEGATIVE_INFINITY
  }
  if (!NUMBER.test(text)) return null
  const value = Number(text)
  return Number.isFinite(isSingle ? Math.fround(value) : value) ? value : null
}

/** As JSON: the shortest text that is this number again. */
export function doubleText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : String(value)
  if (Number.isNaN(value)) return '"NaN"'
  return value > 0 ? '"Infinity"' : '"-Infinity"'
}

/** The same for 32 bits: 0.1, which as a double is 0.10000000149011612. */
export function floatText(value: number): string {
  const magnitude = Math.abs(value)
  if (!Number.isFinite(value) || (Number.isInteger(value) && magnitude < EXACT_MAX)) return doubleText(value)
  // Near zero a float has fewer.
  for (
    let digits = magnitude < SUBNORMAL_MAX ? 1 : FLOAT_DIGITS.least;
    digits < FLOAT_DIGITS.most;
    digits++
  ) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return doubleText(short)
  }
  return doubleText(Number(value.toPrecision(FLOAT_DIGITS.most)))
}

const TWO_32 = 2 ** 32
const SAFE_HIGH = 2 ** 21

export function uint64Text(low: number, high: number): string {
  if (high < SAFE_HIGH) return String(high * TWO_32 + low)
  return ((BigInt(high) << 32n) | BigInt(low)).toString()
}

export function int64Text(low: number, high: number): string {
  if (high < 0x80000000) return uint64Text(low, high)
  return `-${uint64Text(-low >>> 0, (~high + (low === 0 ? 1 : 0)) >>> 0)}`
}

/** Signed. Not exact past 2^53. */
export function int64Number(low: number, high: number): number {
  return (high | 0) * TWO_32 + low
}

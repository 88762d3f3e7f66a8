import type { Steps } from "../../base/steps.ts"

/** Of more there would be more places to write at than pages that are at hand. */
const DIGIT_BITS = 8
const DIGITS = 2 ** DIGIT_BITS
/** So many are looked at, or moved, in one step. */
const ITEMS_PER_STEP = 1024

/** Hashes of 32 bits, each with what belongs to it. */
export interface Hashed {
  readonly hashes: Uint32Array
  readonly values: Uint32Array
}

/** Room for so many, with anything in it: to write zeros over millions is a turn by itself. */
export function roomFor(count: number): Hashed {
  const words = (): Uint32Array =>
    new Uint32Array(Buffer.allocUnsafeSlow(count * Uint32Array.BYTES_PER_ELEMENT).buffer, 0, count)
  return { hashes: words(), values: words() }
}

/**
 * Sorts by hash; those that tie stay in their order. What is given is spent. A radix sort: each is moved four times, where
 * a merge of millions moves it twenty times.
 */
export function* sortByHash(given: Hashed): Steps<Hashed> {
  const { length } = given.hashes
  let from = given
  let into = roomFor(length)
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    const places = yield* placesOf(from.hashes, shift)
    for (let at = 0; at < length; at += ITEMS_PER_STEP) {
      move(from, into, places, shift, at, Math.min(at + ITEMS_PER_STEP, length))
      yield
    }
    ;[from, into] = [into, from]
  }
  return from
}

/** For each value of a digit, the place of the first hash that has it. */
function* placesOf(hashes: Uint32Array, shift: number): Steps<Uint32Array> {
  const places = new Uint32Array(DIGITS + 1)
  for (let at = 0; at < hashes.length; at += ITEMS_PER_STEP) {
    count(hashes, places, shift, at, Math.min(at + ITEMS_PER_STEP, hashes.length))
    yield
  }
  for (let digit = 1; digit <= DIGITS; digit++) places[digit]! += places[digit - 1]!
  return places
}

/** One place on: the counts of all smaller digits are the place of the next. */
function count(hashes: Uint32Array, counts: Uint32Array, shift: number, from: number, to: number): void {
  for (let at = from; at < to; at++) counts[((hashes[at]! >>> shift) & (DIGITS - 1)) + 1]!++
}

function move(
  from: Hashed,
  into: Hashed,
  places: Uint32Array,
  shift: number,
  start: number,
  end: number,
): void {
  for (let at = start; at < end; at++) {
    const hash = from.hashes[at]!
    const place = places[(hash >>> shift) & (DIGITS - 1)]!++
    into.hashes[place] = hash
    into.values[place] = from.values[at]!
  }
}

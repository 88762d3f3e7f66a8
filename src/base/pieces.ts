/** Items of one list of a value, or entries of one map of it, in their order. */
export interface Piece {
  /** Where it is: keys and indexes, from the outside. */
  readonly path: readonly (string | number)[]
  readonly items: readonly unknown[]
}

/** A value whose long lists and maps come after it. */
export interface Cut<Value> {
  readonly head: Value
  /** In this order, each together: what is within an item comes after the item. */
  readonly parts: readonly (readonly Piece[])[]
}

/** Lists and maps that are shorter stay where they are. */
const LONG = 16

/**
 * Cuts plain data into parts of some `valuesMost` values (texts, numbers, lists, maps) each, so that who takes it over is not
 * held up by the whole. A value that is there many times counts once in a part, as a structured clone has it. What is small is
 * not cut; neither is a single item. The value stays as it was.
 */
export function cutInParts<Value>(value: Value, valuesMost: number): Cut<Value> {
  const measure: Measure = { weights: new Map(), shared: new Set(), valuesMost }
  if (weigh(value, measure) <= valuesMost) return { head: value, parts: [] }
  const pieces: Piece[] = []
  const head = cut(value, [], pieces, measure) as Value
  return { head, parts: packed(pieces, valuesMost) }
}

/** Puts back what was cut out. The value is as it was once all parts have been. */
export function joinPart(head: unknown, part: readonly Piece[]): void {
  for (const { path, items } of part) {
    let place = head as Record<string | number, unknown>
    for (const key of path) place = place[key] as typeof place
    if (Array.isArray(place)) place.push(...items)
    else for (const [key, value] of items as [string, unknown][]) setOwn(place, key, value)
  }
}

/** As written, also where the key is `__proto__`. */
function setOwn(place: object, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(place, key, { value, enumerable: true, writable: true, configurable: true })
  else (place as Record<string, unknown>)[key] = value
}

interface Measure {
  readonly weights: Map<object, number>
  /** Those that are there more than once: a copy for each place would be many for one. */
  readonly shared: Set<object>
  readonly valuesMost: number
}

/** How many values it holds, itself included. */
function weigh(value: unknown, measure: Measure): number {
  if (typeof value !== "object" || value === null) return 1
  const { weights, shared } = measure
  const known = weights.get(value)
  if (known !== undefined) {
    shared.add(value)
    return known
  }
  let sum = 1
  if (isPlain(value)) for (const each of Object.values(value)) sum += weigh(each, measure)
  weights.set(value, sum)
  return sum
}

/** A copy without its long lists and maps; what has none is taken as it is. */
function cut(value: unknown, path: readonly (string | number)[], pieces: Piece[], measure: Measure): unknown {
  const { weights, shared, valuesMost } = measure
  if (typeof value !== "object" || value === null || !isPlain(value)) return value
  if (weights.get(value)! <= (shared.has(value) ? valuesMost : valuesMost / LONG)) return value
  const within: Piece[] = []
  const isList = Array.isArray(value)
  const entries: [string | number, unknown][] = isList ? [...value.entries()] : Object.entries(value)
  const isLong = entries.length >= LONG
  const kept = entries.map(([key, each]): [string | number, unknown] => [
    key,
    cut(each, [...path, key], isLong ? within : pieces, measure),
  ])
  const items = isList ? kept.map(([, each]) => each) : kept
  if (!isLong) return isList ? items : Object.fromEntries(kept)
  for (const batch of batches(items, valuesMost)) pieces.push({ path, items: batch })
  pieces.push(...within)
  return isList ? [] : {}
}

function batches(items: readonly unknown[], valuesMost: number): unknown[][] {
  const all: unknown[][] = []
  let seen = new Set<object>()
  let sum = Number.POSITIVE_INFINITY
  for (const item of items) {
    let weight = weighNew(item, seen)
    if (sum + weight > valuesMost) {
      seen = new Set()
      weight = weighNew(item, seen)
      all.push([])
      sum = 0
    }
    all.at(-1)!.push(item)
    sum += weight
  }
  return all
}

/** How many values it holds that were not yet `seen`; they are from now on. */
function weighNew(value: unknown, seen: Set<object>): number {
  if (typeof value !== "object" || value === null || seen.has(value)) return 1
  seen.add(value)
  if (!isPlain(value)) return 1
  let sum = 1
  for (const each of Object.values(value)) sum += weighNew(each, seen)
  return sum
}

/** Small pieces go together. */
function packed(pieces: readonly Piece[], valuesMost: number): Piece[][] {
  const parts: Piece[][] = []
  let sum = Number.POSITIVE_INFINITY
  for (const piece of pieces) {
    const weight = weighNew(piece.items, new Set())
    if (sum + weight > valuesMost) {
      parts.push([])
      sum = 0
    }
    parts.at(-1)!.push(piece)
    sum += weight
  }
  return parts
}

function isPlain(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
}

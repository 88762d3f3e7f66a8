/** Items of one list of a value, in their order. */
export interface Piece {
  /** Where the list is: keys and indexes, from the outside. */
  readonly path: readonly (string | number)[]
  readonly items: readonly unknown[]
}

/** A value whose long lists come after it. */
export interface Cut<Value> {
  readonly head: Value
  /** In this order, each together: what is within an item comes after the item. */
  readonly parts: readonly (readonly Piece[])[]
}

/** Lists that are shorter stay where they are. */
const LONG = 16

/**
 * Cuts plain data into parts of some `valuesMost` values (texts, numbers, lists, maps) each, so that who takes it over is not
 * held up by the whole. What is small is not cut; neither is a single item, or a map of many keys. The value stays as it was.
 */
export function cutInParts<Value>(value: Value, valuesMost: number): Cut<Value> {
  const weights = new Map<object, number>()
  if (weigh(value, weights) <= valuesMost) return { head: value, parts: [] }
  const pieces: Piece[] = []
  const head = cut(value, [], pieces, { weights, valuesMost }) as Value
  return { head, parts: packed(pieces, { weights, valuesMost }) }
}

/** Puts back what was cut out. The value is as it was once all parts have been. */
export function joinPart(head: unknown, part: readonly Piece[]): void {
  for (const { path, items } of part) {
    let place = head as Record<string | number, unknown>
    for (const key of path) place = place[key] as typeof place
    ;(place as unknown as unknown[]).push(...items)
  }
}

interface Measure {
  readonly weights: Map<object, number>
  readonly valuesMost: number
}

/** How many values it holds, itself included. */
function weigh(value: unknown, weights: Map<object, number>): number {
  if (typeof value !== "object" || value === null) return 1
  const known = weights.get(value)
  if (known !== undefined) return known
  let sum = 1
  if (isPlain(value)) for (const each of Object.values(value)) sum += weigh(each, weights)
  weights.set(value, sum)
  return sum
}

/** A copy without its long lists; what has none is taken as it is. */
function cut(value: unknown, path: readonly (string | number)[], pieces: Piece[], measure: Measure): unknown {
  const { weights, valuesMost } = measure
  if (typeof value !== "object" || value === null || !isPlain(value)) return value
  if (weights.get(value)! <= valuesMost / LONG) return value
  if (!Array.isArray(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, cut(each, [...path, key], pieces, measure)]),
    )
  if (value.length < LONG) return value.map((each, at) => cut(each, [...path, at], pieces, measure))
  const within: Piece[] = []
  const items = value.map((each, at) => cut(each, [...path, at], within, measure))
  let batch: unknown[] = []
  let sum = 0
  for (const item of items) {
    const weight = weigh(item, weights)
    if (batch.length > 0 && sum + weight > valuesMost) {
      pieces.push({ path, items: batch })
      batch = []
      sum = 0
    }
    batch.push(item)
    sum += weight
  }
  pieces.push({ path, items: batch }, ...within)
  return []
}

/** Small pieces go together. */
function packed(pieces: readonly Piece[], { weights, valuesMost }: Measure): Piece[][] {
  const parts: Piece[][] = []
  let sum = Number.POSITIVE_INFINITY
  for (const piece of pieces) {
    const weight = piece.items.reduce<number>((all, item) => all + weigh(item, weights), 1)
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

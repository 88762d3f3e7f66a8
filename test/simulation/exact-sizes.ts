import type { Chance } from "./chance.ts"
import type { Piece } from "./plan.ts"

/** Sizes of one run that meet its windows exactly: what is off by one shows only there. */
export interface ExactSizes {
  /** What most windows of the run are, and what bodies come to, or one more or less. */
  readonly window: number
  /** Of a window: bodies are cut here, and SETTINGS leave streams with so much of debt. */
  readonly part: number
  /** For `makePlan` to choose from. */
  readonly windows: readonly number[]
}

/** From the least there is to the one that all connections start with, by way of the largest frame. */
const SIZES = [1, 2, 7, 100, 16_384, 16_385, 65_535, 65_535, 65_535] as const

const WIDE = 16_384

export function makeExactSizes(chance: Chance): ExactSizes {
  const window = chance.of(SIZES)
  const wide = window >= WIDE ? [65_535, 262_144] : [2 * window]
  // A large body through the narrow rest of a wide window would take a run too long.
  const part = chance.whole(1, window >= WIDE ? window >> 1 : window)
  return { window, part, windows: [window, window, window, window + 1, ...wide] }
}

/** A body that uses a window up, but for one octet, to the last, or by one octet too many. */
export function exactPieces(chance: Chance, { window, part }: ExactSizes): Piece[] {
  const total = Math.max(1, window + chance.of([-1, 0, 0, 0, 1]))
  const cut = Math.min(part, total - 1)
  const sizes = chance.of([[total], [cut, total - cut], [total - cut, cut], [total, cut]])
  return sizes
    .filter((octets) => octets > 0)
    .map((octets) => ({ afterMs: chance.likely(0.6) ? 0 : chance.small(0, 300), octets, padding: 0 }))
}

/** After such a body: a window of just nothing, one octet, or `part` octets of debt. */
export function exactWindow(chance: Chance, { window, part }: ExactSizes): number {
  return chance.of([
    0,
    window < WIDE ? 1 : 0,
    window - part,
    window - part,
    Math.max(0, window - 1),
    window + 1,
  ])
}

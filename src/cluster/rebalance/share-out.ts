/**
 * Shares `many` things out in proportion to `sizes`, whole numbers: each gets the floor or the ceiling of its share, and never
 * more than its size where `many` is not above their sum. `offset`, from 0 to 1, decides who gets the ceiling. Pure.
 *
 * Source: systematic sampling: points at even distances, from a random beginning.
 */
export function shareOut(many: number, sizes: readonly number[], offset: number): number[] {
  const sum = sizes.reduce((total, size) => total + size, 0)
  if (many === 0 || sum === 0) return sizes.map(() => 0)
  const pointsBefore = (until: number): number => Math.max(0, Math.ceil((until * many) / sum - offset))
  let passed = 0
  let dealt = 0
  return sizes.map((size) => {
    passed += size
    // The last gets what is left: a product of fractions may miss a whole number.
    const until = passed === sum ? many : Math.min(many, pointsBefore(passed))
    const share = until - dealt
    dealt = until
    return share
  })
}

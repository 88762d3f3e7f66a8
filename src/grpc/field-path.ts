/** The numbers of a field and of those it lies within, outermost first: `4` is [4], `2.1` is [2, 1]. */
export type FieldPath = readonly number[]

/** Reads a path that the configuration has checked; null: it has names, of which the numbers are not known here. */
export function parseFieldPath(text: string): FieldPath | null {
  const path = text.split(".").map(Number)
  return path.some(Number.isNaN) ? null : path
}

/** The value of a field as it stands on the wire: of wire type LENGTH its contents, else its octets. Never empty or 0. */
export interface FieldValue {
  readonly wireType: number
  readonly octets: Buffer
}

/** The numbers of a field and of those it lies within, outermost first: `4` is [4], `2.1` is [2, 1]. */
export type FieldPath = readonly number[]

/** Reads a path that the configuration has checked. */
export function parseFieldPath(text: string): FieldPath {
  return text.split(".").map(Number)
}

/** The value of a field as it stands on the wire: of wire type LENGTH its contents, else its octets. Never empty or 0. */
export interface FieldValue {
  readonly wireType: number
  readonly octets: Buffer
}

/** The static table. Source: RFC 7541 §2.3.1 and Appendix A. */

/** Index 1 to 61; index 0 is not a field. */
// biome-ignore format: one field to a row, as in the appendix
const FIELDS: readonly (readonly [name: string, value: string])[] = [
  ["", ""],
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
]

/** The last index of the static table; the dynamic table starts after it. */
export const STATIC_LENGTH = 61

export const STATIC_NAMES: readonly string[] = FIELDS.map(([name]) => name)
export const STATIC_VALUES: readonly string[] = FIELDS.map(([, value]) => value)

/** A name of the static table: its values stand at `index`, `index + 1` and so on. */
export interface StaticName {
  readonly index: number
  readonly values: readonly string[]
}

/** For the encoder: every static name with its values. */
export const STATIC_BY_NAME: ReadonlyMap<string, StaticName> = groupByName()

function groupByName(): Map<string, StaticName> {
  const byName = new Map<string, { index: number; values: string[] }>()
  for (let index = 1; index <= STATIC_LENGTH; index++) {
    const known = byName.get(STATIC_NAMES[index]!)
    if (known === undefined) byName.set(STATIC_NAMES[index]!, { index, values: [STATIC_VALUES[index]!] })
    else known.values.push(STATIC_VALUES[index]!)
  }
  return byName
}

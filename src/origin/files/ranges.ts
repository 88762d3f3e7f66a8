/** Which octets of a file are asked for. Source: ngx_http_range_filter_module.c (ngx_http_range_parse), RFC 9110 §14.1.2. */

/** From `start` up to, but without, `end`. */
export interface OctetRange {
  readonly start: number
  readonly end: number
}

const UNIT = /^bytes=(?=.)/i
/** No two runs of spaces meet in it, so that a client's spaces are looked at once each. */
export const RANGE = /^ *(?:(\d{1,15}) *-(?: *(\d{1,15}))?|-(\d{1,15})) *$/

/**
 * @param octets of the file; more than 0
 * @param most ranges that are sent
 * @returns `whole`: the file is sent without regard to ranges; `none`: it has none of them (416)
 */
export function readRanges(
  written: string | undefined,
  octets: number,
  most: number,
): OctetRange[] | "whole" | "none" {
  if (written === undefined || most === 0 || !UNIT.test(written)) return "whole"
  const ranges: OctetRange[] = []
  for (const each of written.slice("bytes=".length).split(",")) {
    const found = RANGE.exec(each)
    if (found === null) return "none"
    const [, first, last, suffix] = found
    const start = suffix === undefined ? Number(first) : Math.max(0, octets - Number(suffix))
    const end = last === undefined ? octets : Math.min(octets, Number(last) + 1)
    if (start < end) ranges.push({ start, end })
    else if (start === 0) return "whole"
    if (ranges.length > most) return "whole"
  }
  if (ranges.length === 0) return "none"
  const asked = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  // Who asks for more than all of it would have more sent than there is.
  return ranges.length > 1 && asked > octets ? "whole" : ranges
}

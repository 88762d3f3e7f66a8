/** nginx's numbers with units. Each reader gives null for what nginx would refuse. */

/** So many digits are in range whatever they are. */
const EXACT_DIGITS = 15

/** Digits alone, up to what a 64-bit integer holds in nginx; beyond 2^53 the nearest double. */
export function readNumber(text: string): number | null {
  if (!/^[0-9]+$/.test(text)) return null
  if (text.length > EXACT_DIGITS && (text.length > 40 || BigInt(text) > INT64_MAX)) return null
  return Number(text)
}

/** `8k`, `1m`, in octets. */
export function readSize(text: string): number | null {
  return readScaled(text, { k: 1024, m: 1024 ** 2 })
}

/** As a size, and `2g`. */
export function readOffset(text: string): number | null {
  return readScaled(text, { k: 1024, m: 1024 ** 2, g: 1024 ** 3 })
}

function readScaled(text: string, units: Record<string, number>): number | null {
  const scale = units[text.slice(-1).toLowerCase()]
  const number = readNumber(scale === undefined ? text : text.slice(0, -1))
  if (number === null || number * (scale ?? 1) > Number(INT64_MAX)) return null
  return number * (scale ?? 1)
}

/**
 * `1h 30m`, `90s`, `500ms`, `90`, in milliseconds; each unit at most once, from the largest to the smallest. A bare number is
 * seconds.
 */
export function readTimeMs(text: string): number | null {
  return readTime(text, false)
}

/** As `readTimeMs`, for directives that count whole seconds: no `ms`, but `y` and `M`. Still in milliseconds. */
export function readSecondsMs(text: string): number | null {
  return readTime(text, true)
}

/** From the largest; the rank is the place. */
const TIME_UNITS: [name: string, seconds: number][] = [
  ["y", 365 * 86_400],
  ["M", 30 * 86_400],
  ["w", 7 * 86_400],
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
  ["ms", 0.001],
]
const SMALLEST_WITHOUT_MONTHS = 2

function readTime(text: string, wholeSeconds: boolean): number | null {
  let rank = wholeSeconds ? -1 : SMALLEST_WITHOUT_MONTHS - 1
  let totalMs = 0
  let digitsSeen = false
  let rest = text
  while (rest !== "") {
    const part = /^([0-9]*)(ms|[yMwdhms]| |$) */.exec(rest)
    if (part === null) return null
    const unit = part[2] === "" || part[2] === " " ? "s" : part[2]
    const unitRank = TIME_UNITS.findIndex(([name]) => name === unit)
    const number = part[1] === "" ? 0 : readNumber(part[1]!)
    if (number === null || (wholeSeconds && unit === "ms")) return null
    if (part[2] !== "" && unitRank <= rank) return null
    digitsSeen ||= part[1] !== ""
    rank = part[2] === " " ? TIME_UNITS.length : unitRank
    totalMs += number * TIME_UNITS[unitRank]![1] * 1000
    rest = rest.slice(part[0].length)
  }
  const max = wholeSeconds ? Number(INT64_MAX) * 1000 : Number(INT64_MAX)
  return digitsSeen && totalMs <= max ? Math.round(totalMs) : null
}

const INT64_MAX = 2n ** 63n - 1n

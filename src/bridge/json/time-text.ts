/** Both forms are of RFC 3339 and protobuf.dev/programming-guides/json; the ranges are of timestamp.proto and duration.proto. */

export interface SecondsAndNanos {
  /** Exact in a double, within the ranges. */
  readonly seconds: number
  readonly nanos: number
}

const TIMESTAMP =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/
const DURATION = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/
const TIMESTAMP_RANGE = { min: -62_135_596_800, max: 253_402_300_799 }
const DURATION_SECONDS_MAX = 315_576_000_000
const NANOS = 1_000_000_000

/** Null: it is none, or out of range. */
export function readTimestamp(text: string): SecondsAndNanos | null {
  const parts = TIMESTAMP.exec(text)
  if (parts === null) return null
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const offset = Number(parts[9] ?? 0) * 3600 + Number(parts[10] ?? 0) * 60
  if (hour > 23 || minute > 59 || second > 59 || Number(parts[9] ?? 0) > 23 || Number(parts[10] ?? 0) > 59)
    return null
  const midnight = new Date(0)
  midnight.setUTCFullYear(year, month - 1, day)
  // A day that the month does not have is one of the next.
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return null
  const local = midnight.getTime() / 1000 + hour * 3600 + minute * 60 + second
  const seconds = parts[8] === "-" ? local + offset : local - offset
  if (seconds < TIMESTAMP_RANGE.min || seconds > TIMESTAMP_RANGE.max) return null
  return { seconds, nanos: nanosOf(parts[7]) }
}

/** Null: it is none, or out of range. */
export function readDuration(text: string): SecondsAndNanos | null {
  const parts = DURATION.exec(text)
  if (parts === null) return null
  const seconds = Number(parts[2])
  if (seconds > DURATION_SECONDS_MAX) return null
  const nanos = nanosOf(parts[3])
  return parts[1] === "-" ? { seconds: 0 - seconds, nanos: 0 - nanos } : { seconds, nanos }
}

/** Null: out of range. */
export function timestampText({ seconds, nanos }: SecondsAndNanos): string | null {
  if (seconds < TIMESTAMP_RANGE.min || seconds > TIMESTAMP_RANGE.max || nanos < 0 || nanos >= NANOS)
    return null
  return `${new Date(seconds * 1000).toISOString().slice(0, "0000-00-00T00:00:00".length)}${fractionOf(nanos)}Z`
}

/** Null: out of range, or the parts have different signs. */
export function durationText({ seconds, nanos }: SecondsAndNanos): string | null {
  if (Math.abs(seconds) > DURATION_SECONDS_MAX || Math.abs(nanos) >= NANOS) return null
  if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) return null
  const sign = seconds < 0 || nanos < 0 ? "-" : ""
  return `${sign}${Math.abs(seconds)}${fractionOf(Math.abs(nanos))}s`
}

function nanosOf(digits = ""): number {
  return Number(digits.padEnd(9, "0"))
}

/** None, or 3, 6 or 9 digits. */
function fractionOf(nanos: number): string {
  if (nanos === 0) return ""
  const digits = String(nanos).padStart(9, "0")
  if (nanos % 1_000_000 === 0) return `.${digits.slice(0, 3)}`
  return nanos % 1000 === 0 ? `.${digits.slice(0, 6)}` : `.${digits}`
}

/** A figure with as many digits as mean something; "–" when there is none. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "–"
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** Messages per second: `412`, `27.1k`, `1.73M`. */
export function rate(value: number): string {
  if (!Number.isFinite(value)) return "–"
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`
  return value >= 1000 ? `${(value / 1000).toFixed(value >= 1e5 ? 0 : 1)}k` : value.toFixed(0)
}

/** Octets: `830 B`, `9.1 kB`, `12 MB` (powers of 1000). */
export function octets(value: number): string {
  if (!Number.isFinite(value)) return "–"
  if (Math.abs(value) >= 1e6) return `${number(value / 1e6)} MB`
  return Math.abs(value) >= 1000 ? `${number(value / 1000)} kB` : `${value.toFixed(0)} B`
}

/** A time given in microseconds, in the unit that reads best. */
export function time(microseconds: number): string {
  if (!Number.isFinite(microseconds)) return "–"
  return Math.abs(microseconds) >= 1000
    ? `${number(microseconds / 1000)} ms`
    : `${microseconds.toFixed(0)} µs`
}

export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–"
  return share >= 0.1 ? `${(share * 100).toFixed(0)} %` : `${(share * 100).toFixed(2)} %`
}

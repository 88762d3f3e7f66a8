/** Times, sizes and listening addresses as people write them in sluice.yaml, read and written back. */
import { type Address, hostAddress, parseAddress } from "../address.ts"

const UNIT_MS: readonly [unit: string, ms: number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
]
const UNIT_OCTETS: readonly [unit: string, octets: number][] = [
  ["g", 2 ** 30],
  ["m", 2 ** 20],
  ["k", 2 ** 10],
]

/** `30s`, `1h30m`, `1.5s`. */
export const DURATION = /^(?:\d{1,15}(?:\.\d{1,3})?(?:ms|s|m|h|d)){1,5}$/
export const DURATION_OR_NONE = new RegExp(`${DURATION.source}|^none$`)
export const SIZE = /^\d{1,15}[kmgKMG]?$/
export const SIZE_OR_NONE = new RegExp(`${SIZE.source}|^none$`)

/** More could not be written back: 15 digits of days. nginx's longest time is a tenth of it. */
export const DURATION_MAX_MS = (10 ** 15 - 1) * 86_400_000

/** Of text that matches `DURATION`, in whole milliseconds. */
export function durationMs(text: string): number {
  let ms = 0
  for (const [, count, unit] of text.matchAll(/([\d.]+)([a-z]+)/g)) {
    ms += Number(count) * UNIT_MS.find(([name]) => name === unit)![1]
  }
  return Math.round(ms)
}

/** In the largest unit that needs no fraction: `90s`, `5m`. What has too many digits in milliseconds begins with days. */
export function durationText(ms: number): string {
  const [, dayMs] = UNIT_MS[0]!
  if (ms >= 10 ** 15) return `${Math.floor(ms / dayMs)}d${ms % dayMs}ms`
  const [unit, size] = UNIT_MS.find(([, each]) => ms % each === 0 && ms > 0) ?? ["s", 1_000]
  return `${ms / size}${unit}`
}

/** Of a number, or of text that matches `SIZE`. */
export function sizeOctets(size: number | string): number {
  if (typeof size === "number") return size
  const unit = UNIT_OCTETS.find(([name]) => size.toLowerCase().endsWith(name))
  return unit === undefined ? Number(size) : Number(size.slice(0, -1)) * unit[1]
}

/** As text with a unit where that is exact, else as a number of octets. */
export function sizeInput(octets: number): number | string {
  const unit = UNIT_OCTETS.find(([, size]) => octets % size === 0 && octets > 0)
  return unit === undefined ? octets : `${octets / unit[1]}${unit[0]}`
}

/** A port alone or `*:port` means every IPv4 address; port 0, any free one. Null when it is no address. */
export function listenAddress(input: number | string): Address | null {
  const text = String(input)
  const full = /^\d+$/.test(text) ? `0.0.0.0:${text}` : text.replace(/^\*:/, "0.0.0.0:")
  if (full.startsWith("unix:") || !/:0+$/.test(full)) return parseAddress(full, null)
  const host = parseAddress(full.replace(/0+$/, "1"), null)?.host
  return host === undefined || host === null ? null : hostAddress(host, 0)
}

/** The shortest input that `listenAddress` reads as `address`. */
export function listenInput(address: Address): number | string {
  return address.host === "0.0.0.0" ? address.port! : address.text
}

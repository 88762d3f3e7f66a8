/** `950 ms`, `12 s`, `4:07`, `3:04:05`, `2 d 3 h`. Milliseconds in. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const [minutes, hours, days] = [
    Math.floor(seconds / 60),
    Math.floor(seconds / 3600),
    Math.floor(seconds / 86400),
  ]
  if (days > 0) return `${days} d ${hours % 24} h`
  if (hours > 0) return `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`
  return `${minutes}:${two(seconds % 60)}`
}

function two(number: number): string {
  return String(number).padStart(2, "0")
}

/** `640 B`, `1.2 kB`, `34 MB`. */
export function bytes(count: number): string {
  return scaled(count, ["B", "kB", "MB", "GB", "TB"])
}

/** `640`, `1.2 k`, `34 M`. */
export function short(count: number): string {
  return scaled(count, ["", "k", "M", "G", "T"]).trimEnd()
}

function scaled(count: number, units: readonly string[]): string {
  let [value, step] = [count, 0]
  while (value >= 999.5 && step < units.length - 1) {
    value /= 1000
    step++
  }
  const digits = step > 0 && value < 9.95 ? 1 : 0
  return `${value.toFixed(digits)} ${units[step]}`
}

/** `12,345`, in the digits of every language here. */
export function whole(count: number): string {
  return wholeNumbers.format(Math.round(count))
}

const wholeNumbers = new Intl.NumberFormat("en-US")

/** A rate: `0`, `0.3`, `12`, `1,234`. */
export function rate(perSecond: number): string {
  return perSecond > 0 && perSecond < 9.95 ? perSecond.toFixed(1) : whole(perSecond)
}

/** `14:03:27` */
export function clock(atMs: number): string {
  const time = new Date(atMs)
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":")
}

import { type Check, check } from "../chaos/scenario.ts"
import type { Vitals } from "./vitals.ts"

/** What is looked at while the work goes on. */
export interface Sample extends Vitals {
  /** Since the work began. */
  minutes: number
  /** Of the process, from /proc. */
  files: number
  threads: number
}

const MiB = 2 ** 20
/** The first part of a run, in which code is compiled and tables grow to their size, is not judged. */
const WARM_SHARE = 0.2

/** What may grow between the first third after the warm-up and the last third, besides a tenth. */
const slack: readonly (readonly [name: keyof Sample, slack: number, unit: "MiB" | ""])[] = [
  ["heapUsed", 2 * MiB, "MiB"],
  ["external", 4 * MiB, "MiB"],
  ["rss", 24 * MiB, "MiB"],
  ["files", 10, ""],
  ["threads", 2, ""],
  ["sockets", 10, ""],
  ["timers", 4, ""],
  ["deadlines", 20, ""],
  ["streams", 40, ""],
]

/** Whether the curves are flat: the median of the last third beside that of the first, the warm-up left out. */
export function judgeFlatness(samples: readonly Sample[]): Check[] {
  const judged = samples.slice(Math.floor(samples.length * WARM_SHARE))
  const third = Math.max(1, Math.floor(judged.length / 3))
  return slack.map(([name, more, unit]) => {
    const first = median(judged.slice(0, third).map((sample) => sample[name]))
    const last = median(judged.slice(-third).map((sample) => sample[name]))
    const show = (value: number) => (unit === "MiB" ? `${(value / MiB).toFixed(1)} MiB` : String(value))
    return check(
      `${name}: first third, last third`,
      `${show(first)}, ${show(last)}`,
      last <= first * 1.1 + more,
    )
  })
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

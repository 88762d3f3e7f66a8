/** Samples of one metric: its labels and its value. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export type Metrics = ReadonlyMap<string, readonly Sample[]>

/** Prometheus' text format, as `/metrics` writes it. Lines that cannot be read are left out. */
export function parseMetrics(text: string): Metrics {
  const metrics = new Map<string, Sample[]>()
  for (const line of text.split("\n")) {
    const [, name, labels, value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? []
    if (name === undefined) continue
    const samples = metrics.get(name) ?? []
    samples.push({ labels: parseLabels(labels ?? ""), value: numberOf(value!) })
    metrics.set(name, samples)
  }
  return metrics
}

function numberOf(text: string): number {
  if (text.endsWith("Inf")) return text.startsWith("-") ? -Infinity : Infinity
  return Number(text)
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [, name, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
    labels[name!] = value!.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped))
  return labels
}

/** The sum of a metric's samples, of those that `where` takes; null: there is no such metric. */
export function total(
  metrics: Metrics,
  name: string,
  where: (labels: Sample["labels"]) => boolean = () => true,
): number | null {
  const samples = metrics.get(name)
  if (samples === undefined) return null
  return samples.reduce((sum, { labels, value }) => sum + (where(labels) ? value : 0), 0)
}

/**
 * A quantile of a histogram's observations between two readings, by linear interpolation within its bucket, as Prometheus
 * does it; null: there were none.
 */
export function quantile(before: Metrics | null, now: Metrics, name: string, share: number): number | null {
  const buckets = new Map<number, number>()
  const add = (metrics: Metrics | null, sign: number): void => {
    for (const { labels, value } of metrics?.get(`${name}_bucket`) ?? []) {
      const bound = numberOf(labels.le ?? "NaN")
      buckets.set(bound, (buckets.get(bound) ?? 0) + sign * value)
    }
  }
  add(now, 1)
  add(before, -1)
  const bounds = [...buckets].sort(([one], [other]) => one - other)
  const all = bounds.at(-1)?.[1] ?? 0
  if (all <= 0) return null
  const wanted = share * all
  let lower = 0
  let below = 0
  for (const [bound, count] of bounds) {
    if (count >= wanted) {
      if (bound === Infinity) return lower
      return lower + (bound - lower) * ((wanted - below) / Math.max(1, count - below))
    }
    lower = bound
    below = count
  }
  return lower
}

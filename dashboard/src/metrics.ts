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
 * Below which value so large a share of a histogram's observations since `before` lie, even between the bounds of a bucket
 * as Prometheus' histogram_quantile has it; the largest bound where they lie above it. Null: there were none.
 */
export function quantile(metrics: Metrics, before: Metrics, name: string, share: number): number | null {
  const earlier = new Map(bucketsOf(before, name))
  const buckets = bucketsOf(metrics, name).map(([le, count]) => [le, count - (earlier.get(le) ?? 0)] as const)
  const all = buckets.at(-1)?.[1] ?? 0
  if (all <= 0) return null
  const rank = share * all
  let [low, below] = [0, 0]
  for (const [le, count] of buckets) {
    if (count >= rank && count > below)
      return le === Number.POSITIVE_INFINITY ? low : low + ((le - low) * (rank - below)) / (count - below)
    ;[low, below] = [le, count]
  }
  return low
}

/** Bounds, smallest first, with how many observations are not above each. */
function bucketsOf(metrics: Metrics, name: string): [number, number][] {
  const samples = metrics.get(`${name}_bucket`) ?? []
  return samples
    .map(({ labels, value }): [number, number] => [numberOf(labels.le ?? "+Inf"), value])
    .toSorted(([one], [other]) => one - other)
}

/** The largest of a metric's samples; null: there is no such metric. */
export function largest(metrics: Metrics, name: string): number | null {
  const samples = metrics.get(name)
  return samples === undefined ? null : Math.max(...samples.map(({ value }) => value))
}

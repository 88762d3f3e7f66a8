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

/** The largest of a metric's samples; null: there is no such metric. */
export function largest(metrics: Metrics, name: string): number | null {
  const samples = metrics.get(name)
  return samples === undefined ? null : Math.max(...samples.map(({ value }) => value))
}

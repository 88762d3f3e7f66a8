import { Counter, Gauge, type Histogram, Registry, type RegistryContentType } from "@prometheus-io/client"
import type { HistogramValue } from "../../base/histogram.ts"
import { type Metric, type MetricSource, metrics } from "./metric-table.ts"

const TEXT: RegistryContentType = Registry.PROMETHEUS_CONTENT_TYPE
const OPEN_METRICS: RegistryContentType = Registry.OPENMETRICS_CONTENT_TYPE

/** What a scraper reads, in the format that it asks for. */
export class Exposition {
  readonly #text: Registry
  readonly #openMetrics: Registry

  /** `source` is read at each scrape. */
  constructor(source: MetricSource) {
    this.#text = registryOf(TEXT, source)
    this.#openMetrics = registryOf(OPEN_METRICS, source)
  }

  async read(accept: string): Promise<{ text: string; contentType: string }> {
    const registry = accept.includes("application/openmetrics-text") ? this.#openMetrics : this.#text
    return { text: await registry.metrics(), contentType: registry.contentType }
  }
}

function registryOf(contentType: RegistryContentType, source: MetricSource): Registry {
  const registry = new Registry(contentType)
  for (const metric of metrics) register(metric, registry, source)
  return registry
}

function register(metric: Metric, registry: Registry, source: MetricSource): void {
  const { name, kind, help, labels } = metric
  if (kind === "histogram") return registerHistogram(metric, registry, source)
  const options = { name, help, labelNames: Object.keys(labels), registers: [registry] }
  const read = () => metric.read(source) as Iterable<{ labels?: Record<string, string>; value: number }>
  if (kind === "gauge") {
    const gauge: Gauge<string> = new Gauge({
      ...options,
      collect() {
        gauge.reset()
        for (const sample of read()) gauge.set(sample.labels ?? {}, sample.value)
      },
    })
    return
  }
  const counter: Counter<string> = new Counter({
    ...options,
    collect() {
      counter.reset()
      for (const sample of read()) counter.inc(sample.labels ?? {}, sample.value)
    },
  })
}

/** The client's own histograms are told of each value; ours have been counted already. */
function registerHistogram({ name, help, read }: Metric, registry: Registry, source: MetricSource): void {
  const collected = {
    name,
    help,
    type: "histogram",
    async get() {
      const values = []
      for (const { labels = {}, value } of read(source)) {
        const { cumulative, count, sum } = value as HistogramValue
        const buckets = [...cumulative, ["+Inf", count] as const]
        for (const [le, below] of buckets)
          values.push({ labels: { ...labels, le }, value: below, metricName: `${name}_bucket` })
        values.push({ labels, value: sum, metricName: `${name}_sum` })
        values.push({ labels, value: count, metricName: `${name}_count` })
      }
      return { name, help, type: "histogram", values }
    },
  }
  registry.registerMetric(collected as unknown as Histogram<string>)
}

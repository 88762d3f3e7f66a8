import { Counter, Gauge, Registry, type RegistryContentType } from "@prometheus-io/client"
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

function register(
  { name, kind, help, labels, read }: Metric,
  registry: Registry,
  source: MetricSource,
): void {
  const options = { name, help, labelNames: Object.keys(labels), registers: [registry] }
  if (kind === "gauge") {
    const gauge: Gauge<string> = new Gauge({
      ...options,
      collect() {
        gauge.reset()
        for (const sample of read(source)) gauge.set(sample.labels ?? {}, sample.value)
      },
    })
    return
  }
  const counter: Counter<string> = new Counter({
    ...options,
    collect() {
      counter.reset()
      for (const sample of read(source)) counter.inc(sample.labels ?? {}, sample.value)
    },
  })
}

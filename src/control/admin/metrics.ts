import { Registry, type RegistryContentType } from "@prometheus-io/client"
import type { Clock } from "../../base/clock.ts"
import type { HistogramValue } from "../../base/histogram.ts"
import { inSlices, SLICE_MS, type Steps } from "../../base/steps.ts"
import { type EndpointNumbers, type Metric, type MetricSource, metrics, type Sample } from "./metric-table.ts"
import type { ControlView } from "./view.ts"

const TEXT: RegistryContentType = Registry.PROMETHEUS_CONTENT_TYPE
const OPEN_METRICS: RegistryContentType = Registry.OPENMETRICS_CONTENT_TYPE

/** Samples that are written in one step. */
const SAMPLES_PER_STEP = 32
/** Endpoints whose numbers are taken in one step. */
const ENDPOINTS_PER_STEP = 16

export interface Scrape {
  readonly text: Uint8Array
  readonly contentType: string
}

/**
 * What a scraper reads, in the format that it asks for. It is made in slices, so that ten thousand endpoints hold up
 * nothing else; all that is said of an endpoint is of one moment, and every series has the same endpoints.
 */
export class Exposition {
  readonly #source: Omit<MetricSource, "endpoints">
  readonly #clock: Pick<Clock, "now">
  /** Those that are being made: who asks meanwhile is given the same. */
  readonly #making = new Map<RegistryContentType, Promise<Scrape>>()

  /** `source` is read at each scrape. */
  constructor(source: Omit<MetricSource, "endpoints">, clock: Pick<Clock, "now">) {
    this.#source = source
    this.#clock = clock
  }

  read(accept: string): Promise<Scrape> {
    const contentType = accept.includes("application/openmetrics-text") ? OPEN_METRICS : TEXT
    let making = this.#making.get(contentType)
    if (making === undefined) {
      making = this.#make(contentType).finally(() => this.#making.delete(contentType))
      this.#making.set(contentType, making)
    }
    return making
  }

  async #make(contentType: RegistryContentType): Promise<Scrape> {
    const endpoints = await inSlices(momentOf(this.#source.view), this.#clock)
    const source = { ...this.#source, endpoints }
    const registry = new Registry(contentType)
    const parts: Buffer[] = []
    let untilMs = this.#clock.now() + SLICE_MS
    for (const piece of piecesOf(source, contentType === OPEN_METRICS)) {
      const text = await registry.getMetricsAsString(piece.collector)
      parts.push(Buffer.from(piece.isFirst ? text : withoutHead(text)), LINE_END)
      if (this.#clock.now() < untilMs) continue
      await new Promise((resolve) => setImmediate(resolve))
      untilMs = this.#clock.now() + SLICE_MS
    }
    if (contentType === OPEN_METRICS) parts.push(Buffer.from("# EOF\n"))
    return { text: Buffer.concat(parts), contentType }
  }
}

const LINE_END = Buffer.from("\n")

/** Of a metric that is written in pieces, what it is stands before the first. */
function withoutHead(text: string): string {
  return text.slice(text.indexOf("\n", text.indexOf("\n") + 1) + 1)
}

/** Endpoints and what was counted at them, as they were when it came to them. */
function* momentOf(view: ControlView): Steps<EndpointNumbers> {
  const { clusters } = view.config
  const endpoints = new Map(clusters.map(({ name }) => [name, [...view.endpointsOf(name)]]))
  const traffic = new Map<number, Float64Array>()
  const streams = new Map<number, number>()
  for (const { slot } of [...endpoints.values()].flat()) {
    traffic.set(slot, view.trafficAt(slot))
    streams.set(slot, view.streamsAt(slot))
    if (traffic.size % ENDPOINTS_PER_STEP === 0) yield
  }
  return {
    clusters: [...endpoints.keys()],
    endpointsOf: (cluster) => endpoints.get(cluster)!,
    trafficAt: (slot) => traffic.get(slot)!,
    streamsAt: (slot) => streams.get(slot)!,
  }
}

interface Piece {
  /** As the registry takes it. */
  readonly collector: Parameters<Registry["getMetricsAsString"]>[0]
  readonly isFirst: boolean
}

/** Every metric, a few of its samples at a time; one without samples has a piece without. */
function* piecesOf(source: MetricSource, isOpenMetrics: boolean): Generator<Piece> {
  for (const metric of metrics) {
    let isFirst = true
    for (const samples of few(metric.read(source))) {
      yield { collector: collectorOf(metric, samples, isOpenMetrics), isFirst }
      isFirst = false
    }
    if (isFirst) yield { collector: collectorOf(metric, [], isOpenMetrics), isFirst }
  }
}

function* few(samples: Iterable<Sample>): Generator<Sample[]> {
  let some: Sample[] = []
  for (const sample of samples) {
    some.push(sample)
    if (some.length < SAMPLES_PER_STEP) continue
    yield some
    some = []
  }
  if (some.length > 0) yield some
}

/** What was counted already, as a metric of the library: its own are told of each event. */
function collectorOf(metric: Metric, samples: readonly Sample[], isOpenMetrics: boolean): Piece["collector"] {
  const { kind, help } = metric
  // OpenMetrics has a counter's suffix in its samples alone, where the registry writes it.
  const name = isOpenMetrics && kind === "counter" ? metric.name.replace(/_total$/, "") : metric.name
  const values =
    kind === "histogram"
      ? samples.flatMap((sample) => bucketsOf(name, sample))
      : samples.map(({ labels = {}, value }) => ({ labels, value }))
  return {
    name,
    help,
    type: kind,
    get: async () => ({ name, help, type: kind, values }),
  } as unknown as Piece["collector"]
}

function bucketsOf(name: string, { labels = {}, value }: Sample): object[] {
  const { cumulative, count, sum } = value as HistogramValue
  const buckets = [...cumulative, ["+Inf", count] as const]
  return [
    ...buckets.map(([le, below]) => ({
      labels: { ...labels, le },
      value: below,
      metricName: `${name}_bucket`,
    })),
    { labels, value: sum, metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ]
}

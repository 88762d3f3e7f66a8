import { configuredEndpoints, type KnownEndpoint } from "../../cluster/state.ts"
import { parseAddress } from "../../config/address.ts"
import type { ClusterConfig, EndpointConfig } from "../../config/model.ts"
import type { Log } from "../../log/logger.ts"
import { admitEndpoints } from "./admit-endpoints.ts"
import type { SourceContext, SourceSpec } from "./dns-spec.ts"
import { sourceSpecs } from "./make-source.ts"
import type { DiscoveredEndpoint, DiscoverySource } from "./source.ts"

export interface ClusterDiscoveryOptions extends SourceContext {
  /** Asked each time, since a reload may change it. */
  endpointsMax(): number
  readonly log: Pick<Log, "info" | "warn">
  /** An answer was not to be used, in whole or in part. */
  onProblem(): void
  /** An answer came, or a source failed for the first time. */
  onChange(): void
  /** Default: as the configuration says. */
  readonly specs?: SourceSpecs
}

/** Of a cluster by origin, as `sourceSpecs` has them. */
export type SourceSpecs = (config: ClusterConfig) => readonly (SourceSpec | null)[]

/** How one source is. */
export interface SourceStatus {
  readonly name: string
  /** Null: it has not answered yet. */
  readonly endpoints: number | null
  /** Since the answer that holds came; null: there is none, or it is from before a reload. */
  readonly answerAgeMs: number | null
  /** Why its last answer was not to be used; null: it was. */
  readonly problem: string | null
  /** Answers that were not to be used, in all. */
  readonly problems: number
}

/** A source, and the entry of the configuration that it is for. */
interface Origin {
  readonly key: string
  readonly settings: EndpointConfig
  readonly source: DiscoverySource
  answer: readonly DiscoveredEndpoint[] | null
  /** When it came; null: not to this process's present sources. */
  answeredMs: number | null
  problem: string | null
  problems: number
}

/**
 * All endpoints of one cluster: those that are written, and what its sources say. A source that fails keeps its last answer;
 * each of its problems is said once, and when it is over.
 */
export class ClusterDiscovery {
  readonly #config: ClusterConfig
  readonly #options: ClusterDiscoveryOptions
  readonly #written: readonly KnownEndpoint[]
  readonly #origins: readonly (Origin | null)[]

  /** `before`: what was known of the same cluster; an answer to the same question holds until there is another. */
  constructor(
    config: ClusterConfig,
    options: ClusterDiscoveryOptions,
    before: ClusterDiscovery | null = null,
  ) {
    this.#config = config
    this.#options = options
    this.#written = configuredEndpoints(config)
    const settings = [...config.endpoints, ...config.discovery.map((source) => source.settings)]
    this.#origins = (options.specs ?? sourceSpecs)(config).map((spec, index) => {
      if (spec === null) return null
      const answer = before === null ? null : before.#answerOf(spec.key)
      const source = spec.make(options)
      return {
        key: spec.key,
        settings: settings[index]!,
        source,
        answer,
        answeredMs: null,
        problem: null,
        problems: 0,
      }
    })
  }

  start(): void {
    for (const origin of this.#sources())
      origin.source.start({
        onEndpoints: (endpoints, unread) => this.#answered(origin, endpoints, unread ?? null),
        onFailure: (reason) => this.#failed(origin, reason),
      })
  }

  /** An endpoint could not be reached: sources that ask by themselves ask soon. */
  refresh(): void {
    for (const { source } of this.#sources()) source.refresh()
  }

  stop(): void {
    for (const { source } of this.#sources()) source.stop()
  }

  get hasSources(): boolean {
    return this.#sources().length > 0
  }

  /** Every source has answered or failed. */
  get isSettled(): boolean {
    return this.#sources().every(({ answer, problem }) => answer !== null || problem !== null)
  }

  get status(): SourceStatus[] {
    const nowMs = this.#options.clock.now()
    return this.#sources().map(({ source, answer, answeredMs, problem, problems }) => {
      const answerAgeMs = answeredMs === null ? null : Math.round(nowMs - answeredMs)
      return { name: source.name, endpoints: answer?.length ?? null, answerAgeMs, problem, problems }
    })
  }

  /**
   * What is written, and each address once that sources have named. A name of which no address is known yet stands for
   * itself: it is looked up when it is connected to.
   */
  get endpoints(): KnownEndpoint[] {
    const known: KnownEndpoint[] = []
    const seen = new Set<string>()
    for (const [index, origin] of this.#origins.entries()) {
      const written = this.#written[index]
      if (origin === null || (origin.answer === null && written !== undefined)) {
        known.push(written!)
        seen.add(written!.address)
        continue
      }
      for (const endpoint of origin.answer ?? []) {
        if (seen.has(endpoint.address)) continue
        seen.add(endpoint.address)
        known.push(knownEndpoint(endpoint, index, origin.settings))
      }
    }
    return known
  }

  #sources(): Origin[] {
    return this.#origins.filter((origin) => origin !== null)
  }

  #answerOf(key: string): readonly DiscoveredEndpoint[] | null {
    return this.#sources().find((origin) => origin.key === key)?.answer ?? null
  }

  #answered(origin: Origin, answer: readonly DiscoveredEndpoint[], unread: string | null): void {
    const endpointsMax = this.#options.endpointsMax()
    const admitted = admitEndpoints(answer, endpointsMax)
    if (admitted === null)
      return this.#failed(origin, `it names ${answer.length} endpoints, more than ${endpointsMax}`)
    if (answer.length > 0 && admitted.endpoints.length === 0)
      return this.#failed(origin, admitted.problem ?? "none of its endpoints can be used")
    const problems = [unread, admitted.problem].filter((one) => one !== null)
    if (problems.length === 0) this.#recovered(origin)
    else this.#say(origin, problems.join("; "))
    origin.answer = admitted.endpoints
    origin.answeredMs = this.#options.clock.now()
    this.#options.onChange()
  }

  #failed(origin: Origin, reason: string): void {
    const { answer } = origin
    const wasSettled = this.isSettled
    this.#say(origin, answer === null ? reason : `${reason}; its last answer stays (${answer.length})`)
    if (!wasSettled) this.#options.onChange()
  }

  #say(origin: Origin, problem: string): void {
    const { log, onProblem } = this.#options
    onProblem()
    origin.problems++
    if (origin.problem === problem) return
    origin.problem = problem
    const { name: cluster } = this.#config
    log.warn("discovery has a problem", { cluster, source: origin.source.name, reason: problem })
  }

  #recovered(origin: Origin): void {
    if (origin.problem === null) return
    origin.problem = null
    const { name: cluster } = this.#config
    this.#options.log.info("discovery answers again", { cluster, source: origin.source.name })
  }
}

function knownEndpoint(
  { address, weight, priority, zone, isDraining, isUnhealthy = false }: DiscoveredEndpoint,
  origin: number,
  settings: EndpointConfig,
): KnownEndpoint {
  return {
    address: parseAddress(address, null)!.text,
    origin,
    weight: weight * settings.weight,
    zone,
    priority: priority + (settings.backup ? 1 : 0),
    drain: settings.down || isDraining,
    ...(isUnhealthy && { isUnhealthy }),
  }
}

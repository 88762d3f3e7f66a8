import type { Log } from "../../log/logger.ts"
import { admitEndpoints, isSameSet, mergeEndpoints } from "./admit-endpoints.ts"
import type { DiscoveredEndpoint, DiscoverySource } from "./source.ts"

export interface ClusterDiscoveryOptions {
  readonly cluster: string
  readonly sources: readonly DiscoverySource[]
  readonly endpointsMax: number
  readonly log: Pick<Log, "info" | "warn">
  /** An answer was not to be used, in whole or in part. */
  readonly onProblem: () => void
  /** All endpoints of the cluster, each time they changed. */
  readonly onChange: (endpoints: readonly DiscoveredEndpoint[]) => void
}

/** How one source is. */
export interface SourceStatus {
  readonly name: string
  /** Null: it has not answered yet. */
  readonly endpoints: number | null
  /** Why its last answer was not to be used; null: it was. */
  readonly problem: string | null
}

/**
 * The sources of one cluster as one list of endpoints. A source that fails keeps its last answer; each of its problems is
 * said once, and when it is over.
 */
export class ClusterDiscovery {
  readonly #options: ClusterDiscoveryOptions
  readonly #answers: (readonly DiscoveredEndpoint[] | null)[]
  readonly #problems: (string | null)[]
  #told: readonly DiscoveredEndpoint[] | null = null

  constructor(options: ClusterDiscoveryOptions) {
    this.#options = options
    this.#answers = options.sources.map(() => null)
    this.#problems = options.sources.map(() => null)
  }

  start(): void {
    for (const [index, source] of this.#options.sources.entries())
      source.start({
        onEndpoints: (endpoints) => this.#answered(index, endpoints),
        onFailure: (reason) => this.#failed(index, reason),
      })
  }

  /** An endpoint could not be reached: sources that ask by themselves ask soon. */
  refresh(): void {
    for (const source of this.#options.sources) source.refresh()
  }

  stop(): void {
    for (const source of this.#options.sources) source.stop()
  }

  get status(): SourceStatus[] {
    return this.#options.sources.map(({ name }, index) => ({
      name,
      endpoints: this.#answers[index]?.length ?? null,
      problem: this.#problems[index]!,
    }))
  }

  #answered(index: number, answer: readonly DiscoveredEndpoint[]): void {
    const { endpointsMax } = this.#options
    const admitted = admitEndpoints(answer, endpointsMax)
    if (admitted === null)
      return this.#failed(index, `it names ${answer.length} endpoints, more than ${endpointsMax}`)
    if (answer.length > 0 && admitted.endpoints.length === 0)
      return this.#failed(index, admitted.problem ?? "none of its endpoints can be used")
    if (admitted.problem === null) this.#recovered(index)
    else this.#say(index, admitted.problem)
    this.#answers[index] = admitted.endpoints
    this.#tell()
  }

  #failed(index: number, reason: string): void {
    const kept = this.#answers[index]
    this.#say(
      index,
      kept === null || kept === undefined ? reason : `${reason}; its last answer stays (${kept.length})`,
    )
    this.#tell()
  }

  #say(index: number, problem: string): void {
    const { cluster, sources, log, onProblem } = this.#options
    onProblem()
    if (this.#problems[index] === problem) return
    this.#problems[index] = problem
    log.warn("discovery has a problem", { cluster, source: sources[index]!.name, reason: problem })
  }

  #recovered(index: number): void {
    if (this.#problems[index] === null) return
    this.#problems[index] = null
    const { cluster, sources, log } = this.#options
    log.info("discovery answers again", { cluster, source: sources[index]!.name })
  }

  /** Once every source has answered or failed: half of them would be a wrong picture. */
  #tell(): void {
    const isKnown = this.#answers.every((answer, index) => answer !== null || this.#problems[index] !== null)
    if (!isKnown) return
    const answers = this.#answers.filter((answer) => answer !== null)
    if (answers.length === 0) return
    const merged = mergeEndpoints(answers)
    if (this.#told !== null && isSameSet(this.#told, merged)) return
    this.#told = merged
    this.#options.onChange(merged)
  }
}

import { type Care, type CareOptions, CountCare, type FoundEndpoints } from "../balancer/care.ts"
import { resolveLimits } from "../base/resolve-limits.ts"
import type { Config } from "../config/model.ts"
import type { Assignments } from "./discovery/assigned-source.ts"
import type { SourceSpecs, SourceStatus } from "./discovery/cluster-discovery.ts"
import { Discovery } from "./discovery/discovery.ts"
import { HealthChecks } from "./health/health-checks.ts"

/** Those who watch the endpoints of all clusters while Sluice runs: who they are, how they are, and how full. */
export class ClusterCare implements Care {
  readonly #discovery: Discovery
  readonly #checks: HealthChecks
  readonly #counts: CountCare

  /**
   * `sourceSpecs`: the sources of a cluster, where they are not those of its configuration. `assignments`: of the control plane;
   * null: there is none.
   */
  constructor(
    options: CareOptions & { readonly sourceSpecs?: SourceSpecs; readonly assignments: Assignments | null },
  ) {
    const { assignments, states, clock, random, log } = options
    this.#discovery = new Discovery({
      clock,
      random,
      assignments,
      log,
      states,
      endpointsMax: () => resolveLimits(options.config().limits).limits.discoveredEndpointsMax,
      onProblem: () => options.onDiscoveryRefused(),
      ...(options.sourceSpecs && { specs: options.sourceSpecs }),
    })
    this.#checks = new HealthChecks({ states, clock, random, log })
    this.#counts = new CountCare(options)
  }

  prepare({ clusters }: Config): Promise<FoundEndpoints> {
    return this.#discovery.prepare(clusters)
  }

  use(config: Config): void {
    this.#counts.use(config)
    this.#checks.use(config)
  }

  changed(cluster: string): void {
    this.#checks.changed(cluster)
  }

  /** What the sources of a cluster have said may be old: an endpoint of it was ejected. */
  refresh(cluster: string): void {
    this.#discovery.refresh(cluster)
  }

  sourcesOf(cluster: string): SourceStatus[] {
    return this.#discovery.statusOf(cluster)
  }

  drain(): void {
    this.#counts.drain()
  }

  stop(): void {
    this.#checks.close()
    this.#counts.stop()
    this.#discovery.stop()
  }
}

import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { LoadStatsRequestSchema, LoadStatsResponseSchema } from "./gen/envoy/service/load_stats/v3/lrs_pb.ts"

/** What clients carried past Sluice, of one cluster. */
export interface CarriedLoad {
  /** Since Sluice started. */
  issued: number
  succeeded: number
  failed: number
  /** Open now, as its clients said last. */
  open: number
}

const INTERVAL_SECONDS = 10n
/** Clusters of which loads are kept: what clients name may be anything. */
const CLUSTERS_MAX = 10_000

/** The sums over all clients. */
export class LoadReports {
  readonly #clusters = new Map<string, CarriedLoad>()

  /** Of one client. */
  begin(): LoadReport {
    return new LoadReport((name) => this.#of(name))
  }

  #of(name: string): CarriedLoad | null {
    let load = this.#clusters.get(name)
    if (load === undefined) {
      if (this.#clusters.size >= CLUSTERS_MAX) return null
      load = { issued: 0, succeeded: 0, failed: 0, open: 0 }
      this.#clusters.set(name, load)
    }
    return load
  }

  get clusters(): ReadonlyMap<string, CarriedLoad> {
    return this.#clusters
  }
}

/** One client's stream of LRS. */
export class LoadReport {
  readonly #of: (cluster: string) => CarriedLoad | null
  /** What it said last, to be taken back. */
  readonly #open = new Map<string, number>()
  #hasBegun = false

  constructor(of: (cluster: string) => CarriedLoad | null) {
    this.#of = of
  }

  /** Returns the answer to the first message, which asks for reports of everything. Errors: throws on what is no message. */
  receive(octets: Uint8Array): Buffer | null {
    const { clusterStats } = fromBinary(LoadStatsRequestSchema, octets)
    for (const { clusterName, clusterServiceName, upstreamLocalityStats } of clusterStats) {
      const name = clusterServiceName === "" ? clusterName : clusterServiceName
      const load = this.#of(name)
      if (load === null) continue
      let open = 0
      for (const stats of upstreamLocalityStats) {
        load.issued += Number(stats.totalIssuedRequests)
        load.succeeded += Number(stats.totalSuccessfulRequests)
        load.failed += Number(stats.totalErrorRequests)
        open += Number(stats.totalRequestsInProgress)
      }
      load.open += open - (this.#open.get(name) ?? 0)
      this.#open.set(name, open)
    }
    if (this.#hasBegun) return null
    this.#hasBegun = true
    const response = create(LoadStatsResponseSchema, {
      sendAllClusters: true,
      loadReportingInterval: { seconds: INTERVAL_SECONDS },
    })
    return Buffer.from(toBinary(LoadStatsResponseSchema, response))
  }

  /** The client is gone, and its streams with it as far as anyone can tell. */
  end(): void {
    for (const [name, open] of this.#open) {
      const load = this.#of(name)
      if (load !== null) load.open -= open
    }
    this.#open.clear()
  }
}

import type { Config, RouteAction } from "../../config/model.ts"
import type { UpstreamTlsConfig } from "../../config/shared-model.ts"
import type { DeclaredVariable } from "../../record/declared/declared.ts"
import type { ReachedCluster } from "./clusters.ts"

/** Where calls of a route go, by what a client can see of a call. The first that fits counts. */
export interface Destination {
  /** A request header and its value, without regard to case; null: any call. */
  readonly header: { readonly name: string; readonly value: string } | null
  /** In shares that come to 10,000. */
  readonly clusters: readonly { readonly cluster: ReachedCluster; readonly share: number }[]
}

/** All of a call, in hundredths of a percent. */
const WHOLE = 10_000
const VARIABLE = /^\$\{?(\w+)\}?$/

/** The clusters that routes lead to, each once for each way of connecting to it. */
export class Destinations {
  readonly #config: Config
  readonly #reached = new Map<string, ReachedCluster>()

  constructor(config: Config) {
    this.#config = config
  }

  get reached(): readonly ReachedCluster[] {
    return [...this.#reached.values()]
  }

  /** Undefined: there is no such cluster. */
  reach(cluster: string, tls: UpstreamTlsConfig | null): ReachedCluster | undefined {
    const { clusters } = this.#config
    const config =
      clusters.find(({ name }) => name === cluster) ??
      clusters.find(({ name }) => name.toLowerCase() === cluster.toLowerCase())
    if (config === undefined) return undefined
    const key = JSON.stringify([config.name, tls])
    let reached = this.#reached.get(key)
    if (reached === undefined) {
      const before = [...this.#reached.values()].filter(({ config: { name } }) => name === config.name).length
      reached = { name: before === 0 ? config.name : `${config.name} ${before + 1}`, config, tls }
      this.#reached.set(key, reached)
    }
    return reached
  }

  /** Null: a client of xDS cannot be told. */
  of(action: RouteAction): Destination[] | null {
    if (action.kind === "cluster") return this.#to(action.cluster, action.tls)
    if (action.kind !== "variable") return null
    const name = VARIABLE.exec(action.template)?.[1]
    const variable = this.#config.variables.find((each) => each.name === name)
    if (variable?.kind === "map") return this.#byHeader(variable, action.tls)
    if (variable?.kind === "split") return this.#split(variable, action.tls)
    return null
  }

  #to(cluster: string, tls: UpstreamTlsConfig | null): Destination[] | null {
    const reached = this.reach(cluster, tls)
    return reached === undefined ? null : [{ header: null, clusters: [{ cluster: reached, share: WHOLE }] }]
  }

  /** `map $http_x_version $backend { … }`: a route for each value. */
  #byHeader(
    { source, entries, default: otherwise, hostnames }: Extract<DeclaredVariable, { kind: "map" }>,
    tls: UpstreamTlsConfig | null,
  ): Destination[] | null {
    const name = /^\$\{?http_(\w+)\}?$/.exec(source)?.[1]?.replaceAll("_", "-")
    if (name === undefined || hostnames || entries.some(([key]) => key.startsWith("~"))) return null
    const found: Destination[] = []
    for (const [value, cluster] of entries) {
      const to = this.#to(cluster, tls)
      if (to === null) return null
      found.push({ ...to[0]!, header: { name, value } })
    }
    const rest = this.#to(otherwise, tls)
    return rest === null ? null : [...found, ...rest]
  }

  /** `split_clients`: by chance for each call, since a client has nothing else to tell callers apart. */
  #split(
    { parts }: Extract<DeclaredVariable, { kind: "split" }>,
    tls: UpstreamTlsConfig | null,
  ): Destination[] | null {
    let left = WHOLE
    const clusters: { cluster: ReachedCluster; share: number }[] = []
    for (const [percent, name] of parts) {
      const cluster = this.reach(name, tls)
      if (cluster === undefined) return null
      const share = percent === null ? left : Math.round(percent * 100)
      left -= share
      if (share > 0) clusters.push({ cluster, share })
    }
    return left === 0 ? [{ header: null, clusters }] : null
  }
}

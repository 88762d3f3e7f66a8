import { createHash } from "node:crypto"
import type { DeclaredVariable } from "../../record/declared/declared.ts"
import { discoveredEndpoint } from "../defaults.ts"
import type { ClusterConfig, RouteSettings } from "../model.ts"

/** What all routes and clusters have that resources do not say. */
export interface CommonSettings {
  readonly routes: RouteSettings
  /** Its name and endpoints do not matter. */
  readonly clusters: ClusterConfig
}

/** What the routes of a configuration share, gathered as they ask for it. */
export class Draft {
  readonly common: CommonSettings
  readonly #kubeconfig: string | null
  readonly #directory: string
  readonly #clusters = new Map<string, ClusterConfig>()
  readonly #variables = new Map<string, DeclaredVariable>()
  readonly #files = new Map<string, string>()

  /** @param directory of the files that secrets become */
  constructor(common: CommonSettings, kubeconfig: string | null, directory: string) {
    this.common = common
    this.#kubeconfig = kubeconfig
    this.#directory = directory
  }

  get clusters(): ClusterConfig[] {
    return [...this.#clusters.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  get variables(): DeclaredVariable[] {
    return [...this.#variables.values()]
  }

  /** What is to be in which file. */
  get files(): ReadonlyMap<string, string> {
    return this.#files
  }

  /** The name of the cluster of a port of a Service. `portName`: null, it is the only one and has none. */
  cluster(namespace: string, service: string, port: number, portName: string | null): string {
    const name = `${namespace}/${service}:${port}`
    if (!this.#clusters.has(name)) {
      const source = { kind: "kubernetes" as const, service, namespace, port: portName }
      const settings = discoveredEndpoint(`kubernetes ${namespace}/${service}`)
      const discovery = [{ ...source, kubeconfig: this.#kubeconfig, settings }]
      this.#clusters.set(name, { ...this.common.clusters, name, endpoints: [], discovery })
    }
    return name
  }

  /** A template that is the text as it stands: nginx has no other way to write a dollar sign. */
  literal(text: string): string {
    if (!text.includes("$")) return text
    const variable = { source: "$remote_addr", entries: [], default: "$", proxies: [], proxyRecursive: false }
    this.#variables.set("dollar", { kind: "geo", name: "dollar", ...variable })
    return text.replaceAll("$", "$${dollar}")
  }

  /** A variable that comes to `0`, `1` … as often as the weights say; of a request it is always the same. */
  shares(weights: readonly number[]): string {
    const name = `shares_${weights.join("_")}`
    const parts = percents(weights).map((percent, at): [number | null, string] => [
      at === weights.length - 1 ? null : percent,
      String(at),
    ])
    this.#variables.set(name, { kind: "split", name, source: "$request_id", parts })
    return `$${name}`
  }

  /** A file of the text; the same for the same text, so that a file of a configuration in use never changes. */
  file(text: string): string {
    const path = `${this.#directory}/${createHash("sha256").update(text).digest("hex").slice(0, 32)}.pem`
    this.#files.set(path, text)
    return path
  }
}

/** To hundredths, and no weight becomes nothing. Weights above 0, two at least. */
function percents(weights: readonly number[]): number[] {
  const sum = weights.reduce((before, weight) => before + weight, 0)
  return weights.map((weight) => Math.max(0.01, Math.floor((weight / sum) * 10_000) / 100))
}

import { octetText } from "../../base/octet-text.ts"
import { ServerNames } from "../../base/server-names.ts"
import type { RouteConfig, ServerConfig } from "../../config/model.ts"
import { normalizeUri } from "../../record/uri.ts"

/** Paths remembered per virtual host; then all are forgotten. */
const PATHS_REMEMBERED = 1024
/** Longer paths are not remembered: clients choose them, and no budget counts what is kept here. */
const PATH_OCTETS_MAX = 256

interface Prefix<R> {
  readonly path: string
  readonly final: boolean
  readonly route: R
  readonly inner: Locations<R>
}

/** `isSure`: by an exact path or a regex. A prefix, nested or not, still yields to the regexes further out. */
interface Found<R> {
  readonly route: R
  readonly isSure: boolean
}

/**
 * One level of locations, matched as nginx does: exact, then the longest prefix; unless that one is `^~`, the first
 * regex that matches wins over it. Nested locations are searched within the prefix that matched, before the regexes.
 */
class Locations<R> {
  readonly #exact = new Map<string, R>()
  /** Longest first. */
  readonly #prefixes: Prefix<R>[] = []
  readonly #regexes: { regex: RegExp; route: R; inner: Locations<R> }[] = []

  constructor(configs: readonly RouteConfig[], compile: (config: RouteConfig) => R) {
    for (const config of configs) {
      const route = compile(config)
      const { match } = config
      const inner = new Locations(config.routes, compile)
      if (match.kind === "exact") this.#exact.set(octetText(match.path), route)
      else if (match.kind === "prefix")
        this.#prefixes.push({ path: octetText(match.path), final: match.final, route, inner })
      else {
        const regex = new RegExp(octetText(match.pattern), match.ignoreCase ? "i" : "")
        this.#regexes.push({ regex, route, inner })
      }
    }
    this.#prefixes.sort((a, b) => b.path.length - a.path.length)
  }

  match(path: string): R | undefined {
    return this.#find(path)?.route
  }

  #find(path: string): Found<R> | undefined {
    const exact = this.#exact.get(path)
    if (exact !== undefined) return { route: exact, isSure: true }
    const prefix = this.#prefixes.find((each) => path.startsWith(each.path))
    const nested = prefix === undefined ? undefined : prefix.inner.#find(path)
    if (nested?.isSure === true) return nested
    if (prefix?.final !== true) {
      const regex = this.#regexes.find((each) => each.regex.test(path))
      if (regex !== undefined) return { route: regex.inner.match(path) ?? regex.route, isSure: true }
    }
    return nested ?? (prefix && { route: prefix.route, isSure: false })
  }
}

/** A virtual host: its locations and what applies where none matches. */
class VirtualHost<R> {
  readonly #locations: Locations<R>
  readonly fallback: R
  readonly #known = new Map<string, R | null>()

  constructor(config: ServerConfig, compile: RouteCompiler<R>) {
    this.#locations = new Locations(config.routes, (route) => compile(config, route))
    this.fallback = compile(config, null)
  }

  /** Null: the path has no meaning (400). */
  match(path: string): R | null {
    const known = path.length > PATH_OCTETS_MAX ? undefined : this.#known.get(path)
    if (known !== undefined) return known
    const uri = normalizeUri(path)
    const route = uri === null ? null : (this.#locations.match(uri) ?? this.fallback)
    if (path.length > PATH_OCTETS_MAX) return route
    if (this.#known.size >= PATHS_REMEMBERED) this.#known.clear()
    this.#known.set(ownString(path), route)
    return route
  }
}

/** A slice keeps the whole string that it was cut from: the path of a target in absolute form, for one. */
function ownString(octets: string): string {
  return Buffer.from(octets, "latin1").toString("latin1")
}

/** Makes the route of a location, or of a server where none matches (`null`). */
export type RouteCompiler<R> = (server: ServerConfig, route: RouteConfig | null) => R

/**
 * Authority and path to a route, for one listener. Names match in nginx's order: exact, the longest `*.x`, the longest
 * `x.*`, the first regex, then the default server.
 */
export class Router<R> {
  readonly #hosts: ServerNames<VirtualHost<R>>
  readonly #default: VirtualHost<R>
  readonly #isSingle: boolean

  /** `servers` are those of the listener, in file order; at least one. */
  constructor(listener: string, servers: readonly ServerConfig[], compile: RouteCompiler<R>) {
    const hosts = servers.map((server) => new VirtualHost(server, compile))
    const chosen = servers.findIndex((server) => server.defaultFor.includes(listener))
    this.#default = hosts[Math.max(0, chosen)]!
    this.#isSingle = servers.length === 1
    this.#hosts = new ServerNames(servers.map((server, index) => [server.names, hosts[index]!]))
  }

  /** Null: the path has no meaning (400). */
  match(authority: string, path: string): R | null {
    return (this.#isSingle ? this.#default : this.#host(authority)).match(path)
  }

  /** What applies to a request of which no path can be read. */
  fallback(authority: string): R {
    return (this.#isSingle ? this.#default : this.#host(authority)).fallback
  }

  #host(authority: string): VirtualHost<R> {
    return this.#hosts.find(hostOf(authority)) ?? this.#default
  }
}

/** Lower case, without the port and a final dot. */
function hostOf(authority: string): string {
  const bracket = authority.lastIndexOf("]")
  const colon = authority.indexOf(":", bracket + 1)
  const host = (colon < 0 ? authority : authority.slice(0, colon)).toLowerCase()
  return host.endsWith(".") ? host.slice(0, -1) : host
}

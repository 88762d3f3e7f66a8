import { octetText, ownString } from "../../base/octet-text.ts"
import { ServerNames } from "../../base/server-names.ts"
import type { Steps } from "../../base/steps.ts"
import type { RouteConfig, ServerConfig } from "../../config/model.ts"
import { normalizeUri } from "../../record/uri.ts"
import { Regex, STEPS_DEFAULT } from "../../regex/regex.ts"
import { type RegexOf, regexesOf } from "./regexes.ts"
import { slashRedirect } from "./slash-redirect.ts"
import { WrittenOrder } from "./written-order.ts"

/** Paths remembered per virtual host; then all are forgotten. */
const PATHS_REMEMBERED = 1024
/** Longer paths are not remembered: clients choose them, and no budget counts what is kept here. */
const PATH_OCTETS_MAX = 256

export interface RouterOptions {
  /** Most steps of one regex for one path or name. Default: a million. */
  stepsMax?: number
  /** Default: its own, by `stepsMax`. */
  regexOf?: RegexOf
  /** A regex took more for a request, which is answered 500, as in nginx. */
  onOverrun?(overrun: Overrun): void
}

/** What was matched when a regex ran out of steps. */
export interface Overrun {
  readonly what: "server_name" | "location"
  readonly octets: number
  readonly stepsMax: number
}

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
class Locations<R> implements RouteTable<R> {
  readonly #exact = new Map<string, R>()
  /** Longest first. */
  readonly #prefixes: Prefix<R>[] = []
  readonly #regexes: { regex: Regex; route: R; inner: Locations<R> }[] = []

  /** `limit`: a regex ran out of steps. */
  find(path: string): Found<R> | "limit" | undefined {
    const exact = this.#exact.get(path)
    if (exact !== undefined) return { route: exact, isSure: true }
    const prefix = this.#prefixes.find((each) => path.startsWith(each.path))
    const nested = prefix?.inner.find(path)
    if (nested === "limit" || nested?.isSure === true) return nested
    const regex = prefix?.final === true ? undefined : this.#findRegex(path)
    if (regex !== undefined) return regex
    return nested ?? (prefix && { route: prefix.route, isSure: false })
  }

  /** Here no route has conditions. */
  after(): undefined {}

  /** A route a step. */
  *add(configs: readonly RouteConfig[], compile: (config: RouteConfig) => R, regexOf: RegexOf): Steps {
    for (const config of configs) {
      const { match } = config
      if (match.kind === "named") continue
      const route = compile(config)
      yield
      const inner = new Locations<R>()
      yield* inner.add(config.routes, compile, regexOf)
      if (match.kind === "exact") this.#exact.set(octetText(match.path), route)
      else if (match.kind === "prefix")
        this.#prefixes.push({ path: octetText(match.path), final: match.final, route, inner })
      else {
        const regex = regexOf(match.pattern, match.ignoreCase)
        this.#regexes.push({ regex, route, inner })
      }
    }
    this.#prefixes.sort((a, b) => b.path.length - a.path.length)
    for (const config of configs) this.#redirectToSlash(config, compile)
  }

  /** Of a location `/x/` that passes requests on, `/x` is redirected to it, unless there is a location for that too. */
  #redirectToSlash(config: RouteConfig, compile: (config: RouteConfig) => R): void {
    const redirect = slashRedirect(config)
    if (redirect === null || redirect.match.kind !== "exact") return
    const path = octetText(redirect.match.path)
    const isTaken = this.#exact.has(path) || this.#prefixes.some((prefix) => prefix.path === path)
    if (!isTaken) this.#exact.set(path, compile(redirect))
  }

  #findRegex(path: string): Found<R> | "limit" | undefined {
    for (const { regex, route, inner } of this.#regexes) {
      const outcome = regex.test(path)
      if (outcome === "none") continue
      const nested = outcome === "limit" ? "limit" : inner.find(path)
      return nested === "limit" ? "limit" : { route: nested?.route ?? route, isSure: true }
    }
    return undefined
  }
}

/** What a virtual host looks for routes in. */
interface RouteTable<R> {
  find(path: string): Found<R> | "limit" | undefined
  after(route: R, path: string): R | "limit" | undefined
  add(configs: readonly RouteConfig[], compile: (config: RouteConfig) => R, regexOf: RegexOf): Steps
}

/** What is answered where a regex ran out of steps: nginx's 500. */
function overrunRoute({ fallback }: ServerConfig, stepsMax: number): RouteConfig {
  return {
    match: { kind: "prefix", path: "", final: true },
    action: {
      kind: "return",
      status: 500,
      template: "",
      contentType: "",
      grpcStatus: INTERNAL,
      grpcMessage: `a regex of the configuration took more than regexSteps (${stepsMax}) for this request`,
    },
    settings: fallback,
    when: [],
    internal: false,
    rewrite: [],
    except: null,
    routes: [],
  }
}

const INTERNAL = 13

/** A virtual host: its locations and what applies where none matches. */
class VirtualHost<R> implements RoutesOf<R> {
  /** Answers what a regex could not tell. */
  readonly overrun: R
  readonly #locations: RouteTable<R>
  readonly #named = new Map<string, R>()
  readonly fallback: R
  readonly keepsSlashes: boolean
  readonly #onOverrun: (octets: number) => void
  readonly #known = new Map<string, R | null>()

  constructor(
    config: ServerConfig,
    compile: RouteCompiler<R>,
    stepsMax: number,
    onOverrun: (octets: number) => void,
  ) {
    this.#locations = config.order === "written" ? new WrittenOrder<R>() : new Locations<R>()
    this.keepsSlashes = !config.mergeSlashes
    this.fallback = compile(config, null, this)
    this.overrun = compile(config, overrunRoute(config, stepsMax), this)
    this.#onOverrun = onOverrun
  }

  /** Its locations, before it is used. */
  *fill(config: ServerConfig, compile: RouteCompiler<R>, regexOf: RegexOf): Steps {
    yield* this.#locations.add(config.routes, (route) => compile(config, route, this), regexOf)
    for (const route of config.routes) {
      if (route.match.kind !== "named") continue
      this.#named.set(route.match.name, compile(config, route, this))
      yield
    }
  }

  /** Null: the path has no meaning (400). */
  match(path: string): R | null {
    const known = path.length > PATH_OCTETS_MAX ? undefined : this.#known.get(path)
    if (known !== undefined) return known
    const uri = normalizeUri(path, this.keepsSlashes)
    const route = uri === null ? null : this.#findOrFail(uri)
    if (path.length > PATH_OCTETS_MAX) return route
    if (this.#known.size >= PATHS_REMEMBERED) this.#known.clear()
    this.#known.set(ownString(path), route)
    return route
  }

  find(uri: string): R | "limit" {
    const found = this.#locations.find(uri)
    if (found !== "limit") return found?.route ?? this.fallback
    this.#onOverrun(uri.length)
    return found
  }

  after(route: R, uri: string): R | "limit" {
    const found = this.#locations.after(route, uri)
    if (found === "limit") this.#onOverrun(uri.length)
    return found ?? this.fallback
  }

  named(name: string): R | undefined {
    return this.#named.get(name)
  }

  #findOrFail(uri: string): R {
    const found = this.find(uri)
    return found === "limit" ? this.overrun : found
  }
}

/** The routes of one virtual host. They are complete once all of it is compiled. */
export interface RoutesOf<R> {
  /** Of a decoded path. `limit`: a regex took too many steps to tell. */
  find(uri: string): R | "limit"
  /** The next one of the path behind `route`, whose conditions do not hold. */
  after(route: R, uri: string): R | "limit"
  /** `@name`. */
  named(name: string): R | undefined
  /** Where no location matches. */
  readonly fallback: R
  /** Of several `/` in a row none is left out. nginx: `merge_slashes off`. */
  readonly keepsSlashes: boolean
}

/** Makes the route of a location, or of a server where none matches (`null`). */
export type RouteCompiler<R> = (server: ServerConfig, route: RouteConfig | null, host: RoutesOf<R>) => R

/**
 * Authority and path to a route, for one listener. Names match in nginx's order: exact, the longest `*.x`, the longest
 * `x.*`, the first regex, then the default server.
 */
export class Router<R> {
  readonly #hosts: ServerNames<VirtualHost<R>>
  readonly #default: VirtualHost<R>
  readonly #isSingle: boolean

  readonly #onOverrun: (what: Overrun["what"], octets: number) => void

  /** `servers` are those of the listener, in file order; at least one. In steps: there may be thousands of routes. */
  static *make<R>(
    listener: string,
    servers: readonly ServerConfig[],
    compile: RouteCompiler<R>,
    { stepsMax = STEPS_DEFAULT, regexOf = regexesOf(stepsMax), onOverrun = () => {} }: RouterOptions = {},
  ): Steps<Router<R>> {
    const hosts: VirtualHost<R>[] = []
    for (const server of servers) {
      const ofPath = (octets: number) => onOverrun({ what: "location", octets, stepsMax })
      const host = new VirtualHost(server, compile, stepsMax, ofPath)
      yield* host.fill(server, compile, regexOf)
      hosts.push(host)
    }
    return new Router(listener, servers, hosts, { stepsMax, onOverrun })
  }

  private constructor(
    listener: string,
    servers: readonly ServerConfig[],
    hosts: readonly VirtualHost<R>[],
    { stepsMax, onOverrun }: Required<Pick<RouterOptions, "stepsMax" | "onOverrun">>,
  ) {
    this.#onOverrun = (what, octets) => onOverrun({ what, octets, stepsMax })
    const chosen = servers.findIndex((server) => server.defaultFor.includes(listener))
    this.#default = hosts[Math.max(0, chosen)]!
    this.#isSingle = servers.length === 1
    this.#hosts = new ServerNames(
      servers.map((server, index) => [server.names, hosts[index]!] as const),
      (pattern) => new Regex(pattern, { isCaseless: true, stepsMax }),
    )
  }

  /** Null: the path has no meaning (400). */
  match(authority: string, path: string): R | null {
    const host = this.#host(authority)
    return host === "limit" ? this.#default.overrun : host.match(path)
  }

  /** What applies to a request of which no path can be read. */
  fallback(authority: string): R {
    const host = this.#host(authority)
    return host === "limit" ? this.#default.overrun : host.fallback
  }

  #host(authority: string): VirtualHost<R> | "limit" {
    if (this.#isSingle) return this.#default
    const name = hostOf(authority)
    const host = this.#hosts.find(name) ?? this.#default
    if (host === "limit") this.#onOverrun("server_name", name.length)
    return host
  }
}

/** Lower case, without the port and a final dot. */
export function hostOf(authority: string): string {
  const bracket = authority.lastIndexOf("]")
  const colon = authority.indexOf(":", bracket + 1)
  const host = (colon < 0 ? authority : authority.slice(0, colon)).toLowerCase()
  return host.endsWith(".") ? host.slice(0, -1) : host
}

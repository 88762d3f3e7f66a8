import { octetText, ownString } from "../../base/octet-text.ts"
import type { Steps } from "../../base/steps.ts"
import type { RouteConfig } from "../../config/model.ts"
import type { Regex } from "../../regex/regex.ts"
import type { RegexOf } from "./regexes.ts"

/** Paths of which the routes are remembered; then all are forgotten. Only those of routes with conditions are. */
const PATHS_REMEMBERED = 1024
const PATH_OCTETS_MAX = 256

/**
 * Routes of which the first that matches counts, as Envoy and the Gateway API have it. Those of exact paths and prefixes are
 * found by the path, however many there are; regexes are asked one by one, and none behind a route without conditions.
 */
export class WrittenOrder<R> {
  readonly #routes: { readonly route: R; readonly isSure: boolean }[] = []
  readonly #places = new Map<R, number>()
  /** Places in order. */
  readonly #exact = new Map<string, number[]>()
  readonly #prefixes = new Map<string, number[]>()
  /** Of the prefixes, each once. */
  readonly #lengths = new Set<number>()
  readonly #regexes: { readonly regex: Regex; readonly place: number }[] = []
  readonly #known = new Map<string, readonly number[] | "limit">()

  /** The first of the path. `limit`: a regex ran out of steps. */
  find(path: string): { route: R; isSure: boolean } | "limit" | undefined {
    const places = this.#placesOf(path)
    if (places === "limit") return places
    const [first] = places
    return first === undefined ? undefined : this.#routes[first]
  }

  /** The first behind `route`. */
  after(route: R, path: string): R | "limit" | undefined {
    const places = this.#placesOf(path)
    if (places === "limit") return places
    const from = this.#places.get(route)!
    const next = places.find((place) => place > from)
    return next === undefined ? undefined : this.#routes[next]!.route
  }

  /** A route a step. */
  *add(configs: readonly RouteConfig[], compile: (config: RouteConfig) => R, regexOf: RegexOf): Steps {
    for (const config of configs) {
      const { match, when } = config
      if (match.kind === "named") continue
      const place = this.#routes.length
      const route = compile(config)
      this.#routes.push({ route, isSure: when.length === 0 })
      this.#places.set(route, place)
      if (match.kind === "regex") {
        const regex = regexOf(match.pattern, match.ignoreCase)
        this.#regexes.push({ regex, place })
      } else {
        const path = octetText(match.path)
        const table = match.kind === "exact" ? this.#exact : this.#prefixes
        const places = table.get(path) ?? []
        if (places.length === 0) table.set(path, places)
        places.push(place)
        if (match.kind === "prefix") this.#lengths.add(path.length)
      }
      yield
    }
  }

  /** All of the path, up to the first without conditions. */
  #placesOf(path: string): readonly number[] | "limit" {
    const known = this.#known.get(path)
    if (known !== undefined) return known
    const places = this.#search(path)
    const isOne = places !== "limit" && places.length < 2
    if (isOne || path.length > PATH_OCTETS_MAX) return places
    if (this.#known.size >= PATHS_REMEMBERED) this.#known.clear()
    this.#known.set(ownString(path), places)
    return places
  }

  #search(path: string): readonly number[] | "limit" {
    const byPath = [...(this.#exact.get(path) ?? [])]
    for (const length of this.#lengths)
      if (length <= path.length) byPath.push(...(this.#prefixes.get(path.slice(0, length)) ?? []))
    byPath.sort((one, other) => one - other)
    const sure = byPath.find((place) => this.#routes[place]!.isSure) ?? Number.POSITIVE_INFINITY
    const places = byPath.filter((place) => place <= sure)
    for (const { regex, place } of this.#regexes) {
      if (place > places.at(-1)! && this.#routes[places.at(-1)!]!.isSure) break
      const outcome = regex.test(path)
      if (outcome === "limit") return outcome
      if (outcome === "none") continue
      const at = places.findIndex((other) => other > place)
      places.splice(at < 0 ? places.length : at, 0, place)
      if (this.#routes[place]!.isSure) {
        places.splice(places.indexOf(place) + 1)
        break
      }
    }
    return places
  }
}

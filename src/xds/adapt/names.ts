import { createHash } from "node:crypto"
import type { DeclaredVariable, MapVariable } from "../../record/declared/declared.ts"

/** A template has no other way to say a dollar sign than a variable that is one. */
const DOLLAR = "xds_dollar"
export const DOLLAR_VARIABLE: DeclaredVariable = {
  kind: "geo",
  name: DOLLAR,
  source: "$remote_addr",
  entries: [],
  default: "$",
  proxies: [],
  proxyRecursive: false,
}

/** The template of a text as it stands. */
export const literal = (text: string): string => text.replaceAll("$", `\${${DOLLAR}}`)

/** `$http_x_user` of `x-user`; null: no variable has that header's name. */
export function headerVariable(name: string): string | null {
  return /^[a-z0-9_-]+$/i.test(name) ? `$http_${name.toLowerCase().replaceAll("-", "_")}` : null
}

/** The variables that resources come to, each once: what is the same has one name. */
export class Variables {
  readonly #known = new Map<string, DeclaredVariable>()

  get all(): DeclaredVariable[] {
    return [DOLLAR_VARIABLE, ...this.#known.values()]
  }

  /** Looks `source` up: returns the template of what it comes to. */
  map(source: string, entries: MapVariable["entries"], otherwise: string): string {
    return this.#declare({
      kind: "map",
      source,
      entries,
      default: otherwise,
      hostnames: false,
      volatile: false,
    })
  }

  /** Shares by chance, one draw for a call. */
  split(salt: string, parts: [percent: number | null, value: string][]): string {
    return this.#declare({ kind: "split", source: `${literal(salt)}$request_id`, parts })
  }

  #declare(
    one: Omit<MapVariable, "name"> | Omit<Extract<DeclaredVariable, { kind: "split" }>, "name">,
  ): string {
    const name = `xds_${createHash("sha256").update(JSON.stringify(one)).digest("hex").slice(0, 16)}`
    if (!this.#known.has(name)) this.#known.set(name, { ...one, name })
    return `\${${name}}`
  }
}

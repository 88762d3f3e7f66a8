/** Variables that depend on where they are asked: on the `root` and the `proxy_pass` of a location. */
import { realpathSync } from "node:fs"
import { isAbsolute, join } from "node:path"
import type { Directive, Word } from "./ast.ts"

/** Where a text stands. */
export interface Place {
  /** `root` or `alias` of the innermost level that has one. */
  readonly root: Directive | null
  /** Of the location. */
  readonly pass: Directive | null
}

const NAMES = ["document_root", "realpath_root", "request_filename", "proxy_host", "proxy_port"] as const
type Name = (typeof NAMES)[number]

const PATTERN = new RegExp(`\\$\\{(${NAMES.join("|")})\\}`, "gi")

const BEGINNING = new RegExp(`\\$\\{?(?:${NAMES.join("|")})`, "i")

/** What they are made of, and what is written once for many places. */
const NOT_HERE: ReadonlySet<string> = new Set(["root", "alias", "log_format"])

/** @param name in lower case */
export function isPlacedVariable(name: string): boolean {
  return (NAMES as readonly string[]).includes(name)
}

export class PlacedVariables {
  readonly #isPlaced: (name: string) => boolean
  readonly #directory: string

  /** @param isPlaced the file gives it no other value. @param directory of the main file: `html` is there */
  constructor(isPlaced: (name: string) => boolean, directory: string) {
    this.#isPlaced = isPlaced
    this.#directory = directory
  }

  /** The directive with what they come to there in their place; itself where it asks for none. */
  inDirective(directive: Directive, placeOf: () => Place): Directive {
    const { name, args } = directive
    if (NOT_HERE.has(name.text) || !args.some((word) => this.#asks(word.text))) return directive
    const place = placeOf()
    return { ...directive, args: args.map((word) => this.#inWord(word, place)) }
  }

  /** @param otherwise what stands for those that are empty */
  inText(text: string, placeOf: () => Place, otherwise: string): string {
    return this.#asks(text) ? this.#replace(text, placeOf(), otherwise) : text
  }

  #asks(text: string): boolean {
    return mayAsk(text) && braced(text).search(PATTERN) >= 0
  }

  #inWord(word: Word, place: Place): Word {
    return this.#asks(word.text) ? { ...word, text: this.#replace(word.text, place, "") } : word
  }

  #replace(text: string, place: Place, otherwise: string): string {
    // What takes a variable's place must not run on with what stands before or behind it.
    return braced(text).replace(PATTERN, (whole: string, name: string) => {
      const lower = name.toLowerCase() as Name
      const value = this.#isPlaced(lower) ? this.#valueOf(lower, place) : null
      return value === null ? whole : braced(value) || otherwise
    })
  }

  /** A template; null: it cannot be said. */
  #valueOf(name: Name, place: Place): string | null {
    const [host, port] = hostAndPort(place.pass)
    if (name === "proxy_host") return host
    if (name === "proxy_port") return port
    const root = this.#rootOf(place)
    if (name === "document_root") return root
    if (name === "realpath_root") return realRoot(root)
    return place.root?.name.text === "alias" ? null : `${root.replace(/\/$/, "")}$uri`
  }

  #rootOf({ root }: Place): string {
    const text = root?.args[0]?.text ?? "html"
    return isAbsolute(text) || text.startsWith("$") ? text : join(this.#directory, text)
  }
}

/** Whether any directive may ask for one: where none does, none needs a place. */
export function asksForPlace(directives: readonly Directive[]): boolean {
  return directives.some(
    ({ args, block }) => args.some(({ text }) => mayAsk(text)) || (block !== null && asksForPlace(block)),
  )
}

/** It names one, or one that begins with its name. */
function mayAsk(text: string): boolean {
  return text.includes("$") && BEGINNING.test(text)
}

/** `$name` as `${name}`. */
function braced(text: string): string {
  return text.replace(/\$([1-9]|[a-z_]\w*)/gi, "$${$1}")
}

function realRoot(root: string): string {
  if (root.includes("$")) return root
  try {
    return realpathSync(root)
  } catch {
    return root
  }
}

/** As `proxy_pass` writes them. */
function hostAndPort(pass: Directive | null): [host: string, port: string] {
  const [, secure, rest] = /^(?:http(s?):\/\/)?(.*)$/is.exec(pass?.args[0]?.text ?? "") ?? []
  if (!rest) return ["", ""]
  if (/^unix:/i.test(rest)) return ["localhost", ""]
  const host = rest.replace(/[/?].*$/s, "")
  return [host, /:(\d+)$/.exec(host)?.[1] ?? (secure ? "443" : "80")]
}

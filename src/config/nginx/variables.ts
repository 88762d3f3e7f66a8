/** `$variables` in values: which there are, and whether a value's are among them. */
import { isAbsentVariable } from "../../record/absent-variables.ts"
import { isOwnVariable } from "../../record/own-variables.ts"
import { TCP_NAMES, TCP_ONLY } from "../../record/tcp-variables.ts"
import { isKnownVariable, variableNames } from "../../record/variables.ts"
import { didYouMean } from "../problem.ts"
import { groupsIn } from "../set-names.ts"
import type { Directive, Word } from "./ast.ts"
import { isPlacedVariable } from "./place.ts"
import type { Report } from "./report.ts"

/** What nginx has besides, and may decide who gets in or where a call goes. */
const NGINX_VARIABLES: ReadonlySet<string> = new Set(
  `acme_certificate acme_certificate_key oidc_id_token oidc_access_token oidc_userinfo oidc_claim_ document_root
  realpath_root request_filename proxy_host proxy_port geoip_country_code geoip_country_code3 geoip_country_name geoip_org geoip_city_continent_code geoip_city_country_code
  geoip_city_country_code3 geoip_city_country_name geoip_region geoip_region_name geoip_city geoip_postal_code
  geoip_latitude geoip_longitude geoip_dma_code geoip_area_code msie modern_browser ancient_browser`.split(
    /\s+/,
  ),
)

/** The same in `stream {}`. */
const NGINX_STREAM_VARIABLES: ReadonlySet<string> = new Set(
  `mqtt_preread_clientid mqtt_preread_username geoip_country_code geoip_country_code3 geoip_country_name geoip_org
  geoip_city_continent_code geoip_city_country_code geoip_city_country_code3 geoip_city_country_name geoip_region
  geoip_region_name geoip_city geoip_postal_code geoip_latitude geoip_longitude geoip_dma_code
  geoip_area_code`.split(/\s+/),
)

/** What a request has an answer to by itself, families left out. */
const FIXED: ReadonlySet<string> = new Set(variableNames().filter((name) => !name.endsWith("_")))

/** Directives whose arguments may be regexes. */
const HAS_REGEX = new Set(["location", "server_name", "rewrite", "if"])

function declare(names: Set<string>, word: Word | undefined): void {
  if (word?.text.startsWith("$")) names.add(word.text.slice(1).toLowerCase())
}

/** Directives that bring a variable of their own, and which argument names it. */
const DECLARING: ReadonlyMap<string, number> = new Map([
  ["map", 1],
  ["geo", -1],
  ["split_clients", 1],
  ["set", 0],
  ["auth_request_set", 0],
  ["auth_jwt_claim_set", 0],
  ["auth_jwt_header_set", 0],
])

/** Directives that make variables of nginx's, which are empty without. */
const MADE_BY: ReadonlyMap<string, readonly string[]> = new Map([
  ["valid_referers", ["invalid_referer"]],
  ["secure_link", ["secure_link", "secure_link_expires"]],
  ["secure_link_secret", ["secure_link", "secure_link_expires"]],
])

/** The same of modules that are not here. */
const DECLARING_ELSEWHERE: ReadonlyMap<string, number> = new Map([
  ["perl_set", 0],
  ["js_set", 0],
  ["js_var", 0],
  ["set_by_lua", 0],
  ["set_by_lua_block", 0],
  ["set_by_lua_file", 0],
  ["keyval", 1],
])

/** Variables of nginx's that `set` may change. */
const CHANGEABLE =
  /^(args|limit_rate|invalid_referer|memcached_key|proxy_host|proxy_port|msie|modern_browser|ancient_browser|ssl_\w+)$/
/** The same in `stream {}`. */
const CHANGEABLE_IN_STREAM = /^ssl_(?!preread_)\w+$/

/** What most files with WebSocket bring along, and parts of such files leave to the rest. */
const USUAL_MAP = 'it is made by: map $http_upgrade $connection_upgrade { default upgrade; "" close; }'

/** `stream {}` has other variables than HTTP. */
export class Variables {
  readonly #protocol: "http" | "tcp"
  readonly #declared = new Set<string>()
  readonly #elsewhere = new Set<string>()

  constructor(protocol: "http" | "tcp" = "http") {
    this.#protocol = protocol
  }

  /** Notes what the file itself declares, wherever it does but in `stream`: order does not count, as in nginx. */
  declareAll(directives: readonly Directive[]): void {
    for (const { name, args, block } of directives) {
      declare(this.#declared, args.at(DECLARING.get(name.text) ?? args.length))
      declare(this.#elsewhere, args.at(DECLARING_ELSEWHERE.get(name.text) ?? args.length))
      for (const made of MADE_BY.get(name.text) ?? []) this.#declared.add(made)
      if (HAS_REGEX.has(name.text)) for (const arg of args) this.#declareGroups(arg.text)
      if (name.text === "map") for (const { name: key } of block ?? []) this.#declareGroups(key.text)
      else if (block !== null && name.text !== "stream") this.declareAll(block)
    }
  }

  #declareGroups(regex: string): void {
    for (const group of groupsIn(regex)) this.#declared.add(group.toLowerCase())
  }

  /** A request has an answer to it. */
  #isSupported(name: string): boolean {
    const lower = name.toLowerCase()
    if (/^[1-9]$/.test(name) || this.#declared.has(lower)) return true
    if (this.#protocol === "tcp") return TCP_NAMES.has(lower)
    return isKnownVariable(name) && !TCP_ONLY.has(lower) && !isAbsentVariable(lower)
  }

  /** Whether a file may give it a value of its own: not what nginx makes by itself, but for some. */
  isChangeable(name: string): boolean {
    const lower = name.toLowerCase()
    if (this.#protocol === "tcp")
      return (
        CHANGEABLE_IN_STREAM.test(lower) || (!TCP_NAMES.has(lower) && !isIn(NGINX_STREAM_VARIABLES, lower))
      )
    if (CHANGEABLE.test(lower) || isOwnVariable(lower)) return true
    return !FIXED.has(lower) && !NGINX_VARIABLES.has(lower) && !isAbsentVariable(lower)
  }

  /** It is one that depends on where it is asked, and the file gives it no other value. */
  isPlaced(name: string): boolean {
    const lower = name.toLowerCase()
    return this.#protocol === "http" && isPlacedVariable(lower) && !this.#declared.has(lower)
  }

  #suggest(name: string): string | null {
    if (this.#protocol === "http" && TCP_ONLY.has(name.toLowerCase())) return 'it is one of "stream"'
    if (name === "connection_upgrade") return USUAL_MAP
    return didYouMean(name, [...(this.#protocol === "tcp" ? TCP_NAMES : FIXED)])
  }

  /**
   * True when a value can be filled in. Unknown variables and broken spellings are errors.
   *
   * @param inLog what the balancer cannot fill in is "-" in a log and only warned of
   */
  check(word: Word, report: Report, inLog = false): boolean {
    if (!hasVariables(word.text)) return true
    let right = true
    for (const part of readTemplate(word.text)) {
      if (part.kind === "text") continue
      if (part.kind === "bad") {
        report.error(word.span, part.message)
        return false
      }
      if (this.#isSupported(part.name) || (inLog && this.isPlaced(part.name))) continue
      if (isAbsentVariable(part.name)) {
        report.warning(word.span, `variable "$${part.name}" is always empty here`)
        continue
      }
      if (!this.isKnown(part.name)) {
        report.error(word.span, `unknown "${part.name}" variable`, this.#suggest(part.name))
        right = false
      } else if (inLog) {
        report.warning(word.span, `variable "$${part.name}" is not supported, it is logged as "-"`)
      } else {
        report.error(word.span, `variable "$${part.name}" is not supported`)
        right = false
      }
    }
    return right
  }

  /**
   * The template of a log: what `check` warned of is "-". nginx reads each word by itself, so that a variable ends with its
   * word even where the next begins with a letter.
   */
  toLogTemplate(words: readonly Word[]): string {
    const parts = words
      .flatMap(({ text }) => readTemplate(text))
      .map((part): TemplatePart => {
        const isMissing =
          part.kind === "variable" && !this.#isSupported(part.name) && !this.isPlaced(part.name)
        return isMissing ? { kind: "text", text: "-" } : part
      })
    return parts
      .map((part, index) => {
        if (part.kind !== "variable") return part.kind === "text" ? part.text : ""
        const next = parts[index + 1]
        const runsOn = next?.kind === "text" && /^\w/.test(next.text)
        return runsOn ? `\${${part.name}}` : `$${part.name}`
      })
      .join("")
  }

  /** Whether nginx would know it: one of its own, or one that the file brings. */
  isKnown(name: string): boolean {
    const others = this.#protocol === "tcp" ? NGINX_STREAM_VARIABLES : NGINX_VARIABLES
    const isOwn = this.#isSupported(name) || isAbsentVariable(name)
    return isOwn || isIn(others, name) || this.#elsewhere.has(name.toLowerCase())
  }
}

/** True when a value is more than plain text. */
export function hasVariables(text: string): boolean {
  return text.includes("$")
}

type TemplatePart =
  | { kind: "text"; text: string }
  | { kind: "variable"; name: string }
  | { kind: "bad"; message: string }

/** Splits `a $b ${c}d` into text and variables. `$1` to `$9` are one digit long, as in nginx. */
function readTemplate(template: string): TemplatePart[] {
  const parts: TemplatePart[] = []
  for (const [whole, braced, bare, text] of template.matchAll(/\$\{([^}]*\}?)|\$([1-9]|\w*)|([^$]+)/g)) {
    if (text !== undefined) parts.push({ kind: "text", text })
    else if (braced !== undefined) parts.push(readBraced(braced))
    else if (bare === "") parts.push({ kind: "bad", message: `invalid variable name in "${whole}"` })
    else parts.push({ kind: "variable", name: bare! })
  }
  return parts
}

function readBraced(braced: string): TemplatePart {
  const name = /^\w*/.exec(braced)![0]
  if (braced === "" || braced === "}") return { kind: "bad", message: "invalid variable name" }
  if (braced !== `${name}}`)
    return { kind: "bad", message: `the closing bracket in "${name}" variable is missing` }
  return { kind: "variable", name }
}

function isIn(names: ReadonlySet<string>, name: string): boolean {
  const lower = name.toLowerCase()
  if (names.has(lower) && !lower.endsWith("_")) return true
  for (let at = lower.indexOf("_"); at >= 0 && at < lower.length - 1; at = lower.indexOf("_", at + 1)) {
    if (names.has(lower.slice(0, at + 1))) return true
  }
  return false
}

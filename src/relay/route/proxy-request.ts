import type { ProxyAction, RouteSettings } from "../../config/model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { StreamRecord } from "../../record/record.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import { escapeUri, normalizeUri, queryOf } from "../../record/uri.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { isAuthority, writableValue } from "../../record/written-field.ts"

/** Fields that are never passed on as they came: nginx's list. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  ...["connection", "keep-alive", "te", "expect", "upgrade", "transfer-encoding", "proxy-connection", "host"],
])

/** What the body says, whatever is written. */
const OF_BODY: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"])

/** No field of HTTP's: the body that is sent in the client's place. */
export const OWN_BODY = ":body"

/** A token: RFC 9110 §9.1. */
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Z-]+$/

/** Where a request goes, once variables are known. */
export interface ProxyTarget {
  readonly isTls: boolean
  /** A cluster's name or an address. */
  readonly name: string
  /** Empty: the path is passed on as it was received. */
  readonly path: string
}

/** `http://name/path` taken apart; null: it is something else. */
export function readProxyTarget(url: string): ProxyTarget | null {
  const [, scheme, name, path] = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(url) ?? []
  if (scheme === undefined || name === "") return null
  return { isTls: scheme.toLowerCase() === "https", name: name!, path: path! }
}

/** Turns a request's head into what an HTTP/1.1 backend is sent. nginx: `proxy_set_header` and its kin. */
export class ProxyRequestRewrite {
  readonly #action: ProxyAction
  readonly #set: readonly { readonly name: string; readonly value: Template }[]
  readonly #names: ReadonlySet<string>
  readonly #url: Template | null
  readonly #path: Template | null
  readonly #method: Template | null
  readonly #body: Template | null

  constructor(settings: RouteSettings, action: ProxyAction, table: VariableSource) {
    const compile = (text: string): Template => compileTemplate(text, "header", table)
    this.#action = action
    this.#set = settings.setHeaders.map(([name, template]) => ({ name, value: compile(template) }))
    this.#names = new Set(this.#set.map(({ name }) => name))
    this.#url = "template" in action.target ? compile(action.target.template) : null
    this.#path = action.path === null ? null : compile(action.path)
    this.#method = action.method === null ? null : compile(action.method)
    this.#body = action.body === null ? null : compile(action.body)
  }

  apply(list: HeaderList, record: StreamRecord, env: TemplateEnvironment): HeaderList {
    const target = this.#url === null ? null : readProxyTarget(this.#url.render(record, env))
    const written = this.#method?.render(record, env).toUpperCase() ?? ""
    const method = METHOD.test(written) ? written : (record.state?.method ?? list.get(":method")!)
    const fields = [":method", method, ":path", this.#pathFor(list.get(":path")!, record, env, target)]
    let host = this.#action.host ?? target?.name ?? ""
    for (const { name, value } of this.#set) {
      const text = writableValue(value.render(record, env))
      if (name === "host") host = text === "" || isAuthority(text) ? text : host
      else if (text !== "" && !OF_BODY.has(name)) fields.push(name, text)
    }
    if (host !== "") fields.push(":authority", host)
    if (this.#body !== null) fields.push(OWN_BODY, this.#body.render(record, env))
    if (this.#action.passHeaders) this.#passOn(list, fields)
    return new HeaderList(fields)
  }

  #passOn(list: HeaderList, fields: string[]): void {
    const passBody = this.#action.passBody && this.#body === null
    for (let i = 0; i < list.fields.length; i += 2) {
      const name = list.fields[i]!
      if (name.startsWith(":") || this.#names.has(name) || OF_CONNECTION.has(name)) continue
      if (name === "content-length" && !passBody) continue
      fields.push(name, list.fields[i + 1]!)
    }
  }

  /** As nginx has it: what variables come to is sent as it is; what a location matched is replaced; all else is as received. */
  #pathFor(
    received: string,
    record: StreamRecord,
    env: TemplateEnvironment,
    target: ProxyTarget | null,
  ): string {
    if (target !== null && target.path !== "")
      return target.path.startsWith("?") ? `/${target.path}` : target.path
    const { state } = record
    if (this.#path === null && state?.isRewritten !== true) return received
    const uri = state?.uri ?? normalizeUri(received) ?? received
    const args = state?.args ?? queryOf(received)
    const path =
      this.#path === null || state?.hasLeftPrefix === true
        ? escapeUri(uri)
        : this.#path.render(record, env) + escapeUri(uri.slice(this.#action.matchedOctets))
    return args === "" ? path : `${path}?${args}`
  }
}

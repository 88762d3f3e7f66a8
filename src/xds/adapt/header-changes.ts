import type { RouteSettings } from "../../config/model.ts"
import {
  HeaderValueOption_HeaderAppendAction as Action,
  type HeaderValueOption,
} from "../gen/envoy/config/core/v3/base_pb.ts"
import { headerVariable, literal, type Variables } from "./names.ts"
import { refuse } from "./refusal.ts"

/** What a level of a route configuration does to headers. */
export interface HeaderFields {
  readonly requestHeadersToAdd: readonly HeaderValueOption[]
  readonly requestHeadersToRemove: readonly string[]
  readonly responseHeadersToAdd: readonly HeaderValueOption[]
  readonly responseHeadersToRemove: readonly string[]
}

export type HeaderSettings = Pick<RouteSettings, "setHeaders" | "hideHeaders" | "addHeaders">

/**
 * The changes of all levels, the innermost first, as Envoy does them. Errors: throws a `Refusal`.
 *
 * @param levels with their paths
 */
export function headerSettings(
  levels: readonly (readonly [fields: HeaderFields, path: string])[],
  variables: Variables,
): HeaderSettings {
  const request = new Map<string, string>()
  const hidden = new Set<string>()
  const added: RouteSettings["addHeaders"] = []
  for (const [fields, path] of levels) {
    // As in Envoy: what is removed is gone before anything is added.
    for (const name of fields.requestHeadersToRemove) request.set(checked(name, path), "")
    for (const [at, option] of fields.requestHeadersToAdd.entries())
      setRequestHeader(option, `${path}request_headers_to_add[${at}]`, request, variables)
    for (const name of fields.responseHeadersToRemove) hidden.add(checked(name, path))
    for (const [at, option] of fields.responseHeadersToAdd.entries()) {
      const place = `${path}response_headers_to_add[${at}]`
      const { name, template, action } = partsOf(option, place)
      if (action === Action.OVERWRITE_IF_EXISTS_OR_ADD) {
        hidden.add(name)
        // One level overwrites what another has added.
        for (let index = added.length - 1; index >= 0; index--)
          if (added[index]!.name === name) added.splice(index, 1)
      } else if (action !== Action.APPEND_IF_EXISTS_OR_ADD)
        refuse(place, "a response's header is added, or overwritten or added")
      added.push({ name, template, always: true })
    }
  }
  return { setHeaders: [...request], hideHeaders: [...hidden], addHeaders: added }
}

function setRequestHeader(
  option: HeaderValueOption,
  place: string,
  request: Map<string, string>,
  variables: Variables,
): void {
  const { name, template, action } = partsOf(option, place)
  if (action === Action.OVERWRITE_IF_EXISTS_OR_ADD) {
    request.set(name, template)
    return
  }
  const sent = headerVariable(name)
  if (sent === null) return refuse(place, `"${name}" can be overwritten alone`)
  // What a level further in has made of it; null: it is as the client sent it.
  const before = request.get(name) ?? null
  if (before === "") {
    if (action !== Action.OVERWRITE_IF_EXISTS) request.set(name, template)
    return
  }
  const held = before ?? sent
  const isThere = before !== null
  switch (action) {
    case Action.APPEND_IF_EXISTS_OR_ADD:
      request.set(
        name,
        isThere ? `${held}, ${template}` : variables.map(sent, [["", template]], `${held}, ${template}`),
      )
      return
    case Action.ADD_IF_ABSENT:
      if (!isThere) request.set(name, variables.map(sent, [["", template]], sent))
      return
    default:
      request.set(name, isThere ? template : variables.map(sent, [["", ""]], template))
  }
}

function partsOf({ header, append, appendAction }: HeaderValueOption, place: string) {
  const name = checked(header?.key ?? "", place)
  const value = header!.value !== "" ? header!.value : Buffer.from(header!.rawValue).toString("latin1")
  // `append`, which is deprecated, goes before it where it is written.
  const action =
    append === undefined
      ? appendAction
      : append
        ? Action.APPEND_IF_EXISTS_OR_ADD
        : Action.OVERWRITE_IF_EXISTS_OR_ADD
  return { name, template: templateOf(value, place), action }
}

function checked(name: string, place: string): string {
  const lower = name.toLowerCase()
  if (lower === "host" || lower === ":authority")
    refuse(place, "the authority is changed by host_rewrite_literal")
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(lower)) refuse(place, `"${name}" is no header's name`)
  return lower
}

/** Envoy's command operators that have a variable here. */
const OPERATORS: Readonly<Record<string, string>> = {
  DOWNSTREAM_REMOTE_ADDRESS: "$remote_addr:$remote_port",
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: "$remote_addr",
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: "$remote_addr",
  DOWNSTREAM_LOCAL_ADDRESS: "$server_addr:$server_port",
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: "$server_addr",
  DOWNSTREAM_LOCAL_PORT: "$server_port",
  DOWNSTREAM_TLS_CIPHER: "$ssl_cipher",
  DOWNSTREAM_TLS_VERSION: "$ssl_protocol",
  DOWNSTREAM_PEER_SUBJECT: "$ssl_client_s_dn",
  DOWNSTREAM_PEER_ISSUER: "$ssl_client_i_dn",
  DOWNSTREAM_PEER_SERIAL: "$ssl_client_serial",
  HOSTNAME: "$hostname",
  PROTOCOL: "$server_protocol",
  REQUESTED_SERVER_NAME: "$ssl_server_name",
}

/** Text with command operators: `%REQ(x-user)%`. */
function templateOf(value: string, place: string): string {
  return value.split(/(%[^%]*%)/).reduce((template, part) => {
    if (part === "%%") return `${template}%`
    const [, operator] = /^%(.+)%$/.exec(part) ?? []
    if (operator === undefined) return template + literal(part)
    const [, header] = /^REQ\(([^()?:]+)\)$/.exec(operator) ?? []
    const pseudo = header === undefined ? undefined : PSEUDO[header.toUpperCase()]
    const variable = pseudo ?? (header === undefined ? OPERATORS[operator] : headerVariable(header))
    if (variable === undefined || variable === null) return refuse(place, `%${operator}% is not supported`)
    return template + variable.replaceAll(/\$(\w+)/g, (_, name: string) => `\${${name}}`)
  }, "")
}

const PSEUDO: Readonly<Record<string, string>> = {
  ":METHOD": "$request_method",
  ":PATH": "$request_uri",
  ":AUTHORITY": "$http_host",
  ":SCHEME": "$scheme",
}

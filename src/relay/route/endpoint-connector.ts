import type { Connector } from "../../cluster/connectors.ts"
import { readBindAddress } from "../../config/bind-address.ts"
import { isNameSaidByCall } from "../../config/endpoint-name.ts"
import type { ProxyAction, RouteAction, RouteSettings } from "../../config/model.ts"
import type { UpstreamTlsConfig } from "../../config/shared-model.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { Template } from "../../record/template.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"

/** RFC 1035 §2.3.4. */
const NAME_OCTETS_MAX = 255

/** A call that wants a connection to an endpoint. */
export interface ConnectingCall {
  readonly record: StreamRecord
  readonly context: { readonly env: TemplateEnvironment }
}

/** How connections for a call are made; null: the cluster's own way. */
export type ConnectorFor = (call: ConnectingCall) => Connector<LegConnection> | null

/** What calls say of their connections, in place of the settings: a TLS name, and a local address or null, for any. */
export interface SaidByCall {
  readonly serverName?: string
  readonly localAddress?: string | null
}

/** The connector for what a call says. */
type ConnectorBy = (said?: SaidByCall) => Connector<LegConnection>

export interface ConnectorParts {
  connectAs(tls: UpstreamTlsConfig | null, settings: RouteSettings): ConnectorBy
  /** To backends that speak HTTP/1.1. */
  connectHttp1(action: ProxyAction, settings: RouteSettings): ConnectorBy
  templateOf(source: string): Template
}

/**
 * How a route's connections are made: by its settings and, where its TLS name or its local address has variables, by what a
 * call makes of them.
 */
export function connectorFor(
  action: RouteAction,
  settings: RouteSettings,
  parts: ConnectorParts,
): ConnectorFor {
  const isPassed = action.kind === "proxy" || action.kind === "cluster" || action.kind === "variable"
  const tls = isPassed ? action.tls : null
  const isPlain = tls === null && settings.bindAddress === null && !settings.socketKeepalive
  if (action.kind !== "proxy" && isPlain) return () => null
  const by = action.kind === "proxy" ? parts.connectHttp1(action, settings) : parts.connectAs(tls, settings)
  const name = tls !== null && isNameSaidByCall(tls) ? parts.templateOf(tls.serverName!) : null
  const local = isTemplate(settings.bindAddress) ? parts.templateOf(settings.bindAddress) : null
  if (name === null && local === null) {
    const connector = by()
    return () => connector
  }
  return ({ record, context: { env } }) =>
    by({
      ...(name !== null && { serverName: nameSaid(name, record, env) }),
      ...(local !== null && { localAddress: localAddressSaid(local, record, env) }),
    })
}

function isTemplate(text: string | null): text is string {
  return text?.includes("$") === true
}

/** The local address that a call says; as in nginx, what comes to none is any. */
export function localAddressSaid(
  template: Template,
  record: StreamRecord,
  env: TemplateEnvironment,
): string | null {
  const said = template.render(record, env)
  return readBindAddress(said) === null ? null : said
}

/**
 * The name that a call says its endpoint's certificate must have. As in nginx a port is left out, which `$http_host` and
 * `$proxy_host` may have. "": none, which no certificate is for.
 */
export function nameSaid(template: Template, record: StreamRecord, env: TemplateEnvironment): string {
  const said = template.render(record, env)
  const colon = said.indexOf(":", said.startsWith("[") ? said.indexOf("]") + 1 : 0)
  const name = (colon < 0 ? said : said.slice(0, colon)).toLowerCase()
  return name.length > NAME_OCTETS_MAX ? "" : name
}

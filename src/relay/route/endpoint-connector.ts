import type { Connector } from "../../cluster/connectors.ts"
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

/** The connector for the TLS name that a call says, or for that of the settings. */
type ConnectorBy = (serverName?: string) => Connector<LegConnection>

export interface ConnectorParts {
  connectAs(tls: UpstreamTlsConfig | null, settings: RouteSettings): ConnectorBy
  /** To backends that speak HTTP/1.1. */
  connectHttp1(action: ProxyAction, settings: RouteSettings): ConnectorBy
  templateOf(source: string): Template
}

/** How a route's connections are made: by its settings and, where its TLS name has variables, by what a call makes of them. */
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
  if (tls !== null && isNameSaidByCall(tls)) {
    const template = parts.templateOf(tls.serverName!)
    return ({ record, context }) => by(nameSaid(template, record, context.env))
  }
  const connector = by()
  return () => connector
}

/**
 * The name that a call says its endpoint's certificate must have. As in nginx a port is left out, which `$http_host` and
 * `$proxy_host` may have. "": none, which no certificate is for.
 */
function nameSaid(template: Template, record: StreamRecord, env: TemplateEnvironment): string {
  const said = template.render(record, env)
  const colon = said.indexOf(":", said.startsWith("[") ? said.indexOf("]") + 1 : 0)
  const name = (colon < 0 ? said : said.slice(0, colon)).toLowerCase()
  return name.length > NAME_OCTETS_MAX ? "" : name
}

import type { RouteSettings } from "../../config/model.ts"
import type { StreamRecord } from "../../record/record.ts"
import { hostOf } from "./router.ts"

type RedirectSettings = Pick<RouteSettings, "absoluteRedirect" | "serverNameInRedirect" | "portInRedirect">

/**
 * What is sent for a location that the configuration made, as octets: a path gets scheme, host and port before it, as far as
 * the settings want them. nginx: `absolute_redirect`, ngx_http_header_filter().
 */
export function absoluteRedirect(
  location: string,
  { absoluteRedirect: isWanted, serverNameInRedirect, portInRedirect }: RedirectSettings,
  { connection, authority, serverName }: Pick<StreamRecord, "connection" | "authority" | "serverName">,
): string {
  if (!isWanted || !location.startsWith("/")) return location
  const [scheme, schemePort] = connection.tls === null ? ["http", 80] : ["https", 443]
  const { localAddress, localPort } = connection
  const said = (serverNameInRedirect ? serverName : "") || hostOf(authority)
  const host = said || (localAddress.includes(":") ? `[${localAddress}]` : localAddress)
  const isPortSaid = portInRedirect && localPort > 0 && localPort !== schemePort
  return `${scheme}://${host}${isPortSaid ? `:${localPort}` : ""}${location}`
}

/** `admin` of sluice.yaml, read and written. */
import { adminAddress } from "../admin-address.ts"
import type { AdminConfig } from "../model.ts"
import type { AdminInput } from "./schema.ts"

/** @param input conforms to the schema */
export function readAdmin(input: AdminInput): AdminConfig {
  if (input === "off") return "off"
  const { address, token = null, hosts = [] } = typeof input === "object" ? input : { address: input }
  const { host, port, unixPath } = adminAddress(address)!
  return { host, port, unixPath, tokenFile: token, hosts }
}

/** What `readAdmin` reads as `admin`; undefined for the default. */
export function writeAdmin(admin: AdminConfig): AdminInput | undefined {
  if (admin === "default") return undefined
  if (admin === "off") return "off"
  const { host, port, unixPath, tokenFile, hosts } = admin
  const shown = host === "127.0.0.1" ? port! : `${host?.includes(":") ? `[${host}]` : host}:${port}`
  const address = unixPath === null ? shown : `unix:${unixPath}`
  if (tokenFile === null && hosts.length === 0) return address
  return { address, ...(tokenFile !== null && { token: tokenFile }), ...(hosts.length > 0 && { hosts }) }
}

/** `admin` of sluice.yaml, read and written. */
import { adminAddress } from "../admin-address.ts"
import type { AdminConfig, Config } from "../model.ts"
import type { AdminInput } from "./schema.ts"
import { writeXds } from "./xds.ts"

/** @param input conforms to the schema */
export function readAdmin(input: AdminInput): AdminConfig {
  const { address, token = null, hosts = [] } = typeof input === "object" ? input : { address: input }
  if (address === undefined) return "default"
  if (address === "off") return "off"
  const { host, port, unixPath } = adminAddress(address)!
  return { host, port, unixPath, tokenFile: token, hosts }
}

/** What `readAdmin`, and `readXds` of its `xds`, read as `admin`; undefined for the default. */
export function writeAdmin({ admin, xds }: Pick<Config, "admin" | "xds">): AdminInput | undefined {
  const written = xds === null ? {} : { xds: writeXds(xds) }
  if (admin === "default") return xds === null ? undefined : written
  if (admin === "off") return xds === null ? "off" : { address: "off", ...written }
  const { host, port, unixPath, tokenFile, hosts } = admin
  const shown = host === "127.0.0.1" ? port! : `${host?.includes(":") ? `[${host}]` : host}:${port}`
  const address = unixPath === null ? shown : `unix:${unixPath}`
  if (tokenFile === null && hosts.length === 0 && xds === null) return address
  return {
    address,
    ...(tokenFile !== null && { token: tokenFile }),
    ...(hosts.length > 0 && { hosts }),
    ...written,
  }
}

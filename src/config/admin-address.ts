import { isIP, isIPv4 } from "node:net"
import { type Address, hostAddress, parseAddress } from "./address.ts"
import type { AdminListenConfig } from "./model.ts"

/** As `listenAddress`, but a port alone is this machine's own: an admin API is not opened to others by leaving out a host. */
export function adminAddress(input: number | string): Address | null {
  const text = String(input)
  const full = /^\d+$/.test(text) ? `127.0.0.1:${text}` : text.replace(/^\*:/, "0.0.0.0:")
  if (full.startsWith("unix:") || !/:0+$/.test(full)) return parseAddress(full, null)
  const host = parseAddress(full.replace(/0+$/, "1"), null)?.host
  return host === undefined || host === null ? null : hostAddress(host, 0)
}

/** Only this machine can reach it. */
export function isOwnMachine({ host, unixPath }: Pick<AdminListenConfig, "host" | "unixPath">): boolean {
  if (unixPath !== null || host === "localhost" || host === "::1") return true
  return isIP(host ?? "") !== 0 && isIPv4(host!) && host!.startsWith("127.")
}

/** Why an admin address cannot be used as it is; null: it can. */
export function adminProblem(admin: AdminListenConfig): string | null {
  if (isOwnMachine(admin) || admin.tokenFile !== null) return null
  return `others can reach ${admin.host}: a file with a token is needed`
}

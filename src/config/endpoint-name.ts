import type { UpstreamTlsConfig } from "./shared-model.ts"

/** Calls say the name that the endpoint's certificate must have: it is a template. */
export function isNameSaidByCall({ serverName }: UpstreamTlsConfig): boolean {
  return (serverName ?? "").includes("$")
}

/** The name that is the same for all calls; null: the address's host, or each says its own. */
export function fixedName(tls: UpstreamTlsConfig): string | null {
  return isNameSaidByCall(tls) ? null : tls.serverName
}

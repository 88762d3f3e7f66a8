import { isNameSaidByCall } from "../config/endpoint-name.ts"
import type { UpstreamTlsConfig } from "../config/shared-model.ts"
import type { TcpSettings } from "../config/tcp-model.ts"
import type { StreamRecord } from "../record/record.ts"
import type { Template } from "../record/template.ts"
import type { TemplateEnvironment } from "../record/variables.ts"
import { localAddressSaid, nameSaid } from "../relay/route/endpoint-connector.ts"

/** What of a server's settings holds for a session on its way to an endpoint, with all variables filled in. */
export interface SessionSettings extends TcpSettings {
  readonly uploadOctetsPerSecond: number | null
  readonly downloadOctetsPerSecond: number | null
  /** The name of the endpoint's certificate that the session says; null: that of the TLS settings. */
  readonly serverName: string | null
}

/** By what a session is known as. */
export type SettingsFor = (record: StreamRecord, env: TemplateEnvironment) => SessionSettings

/** Those of a server; without variables they are the same object for all sessions. */
export function settingsFor(
  settings: TcpSettings,
  tls: UpstreamTlsConfig | null,
  templateOf: (source: string) => Template,
): SettingsFor {
  const { uploadOctetsPerSecond: up, downloadOctetsPerSecond: down, bindAddress } = settings
  const rates = [up, down].map((rate) => (typeof rate === "string" ? templateOf(rate) : rate))
  const local = bindAddress?.includes("$") === true ? templateOf(bindAddress) : null
  const name = tls !== null && isNameSaidByCall(tls) ? templateOf(tls.serverName!) : null
  const fixed = (rate: number | string | null): number | null => (typeof rate === "string" ? null : rate)
  const common: SessionSettings = {
    ...settings,
    uploadOctetsPerSecond: fixed(up),
    downloadOctetsPerSecond: fixed(down),
    bindAddress: local === null ? bindAddress : null,
    serverName: null,
  }
  if (local === null && name === null && rates.every((rate) => rate === null || typeof rate === "number"))
    return () => common
  return (record, env) => {
    const [upload, download] = rates.map((rate) =>
      rate === null || typeof rate === "number" ? rate : rateOf(rate.render(record, env)),
    )
    return {
      ...common,
      uploadOctetsPerSecond: upload!,
      downloadOctetsPerSecond: download!,
      bindAddress: local === null ? bindAddress : localAddressSaid(local, record, env),
      serverName: name === null ? null : nameSaid(name, record, env),
    }
  }
}

/** nginx's sizes, `64k` or `1m`; null: no limit, as where it is none of them. */
function rateOf(text: string): number | null {
  const [, digits, unit] = /^(\d{1,12})([km]?)$/i.exec(text) ?? []
  if (digits === undefined) return null
  return Number(digits) * ({ k: 1024, m: 1024 ** 2 }[unit!.toLowerCase()] ?? 1) || null
}

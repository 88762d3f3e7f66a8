/** nginx's `$ssl_…`. Source: ngx_event_openssl.c. */
import type { Clock } from "../base/clock.ts"
import type { StreamRecord, TlsInfo } from "./record.ts"

type Variable = (record: StreamRecord, env: { readonly clock: Clock }) => string | undefined

/** Undefined and empty texts are nginx's "not found". */
function ofTls(read: (tls: TlsInfo) => string | undefined): Variable {
  return ({ connection: { tls } }) => (tls === null ? undefined : read(tls) || undefined)
}

function ofClient(
  read: (certificate: NonNullable<TlsInfo["clientCertificate"]>) => string | undefined,
): Variable {
  return ofTls(({ clientCertificate }) => (clientCertificate == null ? undefined : read(clientCertificate)))
}

const DAY_SECONDS = 86_400

function daysLeft(end: string, wallMs: number): string {
  const seconds = Math.floor(Date.parse(end) / 1000) - Math.floor(wallMs / 1000)
  return String(Math.max(0, Math.floor(seconds / DAY_SECONDS)))
}

export const TLS_VARIABLES: readonly [name: string, variable: Variable][] = [
  ["ssl_protocol", ofTls(({ protocol }) => protocol)],
  ["ssl_cipher", ofTls(({ cipher }) => cipher)],
  ["ssl_server_name", ofTls(({ serverName }) => serverName)],
  ["ssl_session_reused", ofTls(({ isResumed }) => (isResumed === true ? "r" : "."))],
  ["ssl_alpn_protocol", ofTls(({ alpn }) => alpn)],
  ["ssl_early_data", ofTls(() => undefined)],
  ["ssl_client_verify", ofTls(({ clientVerify }) => clientVerify)],
  ["ssl_client_s_dn", ofTls(({ clientSubject }) => clientSubject)],
  ["ssl_client_i_dn", ofClient(({ issuer }) => issuer)],
  ["ssl_client_s_dn_legacy", ofClient(({ subjectLegacy }) => subjectLegacy)],
  ["ssl_client_i_dn_legacy", ofClient(({ issuerLegacy }) => issuerLegacy)],
  ["ssl_client_serial", ofClient(({ serial }) => serial)],
  ["ssl_client_fingerprint", ofClient(({ fingerprint }) => fingerprint)],
  ["ssl_client_v_start", ofClient(({ validFrom }) => validFrom)],
  ["ssl_client_v_end", ofClient(({ validTo }) => validTo)],
  [
    "ssl_client_v_remain",
    ({ connection: { tls } }, { clock }) =>
      tls?.clientCertificate == null ? undefined : daysLeft(tls.clientCertificate.validTo, clock.wallMs()),
  ],
  ["ssl_client_raw_cert", ofClient(({ pem }) => pem)],
  ["ssl_client_cert", ofClient(({ pem }) => pem.trimEnd().replaceAll("\n", "\n\t"))],
  ["ssl_client_escaped_cert", ofClient(({ pem }) => escapeComponent(pem))],
]

/** nginx's NGX_ESCAPE_URI_COMPONENT: all but the unreserved characters of RFC 3986. */
function escapeComponent(text: string): string {
  return text.replace(
    /[^A-Za-z0-9._~-]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  )
}

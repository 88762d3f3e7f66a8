/** nginx's variables of `stream {}` that HTTP has not. Source: nginx.org, the modules of ngx_stream. */
import type { Clock } from "../base/clock.ts"
import type { AttemptRecord, ClientHello, StreamRecord } from "./record.ts"
import { seconds } from "./time-text.ts"

type Variable = (record: StreamRecord, env: { readonly clock: Clock }) => string | undefined

function ofHello(read: (hello: ClientHello) => string): Variable {
  return ({ connection }) => {
    const hello = connection.tcp?.hello ?? null
    return hello === null ? undefined : read(hello)
  }
}

/** One entry for each endpoint tried; undefined: none was. */
export function perTry(
  entry: (attempt: AttemptRecord) => string,
): (record: StreamRecord) => string | undefined {
  return ({ attempts, attemptsTold }) => {
    const length = Math.min(attempts.length, attemptsTold ?? attempts.length)
    if (length === 0) return undefined
    let list = entry(attempts[0]!)
    for (let i = 1; i < length; i++) list += `, ${entry(attempts[i]!)}`
    return list
  }
}

export function sinceStart(startMs: number, thenMs: number): string {
  return thenMs === 0 ? "-" : seconds(thenMs - startMs)
}

export const TCP_VARIABLES: readonly [name: string, variable: Variable][] = [
  ["protocol", ({ connection }) => connection.protocol],
  ["bytes_received", ({ requestOctets }) => String(requestOctets)],
  ["session_time", ({ startMs, endMs }, { clock }) => seconds((endMs || clock.now()) - startMs)],
  ["ssl_preread_protocol", ofHello(({ protocol }) => protocol)],
  ["ssl_preread_server_name", ofHello(({ serverName }) => serverName)],
  ["ssl_preread_alpn_protocols", ofHello(({ alpnProtocols }) => alpnProtocols)],
  ["upstream_first_byte_time", perTry(({ startMs, headersMs }) => sinceStart(startMs, headersMs))],
  ["upstream_session_time", perTry(({ startMs, endMs }) => sinceStart(startMs, endMs))],
]

/** Of HTTP's variables those that `stream {}` has too. */
const SHARED = `remote_addr remote_port binary_remote_addr realip_remote_addr realip_remote_port proxy_protocol_addr
  proxy_protocol_port proxy_protocol_server_addr proxy_protocol_server_port server_addr server_port server_name
  bytes_sent status connection nginx_version hostname pid msec time_iso8601 time_local limit_conn_status upstream_addr
  upstream_bytes_sent upstream_bytes_received upstream_connect_time ssl_protocol ssl_cipher ssl_server_name
  ssl_session_reused ssl_alpn_protocol ssl_client_verify ssl_client_s_dn ssl_client_i_dn ssl_client_serial
  ssl_client_fingerprint ssl_client_v_start ssl_client_v_end ssl_client_v_remain ssl_client_raw_cert ssl_client_cert
  ssl_client_escaped_cert`

/** What `stream {}` has an answer to. */
export const TCP_NAMES: ReadonlySet<string> = new Set([
  ...TCP_VARIABLES.map(([name]) => name),
  ...SHARED.split(/\s+/),
])

/** What HTTP has no such variable for. */
export const TCP_ONLY: ReadonlySet<string> = new Set(TCP_VARIABLES.map(([name]) => name))

/** Parts of the model that HTTP and TCP both have. */

export interface UpstreamTlsConfig {
  verify: boolean
  verifyDepth: number
  caFile: string | null
  /** Revocation lists, one of each authority of the chain. nginx: `grpc_ssl_crl`, `proxy_ssl_crl`. */
  crlFile: string | null
  /** With `$variables` the call says it; never so where `UpstreamTlsConfig` is of a TCP server or of a service. */
  serverName: string | null
  sendServerName: boolean
  certFile: string | null
  keyFile: string | null
  /** Passphrases, one a line, of which one opens the key. */
  passwordFile: string | null
  protocols: string[] | null
  ciphers: string | null
  /** What TCP sessions offer; null: nothing. HTTP/2 has its own. */
  alpnProtocols: string[] | null
}

export interface AccessLogConfig {
  path: string
  template: string
  escape: "default" | "json" | "none"
  /** Written only when it is neither empty nor "0". */
  ifTemplate: string | null
  bufferOctets: number
  flushMs: number | null
}

/** nginx: `limit_conn`. */
export interface StreamLimits {
  limits: { zone: string; most: number }[]
  status: number
  dryRun: boolean
}

/** How fast one side of a stream may send. What comes faster waits, and that side has no credit for more. */
export interface MessageLimit {
  from: "client" | "backend"
  counts: "messages" | "octets"
  /** A second. */
  rate: number
  /** How much may come at once beyond that. */
  burst: number
  /** All streams of one key count together; null: each stream by itself. */
  zone: string | null
}

export type ZoneKind = "requests" | "streams" | "messages"

export function zoneKindOf({ rate, ofMessages }: Pick<ZoneConfig, "rate" | "ofMessages">): ZoneKind {
  return ofMessages === true ? "messages" : rate === null ? "streams" : "requests"
}

/** Where keys are counted, by all data threads together. nginx: `limit_req_zone`, `limit_conn_zone`. */
export interface ZoneConfig {
  name: string
  /** A template. */
  key: string
  octets: number
  /** Requests a second; null: it counts streams, or messages. */
  rate: number | null
  ofMessages?: true
}

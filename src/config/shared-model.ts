/** Parts of the model that HTTP and TCP both have. */

export interface UpstreamTlsConfig {
  verify: boolean
  verifyDepth: number
  caFile: string | null
  serverName: string | null
  sendServerName: boolean
  certFile: string | null
  keyFile: string | null
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

/** Where keys are counted, by all data threads together. nginx: `limit_req_zone`, `limit_conn_zone`. */
export interface ZoneConfig {
  name: string
  /** A template. */
  key: string
  octets: number
  /** Requests a second; null: it counts streams. */
  rate: number | null
}

/** TLS towards backends: nginx's `grpc_ssl_…` and `proxy_ssl_…`. */
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
}

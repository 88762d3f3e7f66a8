/** TCP servers: nginx's `stream {}`. */
import type { DeclaredVariable } from "../record/declared/declared.ts"
import type { AccessLogConfig, StreamLimits, UpstreamTlsConfig, ZoneConfig } from "./shared-model.ts"

/** All of it is apart from HTTP: variables and zones of the same names are others. */
export interface TcpConfig {
  servers: TcpServerConfig[]
  variables: DeclaredVariable[]
  zones: ZoneConfig[]
}

/** What becomes of the connections of TCP listeners. Strings named *template* may hold `$variables`. */
export interface TcpServerConfig {
  /** As of `ServerConfig`; a client says its name by SNI, where TLS is terminated or looked into. */
  names: string[]
  listeners: string[]
  /** Listener names for which this server is chosen where no name fits. Otherwise the first server of a listener is. */
  defaultFor: string[]
  action: TcpAction
  settings: TcpSettings
}

export type TcpAction =
  /** The name of a cluster. */
  | { kind: "cluster"; cluster: string; tls: UpstreamTlsConfig | null }
  /** A cluster or an address named by variables; with `resolve`, a host's name too. */
  | { kind: "variable"; template: string; resolve: boolean; tls: UpstreamTlsConfig | null }
  /** Goes on at another listener of this process, of HTTP or TCP, by its address. nginx: `pass`. */
  | { kind: "pass"; template: string }
  /** Is told the text, and the connection ends. */
  | { kind: "return"; template: string }
  /** Ends at once. */
  | { kind: "none" }

export interface TcpSettings {
  /** nginx: `set`. */
  set: [variable: string, template: string][]
  /** The name and protocols of a ClientHello are read before an endpoint is picked. nginx: `ssl_preread`. */
  readHello: boolean
  /** For all of a ClientHello. */
  prereadTimeoutMs: number
  /** Most octets that are held until it is there. */
  prereadOctets: number
  proxyProtocolTimeoutMs: number
  handshakeTimeoutMs: number
  connectTimeoutMs: number
  /** Longest silence of both sides. */
  idleTimeoutMs: number
  retry: TcpRetryConfig
  /** The PROXY protocol's header that the endpoint is told the client by. */
  sendProxyProtocol: "none" | "v1" | "v2"
  /** Each direction ends by itself. */
  halfClose: boolean
  /** Octets a second that are read from the client, or a template that comes to them; null: as many as come. */
  uploadOctetsPerSecond: number | string | null
  downloadOctetsPerSecond: number | string | null
  /** An IP address, with a port or without, or a template that comes to one; null: any. */
  bindAddress: string | null
  socketKeepalive: boolean
  noDelay: boolean
  /** In order; the first that fits counts. `from`: a network, `unix:` or `all`. */
  rules: { allow: boolean; from: string }[]
  limits: StreamLimits
  /** Networks, or `unix:`, of proxies that are believed who the client is, by the PROXY protocol. */
  realIpFrom: string[]
  accessLogs: AccessLogConfig[]
}

/** When another endpoint is tried for a session that has not connected. */
export interface TcpRetryConfig {
  isOn: boolean
  /** Most tries in all; null: as many as there are endpoints. */
  tries: number | null
  timeoutMs: number | null
}

import type { ListenerConfig } from "../config/model.ts"
import type { TlsListener } from "../net/tls-listener.ts"
import type { TcpServers } from "./tcp-server.ts"

/** A TCP listener as its sessions see it. A reload changes all of it; a session keeps the servers that it began with. */
export interface OpenTcpListener {
  readonly config: ListenerConfig
  readonly servers: TcpServers
  readonly tls: TlsListener | null
}

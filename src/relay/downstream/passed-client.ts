import type { Socket } from "node:net"
import type { Address } from "../../config/address.ts"
import type { ProxiedConnection, TlsInfo } from "../../record/record.ts"

/** An address and a port; port 0: of a Unix socket. */
export interface SocketEnd {
  readonly address: string
  readonly port: number
}

/**
 * A client that one listener has accepted and that goes on at another: nginx's `pass`. Its socket is counted, paused, and no
 * one's until the other begins to read.
 */
export interface PassedClient {
  /** Over TLS or not. */
  readonly socket: Socket
  /** What the client has sent and was not for the listener before. */
  readonly held: Buffer
  /** Of a client whose TLS ended at the listener before. */
  readonly tls: TlsInfo | null
  /** Who the client is, as the listener before has it. */
  readonly remote: SocketEnd
  /** The address that it was passed to. */
  readonly local: SocketEnd
  readonly proxied: ProxiedConnection | null
  /** Listeners before this one. */
  readonly passes: number
}

/** What takes a client over that is passed to `address`; null: no listener is there. */
export type FindListener = (address: Address) => ((client: PassedClient) => void) | null

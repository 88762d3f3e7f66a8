import { connect as connectSocket, type NetConnectOpts, type Socket } from "node:net"
import { readBindAddress } from "../config/bind-address.ts"
import type { EndpointConfig } from "../config/model.ts"
import { type OnOctets, readInto } from "./shared-read.ts"

/** Starts a TCP (or unix socket) connection to an endpoint. Errors come as the socket's `error` event. */
export function connect(endpoint: EndpointConfig, bindAddress: string | null, onOctets: OnOctets): Socket {
  const options = { ...endpointOptions(endpoint, bindAddress), onread: readInto(onOctets) }
  return connectSocket(options as NetConnectOpts)
}

/** The same for a socket that is read as a stream. */
export function connectStream(endpoint: EndpointConfig): Socket {
  return connectSocket(endpointOptions(endpoint, null) as NetConnectOpts)
}

/** How a TCP session connects to its endpoint. */
export interface HalfOpenOptions {
  /** An IP address to connect from, with a port or without; null: any. */
  readonly bindAddress: string | null
  readonly socketKeepalive: boolean
  readonly noDelay: boolean
}

/** For a socket whose two directions end each by itself. It does not read before `readShared`. */
export function connectHalfOpen(
  endpoint: EndpointConfig,
  { bindAddress, socketKeepalive, noDelay }: HalfOpenOptions,
): Socket {
  const options = { ...endpointOptions(endpoint, bindAddress), keepAlive: socketKeepalive, noDelay }
  const socket = connectSocket({ ...options, allowHalfOpen: true } as NetConnectOpts)
  return socket.pause()
}

/** Where an endpoint is and how a socket to it behaves, with TLS or without. */
export function endpointOptions(endpoint: EndpointConfig, bindAddress: string | null) {
  const where =
    endpoint.unixPath === null
      ? { host: endpoint.host ?? "127.0.0.1", port: endpoint.port ?? 80 }
      : { path: endpoint.unixPath }
  return {
    ...where,
    ...(bindAddress === null ? {} : localEnd(bindAddress)),
    noDelay: true,
    allowHalfOpen: false,
  }
}

function localEnd(bindAddress: string) {
  const { address, port } = readBindAddress(bindAddress) ?? { address: bindAddress, port: 0 }
  return { localAddress: address, ...(port > 0 && { localPort: port }) }
}

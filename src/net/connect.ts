import { connect as connectSocket, type NetConnectOpts, type Socket } from "node:net"
import type { EndpointConfig } from "../config/model.ts"
import { type OnOctets, readInto } from "./listen.ts"

/** Starts a TCP (or unix socket) connection to an endpoint. Errors come as the socket's `error` event. */
export function connect(endpoint: EndpointConfig, bindAddress: string | null, onOctets: OnOctets): Socket {
  const where =
    endpoint.unixPath === null
      ? { host: endpoint.host ?? "127.0.0.1", port: endpoint.port ?? 80 }
      : { path: endpoint.unixPath }
  const options = {
    ...where,
    ...(bindAddress === null ? {} : { localAddress: bindAddress }),
    noDelay: true,
    allowHalfOpen: false,
    onread: readInto(onOctets),
  }
  return connectSocket(options as NetConnectOpts)
}

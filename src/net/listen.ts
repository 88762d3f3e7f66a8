import { createServer, type Socket } from "node:net"
import type { ListenerConfig } from "../config/model.ts"
import { errorReason } from "./link.ts"
import { type OnOctets, readShared } from "./shared-read.ts"

/** An address Sluice accepts on, open. */
export interface Listening {
  /** Where it listens: the port that was asked for, or the one the system chose for 0. */
  readonly port: number | null
  /** Takes no more connections; those that are open stay. */
  close(): void
}

/**
 * Opens a listener. `takeOver` is asked first: true when it goes on with the socket itself, as TLS does; nothing has
 * been read from it. Errors: one sentence that names the address and the cause.
 */
export async function listen(
  config: ListenerConfig,
  onConnection: (accept: (onOctets: OnOctets) => Socket) => void,
  takeOver: (socket: Socket) => boolean = () => false,
): Promise<Listening> {
  const server = createServer({
    pauseOnConnect: true,
    noDelay: true,
    keepAlive: config.socketKeepalive,
    allowHalfOpen: false,
  })
  server.on("connection", (socket) => {
    if (takeOver(socket)) return
    onConnection((onOctets) => {
      readShared(socket, onOctets)
      return socket
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new Error(listenProblem(config, error))))
    server.listen(
      {
        ...(config.unixPath === null
          ? { host: config.host ?? "::", port: config.port ?? 0 }
          : { path: config.unixPath }),
        ...(config.backlog === null ? {} : { backlog: config.backlog }),
        ipv6Only: config.ipv6Only,
        reusePort: config.reusePort,
      },
      resolve,
    )
  })
  server.on("error", () => {})
  const address = server.address()
  return {
    port: address !== null && typeof address === "object" ? address.port : null,
    close: () => void server.close(),
  }
}

/** One sentence on why an address cannot be listened on. */
export function listenProblem(config: ListenerConfig, error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === "EADDRINUSE") return `cannot listen on ${config.name}: the port is taken by another program`
  if (code === "EACCES") return `cannot listen on ${config.name}: no permission (ports below 1024 need root)`
  if (code === "EADDRNOTAVAIL") return `cannot listen on ${config.name}: this machine has no such address`
  return `cannot listen on ${config.name}: ${errorReason(error)}`
}

import { createServer, type Server, Socket } from "node:net"
import type { ListenerConfig } from "../config/model.ts"
import { errorReason } from "./link.ts"

/** One read buffer for every socket: Node hands it over synchronously, and whoever reads copies what is to stay. */
const READ_OCTETS = 65_536

/** Receives `length` octets at the start of the shared buffer. */
export type OnOctets = (octets: Buffer, length: number) => void

const readBuffer = Buffer.allocUnsafeSlow(READ_OCTETS)

/** `onread` for a socket: no allocation for each read. */
export function readInto(onOctets: OnOctets) {
  return {
    buffer: readBuffer,
    callback(length: number): boolean {
      onOctets(readBuffer, length)
      return true
    },
  }
}

/** An address Sluice accepts on, open. */
export interface Listening {
  /** Where it listens: the port that was asked for, or the one the system chose for 0. */
  readonly port: number | null
  /** Takes no more connections; those that are open stay. */
  close(): Promise<void>
}

/** The handle that `net.Socket` and `net.Server` keep to themselves. */
interface Internals {
  _handle: object | null
  _connections: number
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
    if (!takeOver(socket)) onConnection((onOctets) => adopt(server, socket, onOctets))
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
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/**
 * Makes the accepted socket anew around the same handle. Only a socket that is born with `onread` reads into a shared
 * buffer, and `net.Server` cannot be told to make such; worth 10 to 25 % on small messages.
 */
function adopt(server: Server, accepted: Socket, onOctets: OnOctets): Socket {
  const from = accepted as unknown as Internals
  const handle = from._handle
  from._handle = null
  ;(server as unknown as Internals)._connections--
  const options = { handle, allowHalfOpen: false, onread: readInto(onOctets) }
  const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0])
  socket.resume()
  return socket
}

/** One sentence on why an address cannot be listened on. */
export function listenProblem(config: ListenerConfig, error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === "EADDRINUSE") return `cannot listen on ${config.name}: the port is taken by another program`
  if (code === "EACCES") return `cannot listen on ${config.name}: no permission (ports below 1024 need root)`
  if (code === "EADDRNOTAVAIL") return `cannot listen on ${config.name}: this machine has no such address`
  return `cannot listen on ${config.name}: ${errorReason(error)}`
}

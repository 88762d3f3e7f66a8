import { connect, createServer, type Server, Socket, type SocketConstructorOpts } from "node:net"
import { Connection } from "./connection.ts"
import type { ConnectionOwner } from "./stream.ts"

/** One buffer for every socket of the process: the reader is done with it before the next read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024)
const BACKLOG = 4096

/** Connects to 127.0.0.1. Resolves when the socket stands; HTTP/2's greeting goes out in the same turn. */
export function dial(port: number, owner: ConnectionOwner): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let connection: Connection | undefined
    const socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (octets, bytes) => {
          connection?.receive(bytes as Buffer, octets)
          return true
        },
      },
    })
    socket.once("error", reject)
    socket.once("connect", () => {
      socket.off("error", reject)
      connection = new Connection(socket, true, owner)
      resolve(connection)
    })
  })
}

/** Listens on a free port of 127.0.0.1. */
export function listen(owner: ConnectionOwner): Promise<Server> {
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (accepted) => accept(accepted, owner))
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen({ host: "127.0.0.1", port: 0, backlog: BACKLOG }, () => resolve(server))
  })
}

/** Node offers `onread` only when a socket is made, so an accepted one is made again around its handle. */
function accept(accepted: Socket, owner: ConnectionOwner): void {
  const handle = (accepted as unknown as { _handle: unknown })._handle
  if (handle === null) return
  let connection: Connection | undefined
  const options = {
    handle,
    onread: {
      buffer: READ_BUFFER,
      callback: (octets: number, bytes: Buffer) => {
        connection?.receive(bytes, octets)
        return true
      },
    },
  }
  const socket = new Socket(options as unknown as SocketConstructorOpts)
  connection = new Connection(socket, false, owner)
  socket.resume()
}

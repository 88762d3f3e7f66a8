import { once } from "node:events"
import { connect, createServer } from "node:net"
import { Connection, type ConnectionOwner } from "../../bench/load/connection.ts"

/** Connects to 127.0.0.1; HTTP/2's greeting goes out in the same turn. */
export async function dial(port: number, owner: ConnectionOwner): Promise<Connection> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true })
  await once(socket, "connect")
  const connection = new Connection(socket, true, owner)
  socket.on("data", (octets) => connection.receive(octets, octets.length))
  return connection
}

/** Listens on an address of loopback. */
export async function listen(port: number, owner: ConnectionOwner, host = "127.0.0.1"): Promise<void> {
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = new Connection(socket, false, owner)
    socket.on("data", (octets) => connection.receive(octets, octets.length))
  })
  server.listen({ host, port, backlog: 4096 })
  await once(server, "listening")
}

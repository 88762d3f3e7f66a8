import { once } from "node:events"
import { connect, createServer, type Server, Socket, type SocketConstructorOpts } from "node:net"
import { type ConnectionOptions, connect as connectTls, createServer as createTlsServer } from "node:tls"
import { makeCertificate } from "./certificate.ts"
import { Connection, type ConnectionOwner } from "./connection.ts"

/** One buffer for every socket of the process: the reader is done with it before the next read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024)
const BACKLOG = 4096
/**
 * One cipher and one key exchange for all peers, so that their preferences make no difference. Those with OpenSSL 3.5, as
 * Node, would choose X25519MLKEM768 where it is offered, which others do not have: a handshake then costs them more.
 */
const CIPHER = "TLS_AES_128_GCM_SHA256"
const GROUP = "X25519"

/** Connects to 127.0.0.1. Resolves when the socket stands, its handshake done; the greeting goes out in the same turn. */
export async function dial(port: number, tls: boolean, owner: ConnectionOwner): Promise<Connection> {
  let connection: Connection | undefined
  const options = {
    host: "127.0.0.1",
    port,
    noDelay: true,
    onread: {
      buffer: READ_BUFFER,
      callback: (octets: number, bytes: Uint8Array) => {
        connection?.receive(bytes as Buffer, octets)
        return true
      },
    },
  }
  const security: ConnectionOptions = {
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
    ciphers: CIPHER,
    ecdhCurve: GROUP,
  }
  const socket = tls ? connectTls({ ...options, ...security }) : connect(options)
  await once(socket, tls ? "secureConnect" : "connect")
  if ("alpnProtocol" in socket && socket.alpnProtocol !== "h2") throw new Error("the proxy did not choose h2")
  connection = new Connection(socket, true, owner)
  return connection
}

/** Listens on a free port of 127.0.0.1. */
export async function listen(owner: ConnectionOwner): Promise<Server> {
  return opened(createServer({ pauseOnConnect: true, noDelay: true }, (accepted) => accept(accepted, owner)))
}

/** The same over TLS: what a client without a proxy between speaks to. */
export async function listenTls(owner: ConnectionOwner): Promise<Server> {
  const { pem: cert, key } = await makeCertificate()
  const server = createTlsServer({ cert, key, ALPNProtocols: ["h2"], noDelay: true }, (socket) => {
    const connection = new Connection(socket, false, owner)
    socket.on("data", (bytes: Buffer) => connection.receive(bytes, bytes.length))
  })
  return opened(server)
}

async function opened(server: Server): Promise<Server> {
  server.listen({ host: "127.0.0.1", port: 0, backlog: BACKLOG })
  await once(server, "listening")
  return server
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

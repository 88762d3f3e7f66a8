import { once } from "node:events"
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls"

/** A handshake with 127.0.0.1:port, no matter who is there. Rejects with what TLS says. */
export async function shakeHands(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    host: "127.0.0.1",
    port,
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
    ...options,
  })
  await once(socket, "secureConnect")
  socket.on("error", () => {})
  return socket
}

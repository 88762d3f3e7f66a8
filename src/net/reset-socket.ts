import type { Socket } from "node:net"

/** Closes with a reset, where there is one: not on Unix sockets, and over TLS the missing alert says the same. */
export function resetSocket(socket: Socket): void {
  const isTcp = socket.remoteAddress !== undefined && (socket as { encrypted?: boolean }).encrypted !== true
  if (isTcp) socket.resetAndDestroy()
  else socket.destroy()
}

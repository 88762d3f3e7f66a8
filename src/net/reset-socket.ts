import type { LinkSocket } from "./link-socket.ts"

/** Closes with a reset, where there is one: not on Unix sockets, and over TLS the missing alert says the same. */
export function resetSocket(socket: LinkSocket): void {
  const isTcp = socket.remoteAddress !== undefined && (socket as { encrypted?: boolean }).encrypted !== true
  if (isTcp) socket.resetAndDestroy()
  else socket.destroy()
}

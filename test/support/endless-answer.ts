import type { Socket } from "node:net"

/** An answer of `start`, then `piece` for as long as it is taken. */
export function endless(start: string, piece: string): (socket: Socket) => void {
  return (socket) => {
    socket.write(start)
    const more = (): void => {
      if (socket.destroyed) return
      if (socket.write(piece)) setImmediate(more)
      else socket.once("drain", more)
    }
    more()
  }
}

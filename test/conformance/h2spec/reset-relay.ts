import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

export interface ResetRelay {
  port: number
  stop(): Promise<void>
}

/**
 * Passes octets between whoever connects and `target`, and turns a TCP reset into an orderly close.
 *
 * h2spec 2.2.1, the newest release that is a Go module, means to count both as "connection closed", but takes a reset for a
 * failed read when it is built with a Go of this decade. Its later releases mended that; this does the same from outside.
 */
export async function startResetRelay(target: number): Promise<ResetRelay> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  }
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true })
    keep(near)
    keep(far)
    join(near, far)
    join(far, near)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the relay has no port")
  return {
    port: address.port,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
}

/** Octets and the end go from one to the other; so does a reset, as an end. */
function join(from: Socket, to: Socket): void {
  from.setNoDelay()
  from.on("data", (chunk) => to.write(chunk))
  from.on("end", () => to.end())
  from.on("error", () => to.end())
  // Both directions are over once one side is gone.
  from.on("close", () => to.destroySoon())
}

import type { Server } from "node:net"
import type { ListenerConfig } from "../config/model.ts"
import { AcceptedSocket } from "./accepted-socket.ts"
import type { LinkSocket } from "./link-socket.ts"
import type { OnOctets } from "./shared-read.ts"
import { type StreamHandle, streamBinding } from "./stream-binding.ts"

/** What a listening `net.Server` has below it. */
interface ListeningHandle {
  /** TCP alone has it. */
  setNoDelay?(on: boolean): void
  /** `status` is 0 where a client has come. */
  onconnection?: (status: number, client: StreamHandle | undefined) => void
}

/**
 * Accepts the clients of `server` as `AcceptedSocket`s, except while `needsSockets`: then, and on a Node that has other
 * internals, `net.Server` makes them.
 */
export function acceptBelow(
  server: Server,
  { socketKeepalive }: ListenerConfig,
  onConnection: (accept: (onOctets: OnOctets) => LinkSocket) => void,
  needsSockets: () => boolean,
): void {
  const { _handle: handle } = server as unknown as { _handle?: ListeningHandle | null }
  const acceptSocket = handle?.onconnection
  if (streamBinding === null || handle == null || acceptSocket === undefined) return
  // What is accepted has it from the socket that listens, without a system call of its own.
  handle.setNoDelay?.(true)
  handle.onconnection = (status, client) => {
    if (status !== 0 || client?.useUserBuffer === undefined || needsSockets())
      return acceptSocket.call(handle, status, client)
    if (socketKeepalive) client.setKeepAlive?.(true, 0)
    onConnection((onOctets) => new AcceptedSocket(client, onOctets))
  }
}

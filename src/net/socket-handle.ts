/**
 * Listening sockets below `net.Server`: bound and named, not polled. This is the one file that uses what Node keeps under an
 * underscore; `node:cluster` stands on the same calls.
 */
import net from "node:net"

/** What node:net wraps a socket in. */
export interface SocketHandle {
  /** The descriptor; -1 once closed. */
  readonly fd: number
  close(): void
  /** Fills in `out`, or returns an error's number. A Unix socket's handle has none. */
  getsockname?(out: { address?: string; port?: number; family?: string }): number
}

/** `UV_TCP_IPV6ONLY` and `UV_TCP_REUSEPORT` of libuv. */
const IPV6_ONLY = 1
const REUSE_PORT = 2

interface Internals {
  _createServerHandle(
    address: string | null,
    port: number,
    family: 4 | 6 | -1 | null,
    fd?: number,
    flags?: number,
  ): SocketHandle | number
}

const { _createServerHandle: createHandle } = net as unknown as Internals

/** Binds a TCP socket. A number is the error, as libuv numbers it. */
export function bindTcp(
  address: string,
  port: number,
  { ipv6Only, reusePort }: { ipv6Only: boolean; reusePort: boolean },
): SocketHandle | number {
  const family = address.includes(":") ? 6 : 4
  const flags = (ipv6Only && family === 6 ? IPV6_ONLY : 0) | (reusePort ? REUSE_PORT : 0)
  return createHandle(address, port, family, -1, flags)
}

/** Binds a Unix socket. Closing the handle removes the file. */
export function bindUnix(path: string): SocketHandle | number {
  return createHandle(path, -1, -1)
}

/** The socket that `fd` is. Closing the handle closes the descriptor, and leaves the file of a Unix socket. */
export function openDescriptor(fd: number): SocketHandle | number {
  return createHandle(null, 0, null, fd)
}

/** Where a TCP socket is bound; null: it is none, or not bound. */
export function boundAddress(handle: SocketHandle): { address: string; port: number } | null {
  const out: { address?: string; port?: number } = {}
  if (handle.getsockname === undefined || handle.getsockname(out) !== 0) return null
  const { address, port } = out
  return address === undefined || port === undefined ? null : { address, port }
}

import { lookup } from "node:dns/promises"
import { chmodSync, lstatSync, statSync, unlinkSync } from "node:fs"
import { isIP } from "node:net"
import { getSystemErrorName } from "node:util"
import type { ListenerConfig } from "../config/model.ts"
import { localAddressOf } from "../config/wildcard.ts"
import { listenProblem } from "./listen-problem.ts"
import { bindTcp, bindUnix, boundAddress, openDescriptor, type SocketHandle } from "./socket-handle.ts"
import { removeStaleSocket } from "./stale-socket.ts"
import { unixPathOf } from "./unix-path.ts"

/** Elsewhere SO_REUSEPORT does not deal connections out. */
const CAN_SHARE = process.platform === "linux"

/** Where a listening socket is bound: a host with a port, or a path. */
export interface BoundAddress {
  readonly host: string | null
  readonly port: number | null
  readonly unixPath: string | null
}

/** Where a listening socket comes from: this process bound it, or it was given by the one before it or by systemd. */
export type SocketOrigin = "bound" | "predecessor" | "systemd"

/**
 * A socket that is bound to an address and that others accept on: this process's threads, by copies of its descriptor, and the
 * process that takes its place. While it is open, connections wait in its queue even when nothing accepts them.
 */
export class ListeningSocket {
  readonly address: BoundAddress
  readonly origin: SocketOrigin
  readonly #handle: SocketHandle

  constructor(handle: SocketHandle, address: BoundAddress, origin: SocketOrigin) {
    this.#handle = handle
    this.address = address
    this.origin = origin
  }

  get fd(): number {
    return this.#handle.fd
  }

  /** Closes it and removes the file of a Unix socket, unless systemd made it. */
  close(): void {
    const { unixPath } = this.address
    // libuv removes the file of a socket that it bound.
    this.#handle.close()
    if (unixPath !== null && this.origin === "predecessor") removeFile(unixPath)
  }

  /** Closes it, and leaves it to the process that has a copy. */
  leave(): void {
    // libuv would remove the file; the end of this process closes the descriptor without that.
    if (this.address.unixPath === null || this.origin !== "bound") this.#handle.close()
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It is gone, and that was wanted.
  }
}

/**
 * Binds the address of a listener: `sockets` times, so that the kernel deals new connections out among them (SO_REUSEPORT);
 * a Unix socket, and where the kernel cannot, once. Errors: throws a sentence that names the address and the cause.
 */
export async function bindSockets(config: ListenerConfig, sockets: number): Promise<ListeningSocket[]> {
  if (config.unixPath !== null) return [await bindFile(config, config.unixPath)]
  const host = await addressOf(config)
  const isShared = config.reusePort || (sockets > 1 && CAN_SHARE)
  if (!isShared) return [bindOne(config, host, config.port ?? 0, false)]
  // Others could share the port unnoticed; so it is tried alone first, unless the configuration asks for sharing.
  if (!config.reusePort) bindOne(config, host, config.port ?? 0, false).close()
  const bound: ListeningSocket[] = []
  try {
    for (let i = 0; i < sockets; i++) {
      const port = bound[0]?.address.port ?? config.port ?? 0
      bound.push(bindOne(config, host, port, true))
    }
  } catch (error) {
    for (const socket of bound) socket.close()
    throw error
  }
  return bound
}

function bindOne(config: ListenerConfig, host: string, port: number, reusePort: boolean): ListeningSocket {
  const handle = bindTcp(host, port, { ipv6Only: config.ipv6Only, reusePort })
  if (typeof handle === "number") throw problemOf(config, handle)
  const at = boundAddress(handle)
  // libuv keeps EADDRINUSE until the socket listens, and a socket that is not bound would listen on any port.
  if (at === null || at.port === 0 || (port !== 0 && at.port !== port)) {
    handle.close()
    throw problemOf(config, "EADDRINUSE")
  }
  const address = { host: at.address, port: at.port, unixPath: null }
  return new ListeningSocket(handle, address, "bound")
}

async function bindFile(config: ListenerConfig, path: string): Promise<ListeningSocket> {
  let handle = bindUnix(path)
  if (typeof handle === "number" && codeOf(handle) === "EADDRINUSE") {
    const why = await removeStaleSocket(path)
    if (why !== null) throw new Error(`${problemOf(config, handle).message}, and ${why}`)
    handle = bindUnix(path)
  }
  if (typeof handle === "number") throw problemOf(config, handle)
  // As nginx's, for every user: who may reach it is told by its directory.
  chmodSync(path, statSync(path).mode | 0o666)
  const address = { host: null, port: null, unixPath: path }
  return new ListeningSocket(handle, address, "bound")
}

/** `host` as an address of its own, as the kernel writes it. */
export async function addressOf(config: ListenerConfig): Promise<string> {
  const host = config.host ?? "::"
  if (isIP(host) !== 0) return localAddressOf(host)
  try {
    return (await lookup(host)).address
  } catch (error) {
    throw new Error(listenProblem(config, error as NodeJS.ErrnoException))
  }
}

/** The listening socket that this process was given as descriptor `fd`. Null: it is none. */
export function inheritSocket(fd: number, origin: SocketOrigin): ListeningSocket | null {
  const handle = openDescriptor(fd)
  if (typeof handle === "number") return null
  const at = boundAddress(handle)
  if (at !== null) {
    const address = { host: at.address, port: at.port, unixPath: null }
    return new ListeningSocket(handle, address, origin)
  }
  const unixPath = unixPathOf(fd)
  if (unixPath === null || lstatSync(unixPath, { throwIfNoEntry: false })?.isSocket() !== true) return null
  const address = { host: null, port: null, unixPath }
  return new ListeningSocket(handle, address, origin)
}

function problemOf(config: ListenerConfig, error: number | string): Error {
  const code = typeof error === "string" ? error : codeOf(error)
  return new Error(listenProblem(config, Object.assign(new Error(code), { code })))
}

function codeOf(error: number): string {
  return getSystemErrorName(error)
}

import { existsSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { dirname } from "node:path"
import type { ListenerConfig } from "../config/model.ts"
import { errorReason } from "./link.ts"
import { type OnOctets, readShared } from "./shared-read.ts"
import { removeStaleSocket } from "./stale-socket.ts"

/** An address Sluice accepts on, open. */
export interface Listening {
  /** Where it listens: the port that was asked for, or the one the system chose for 0. */
  readonly port: number | null
  /** Takes no more connections; those that are open stay. */
  close(): void
}

/**
 * Opens a listener. `takeOver` is asked first: true when it goes on with the socket itself, as TLS does; nothing has
 * been read from it. Errors: one sentence that names the address and the cause.
 */
export async function listen(
  config: ListenerConfig,
  onConnection: (accept: (onOctets: OnOctets) => Socket) => void,
  takeOver: (socket: Socket) => boolean = () => false,
): Promise<Listening> {
  const server = createServer({
    pauseOnConnect: true,
    noDelay: true,
    keepAlive: config.socketKeepalive,
    allowHalfOpen: false,
  })
  server.on("connection", (socket) => {
    if (takeOver(socket)) return
    onConnection((onOctets) => {
      readShared(socket, onOctets)
      return socket
    })
  })
  const error = await tryToListen(server, config)
  if (error !== null) {
    const isLeftBehind = config.unixPath !== null && error.code === "EADDRINUSE"
    const why = isLeftBehind ? await removeStaleSocket(config.unixPath!) : null
    const again = isLeftBehind && why === null ? await tryToListen(server, config) : error
    if (again !== null) throw new Error(listenProblem(config, again) + (why === null ? "" : `, and ${why}`))
  }
  server.on("error", () => {})
  const address = server.address()
  return {
    port: address !== null && typeof address === "object" ? address.port : null,
    close: () => void server.close(),
  }
}

/** Null: it listens. */
function tryToListen(server: Server, config: ListenerConfig): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    server.once("error", resolve)
    server.listen(
      {
        ...(config.unixPath === null
          ? { host: config.host ?? "::", port: config.port ?? 0 }
          : // As nginx's, for every user: who may reach it is told by its directory.
            { path: config.unixPath, readableAll: true, writableAll: true }),
        ...(config.backlog === null ? {} : { backlog: config.backlog }),
        ipv6Only: config.ipv6Only,
        reusePort: config.reusePort,
      },
      () => {
        server.removeListener("error", resolve)
        resolve(null)
      },
    )
  })
}

/**
 * Why an address could never be listened on here: its name is unknown, this machine does not have it, or its directory
 * is missing. Null: it could, if its port is free.
 */
export async function addressProblem(config: ListenerConfig): Promise<string | null> {
  if (config.unixPath !== null) {
    if (existsSync(dirname(config.unixPath))) return null
    return listenProblem(config, Object.assign(new Error("no directory"), { code: "ENOENT" }))
  }
  if (config.host === null || isUnspecified(config.host)) return null
  const server = createServer()
  const error = await tryToListen(server, { ...config, port: 0, reusePort: false })
  server.close()
  return error === null ? null : listenProblem(config, error)
}

function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || host === "::"
}

/** One sentence on why an address cannot be listened on. */
export function listenProblem(config: ListenerConfig, error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  if (config.unixPath !== null)
    return `cannot listen on ${config.name}: ${unixProblem(config.unixPath, error)}`
  if (code === "EADDRINUSE") return `cannot listen on ${config.name}: the port is taken by another program`
  if (code === "EACCES") return `cannot listen on ${config.name}: no permission (ports below 1024 need root)`
  if (code === "EADDRNOTAVAIL") return `cannot listen on ${config.name}: this machine has no such address`
  return `cannot listen on ${config.name}: ${errorReason(error)}`
}

function unixProblem(path: string, error: NodeJS.ErrnoException): string {
  const { code } = error
  const directory = dirname(path)
  if (code === "EADDRINUSE") return "the file is there already"
  // Node says EACCES of a directory that is not there, too.
  if ((code === "EACCES" || code === "ENOENT") && !existsSync(directory))
    return `the directory ${directory} does not exist`
  if (code === "EACCES") return `no permission to write to the directory ${directory}`
  return errorReason(error)
}

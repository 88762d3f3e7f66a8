import { existsSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { dirname } from "node:path"
import type { ListenerConfig } from "../config/model.ts"
import { isUnspecified } from "../config/wildcard.ts"
import { listenProblem } from "./listen-problem.ts"
import { type OnOctets, readShared } from "./shared-read.ts"
import { removeStaleSocket } from "./stale-socket.ts"

/**
 * As many as the system lets wait (Linux: net.core.somaxconn), where the configuration says nothing. Node asks for 511: of
 * 10,000 clients that come at once most had their SYN dropped, and came again after a second or more.
 */
const BACKLOG_MAX = 65_535

/** An address Sluice accepts on, open. */
export interface Listening {
  /** Where it listens: the port that was asked for, or the one the system chose for 0. */
  readonly port: number | null
  /** Takes no more connections; those that are open stay. */
  close(): void
}

export type OnAccept = (accept: (onOctets: OnOctets) => Socket) => void
export type TakeOver = (socket: Socket) => boolean

/**
 * Opens a listener. `takeOver` is asked first: true when it goes on with the socket itself, as TLS does; nothing has
 * been read from it. Errors: one sentence that names the address and the cause.
 */
export async function listen(
  config: ListenerConfig,
  onConnection: OnAccept,
  takeOver: TakeOver = () => false,
): Promise<Listening> {
  const server = makeServer(config, onConnection, takeOver)
  const error = await tryToListen(server, config)
  if (error !== null) {
    const isLeftBehind = config.unixPath !== null && error.code === "EADDRINUSE"
    const why = isLeftBehind ? await removeStaleSocket(config.unixPath!) : null
    const again = isLeftBehind && why === null ? await tryToListen(server, config) : error
    if (again !== null) throw new Error(listenProblem(config, again) + (why === null ? "" : `, and ${why}`))
  }
  return listening(server)
}

/**
 * Opens a listener on a socket that is bound already, by its descriptor, which is closed with the listener or when this
 * fails. Errors: as `listen`.
 */
export async function listenOn(
  fd: number,
  config: ListenerConfig,
  onConnection: OnAccept,
  takeOver: TakeOver = () => false,
): Promise<Listening> {
  const server = makeServer(config, onConnection, takeOver)
  const error = await attempt(server, (done) => server.listen({ fd }, config.backlog ?? BACKLOG_MAX, done))
  if (error !== null) throw new Error(listenProblem(config, error))
  return listening(server)
}

function makeServer(config: ListenerConfig, onConnection: OnAccept, takeOver: TakeOver): Server {
  const server = createServer({
    pauseOnConnect: true,
    noDelay: true,
    keepAlive: config.socketKeepalive,
    allowHalfOpen: config.protocol === "tcp",
  })
  server.on("connection", (socket) => {
    if (takeOver(socket)) return
    onConnection((onOctets) => {
      readShared(socket, onOctets)
      return socket
    })
  })
  return server
}

function listening(server: Server): Listening {
  server.on("error", () => {})
  const address = server.address()
  return {
    port: address !== null && typeof address === "object" ? address.port : null,
    close: () => void server.close(),
  }
}

/** Null: it listens. */
function tryToListen(server: Server, config: ListenerConfig): Promise<NodeJS.ErrnoException | null> {
  const place =
    config.unixPath === null
      ? { host: config.host ?? "::", port: config.port ?? 0 }
      : // As nginx's, for every user: who may reach it is told by its directory.
        { path: config.unixPath, readableAll: true, writableAll: true }
  const { backlog, ipv6Only, reusePort } = config
  const options = { ...place, backlog: backlog ?? BACKLOG_MAX, ipv6Only, reusePort }
  return attempt(server, (done) => server.listen(options, done))
}

function attempt(server: Server, open: (done: () => void) => void): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    server.once("error", resolve)
    open(() => {
      server.removeListener("error", resolve)
      resolve(null)
    })
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

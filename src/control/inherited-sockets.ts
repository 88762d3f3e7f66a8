import type { ListenerConfig } from "../config/model.ts"
import type { Log } from "../log/logger.ts"
import {
  addressOf,
  type BoundAddress,
  inheritSocket,
  type ListeningSocket,
  type SocketOrigin,
} from "../net/listening-socket.ts"

/** The first descriptor that systemd passes: SD_LISTEN_FDS_START. */
export const FIRST_FD = 3

/** How a process tells the one that takes its place which sockets it has given it. */
export const UPGRADE_VARIABLE = "SLUICE_UPGRADE"

/** What is in that variable. */
export interface UpgradeNotice {
  /** The process that started this one. */
  readonly of: number
  readonly sockets: readonly {
    readonly fd: number
    /** The name of its listener. */
    readonly name: string
    readonly origin: SocketOrigin
  }[]
}

/** A listening socket that this process was started with. */
export interface InheritedSocket {
  readonly socket: ListeningSocket
  /** The name of a listener, or what systemd calls it (FileDescriptorName=). */
  readonly name: string
}

export interface Inheritance {
  readonly sockets: readonly InheritedSocket[]
  /** This process takes the place of its parent, which waits until it listens. */
  readonly isUpgrade: boolean
}

/**
 * The sockets that this process was started with: by systemd (sd_listen_fds(3)), or by the process whose place it takes.
 * Takes the variables that say so out of `env`, or children would look for sockets that they do not have.
 */
export function inheritSockets(
  env: NodeJS.ProcessEnv,
  { pid, ppid }: { pid: number; ppid: number },
  log: Log,
): Inheritance {
  const notice = upgradeNotice(env[UPGRADE_VARIABLE], ppid)
  const given = notice?.sockets ?? fromSystemd(env, pid)
  for (const name of [UPGRADE_VARIABLE, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete env[name]
  const sockets: InheritedSocket[] = []
  for (const { fd, name, origin } of given) {
    const socket = inheritSocket(fd, origin)
    if (socket === null) log.warn("an inherited descriptor is no listening socket", { descriptor: fd, name })
    else sockets.push({ socket, name })
  }
  return { sockets, isUpgrade: notice !== null }
}

function upgradeNotice(text: string | undefined, ppid: number): UpgradeNotice | null {
  if (text === undefined) return null
  const notice = JSON.parse(text) as UpgradeNotice
  // Left behind in the environment of another process, it means nothing.
  return notice.of === ppid ? notice : null
}

function fromSystemd(env: NodeJS.ProcessEnv, pid: number): UpgradeNotice["sockets"] {
  if (Number(env.LISTEN_PID) !== pid) return []
  const names = (env.LISTEN_FDNAMES ?? "").split(":")
  const many = Number(env.LISTEN_FDS)
  if (!Number.isInteger(many) || many < 0) return []
  return Array.from({ length: many }, (_, index) => ({
    fd: FIRST_FD + index,
    name: names[index] ?? "",
    origin: "systemd",
  }))
}

/**
 * The inherited sockets of each listener, taken out of `left`: those bound to its address; else those of its name, where it
 * leaves the port to the system or systemd names the socket after it; else, for a wildcard, those of the other family that
 * take its clients too.
 */
export async function matchInherited(
  listeners: readonly ListenerConfig[],
  left: InheritedSocket[],
): Promise<Map<string, ListeningSocket[]>> {
  const matched = new Map<string, ListeningSocket[]>()
  if (left.length === 0) return matched
  for (const fits of [isAtAddress, isNamed, isWildcardOfPort])
    for (const listener of listeners) {
      if (matched.has(listener.name)) continue
      const host = listener.unixPath === null ? await addressOf(listener) : null
      const found = left.filter((inherited) => fits(inherited, { ...listener, host }))
      if (found.length === 0) continue
      matched.set(
        listener.name,
        found.map(({ socket }) => socket),
      )
      for (const each of found) left.splice(left.indexOf(each), 1)
    }
  return matched
}

type Wanted = BoundAddress & { readonly name: string }

function isAtAddress({ socket: { address } }: InheritedSocket, wanted: Wanted): boolean {
  return address.host === wanted.host && address.port === wanted.port && address.unixPath === wanted.unixPath
}

function isNamed({ socket: { address, origin }, name }: InheritedSocket, wanted: Wanted): boolean {
  if (name !== wanted.name || (address.unixPath === null) !== (wanted.unixPath === null)) return false
  return origin === "systemd" || (wanted.port === 0 && address.host === wanted.host)
}

/** `ListenStream=443` of systemd is `[::]:443`, which takes IPv4 too. */
function isWildcardOfPort({ socket: { address } }: InheritedSocket, wanted: Wanted): boolean {
  return address.host === "::" && wanted.host === "0.0.0.0" && address.port === wanted.port
}

import type { Socket } from "node:net"
import { seededRandom } from "../../../src/base/random.ts"
import type { EndpointConfig, ListenerConfig } from "../../../src/config/model.ts"
import type { Listening } from "../../../src/net/listen.ts"
import type { Network } from "../../../src/net/network.ts"
import type { OnOctets } from "../../../src/net/shared-read.ts"
import type { Conditions } from "./pipe.ts"
import type { Scheduler } from "./scheduler.ts"
import { type LineUser, VirtualLink, type WireTap } from "./virtual-link.ts"

type Accept = (accept: (onOctets: OnOctets) => Socket) => void

/** How an endpoint's machine answers those who would connect. */
export type Reachability = "up" | "refusing" | "silent"

interface Host {
  reachability: Reachability
  /** Makes the backend's end of a new connection. */
  serve(link: VirtualLink): LineUser
}

export interface NetworkOptions {
  scheduler: Scheduler
  conditions: Conditions
  seed: number
  /** Makes the observer of a new connection. */
  tap(name: string, role: "server" | "client"): WireTap
}

/** A network of virtual connections: the balancer's `Network`, and the places its peers live at. */
export class VirtualNetwork implements Network {
  /** Connections whose balancer's end is open. */
  readonly links = new Set<VirtualLink>()
  readonly #options: NetworkOptions
  readonly #listeners = new Map<string, Accept>()
  readonly #hosts = new Map<string, Host>()
  readonly #made = new Map<string, number>()

  constructor(options: NetworkOptions) {
    this.#options = options
  }

  get listenersOpen(): number {
    return this.#listeners.size
  }

  // ---- Network ------------------------------------------------------------------------------------------------

  readonly listen = async (config: ListenerConfig, onConnection: Accept): Promise<Listening> => {
    this.#listeners.set(config.name, onConnection)
    const close = async (): Promise<void> => void this.#listeners.delete(config.name)
    return { port: config.port, close }
  }

  readonly connect = (endpoint: EndpointConfig, _bindAddress: string | null, onOctets: OnOctets): Socket => {
    const { scheduler, conditions } = this.#options
    const { address } = endpoint
    const host = this.#hosts.get(address)!
    const link = this.#link(address, "client", { address, port: endpoint.port ?? 0 }, onOctets)
    if (host.reachability === "silent") link.silence()
    else
      scheduler.in(conditions.delayMs, () => {
        if (link.socket.destroyed || link.isSilent) return
        if (host.reachability === "up") link.connected(host.serve(link))
        else if (host.reachability === "refusing") link.refused()
        else link.silence()
      })
    return link.socket as unknown as Socket
  }

  afterReads(callback: () => void): void {
    const { scheduler } = this.#options
    scheduler.soon(() => scheduler.runBalancer(callback))
  }

  // ---- Its places ---------------------------------------------------------------------------------------------

  /** Puts a backend at `address`. */
  host(address: string, serve: (link: VirtualLink) => LineUser): void {
    this.#hosts.set(address, { reachability: "up", serve })
  }

  setReachability(address: string, reachability: Reachability): void {
    this.#hosts.get(address)!.reachability = reachability
  }

  /** Connects a client to a listener. Null: refused. */
  dial(listener: string, name: string, makeUser: (link: VirtualLink) => LineUser): VirtualLink | null {
    const accept = this.#listeners.get(listener)
    if (accept === undefined) return null
    let link: VirtualLink | null = null
    const open = (onOctets: OnOctets): Socket => {
      link = this.#link(name, "server", { address: "198.51.100.7", port: 40_000 + this.#made.size }, onOctets)
      return link.socket as unknown as Socket
    }
    this.#options.scheduler.runBalancer(() => accept(open))
    if (link === null) return null
    const made: VirtualLink = link
    made.connected(makeUser(made))
    return made
  }

  #link(
    place: string,
    role: "server" | "client",
    remote: { address: string; port: number },
    onOctets: OnOctets,
  ): VirtualLink {
    const { scheduler, conditions, seed } = this.#options
    const number = (this.#made.get(place) ?? 0) + 1
    this.#made.set(place, number)
    const name = number === 1 ? place : `${place} #${number}`
    const link = new VirtualLink({
      name,
      scheduler,
      conditions,
      // Its own chance, so that a connection fares alike whatever else happens.
      random: seededRandom(hash(`${seed} ${name}`)),
      remote,
      onOctets,
      tap: this.#options.tap(name, role),
      onClosed: (closed) => void this.links.delete(closed),
    })
    this.links.add(link)
    return link
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value >>> 0
}

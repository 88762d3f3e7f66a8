import type { Socket } from "node:net"
import type { ListenerConfig } from "../config/model.ts"
import type { Listening } from "../net/listen.ts"
import type { Network } from "../net/network.ts"
import type { TlsListener } from "../net/tls-listener.ts"
import type { Clients } from "../relay/downstream/clients.ts"
import type { OpenListener } from "../relay/downstream/listener-view.ts"
import type { Route } from "../relay/route/route.ts"
import type { Router } from "../relay/route/router.ts"
import type { LiveConfig } from "./config-compiler.ts"
import type { OpenAddress } from "./status.ts"

/** A listener that is open, or opens. */
interface Accepting extends OpenListener {
  config: ListenerConfig
  router: Router<Route>
  tls: TlsListener | null
  listening: Listening | null
}

/** The listeners that are open, each with what the configuration in force has for its clients. */
export class Listeners {
  readonly #network: Network
  readonly #clients: Clients
  readonly #open = new Map<string, Accepting>()

  constructor(network: Network, clients: Clients) {
    this.#network = network
    this.#clients = clients
  }

  get names(): string[] {
    return [...this.#open.keys()]
  }

  get addresses(): OpenAddress[] {
    return [...this.#open.values()].map(({ config, listening }) => ({
      name: config.name,
      host: config.host,
      port: listening!.port,
      unixPath: config.unixPath,
    }))
  }

  find(name: string): OpenListener | undefined {
    return this.#open.get(name)
  }

  /** False: not open yet. Errors: throws where it is open at another address. */
  isOpen(config: ListenerConfig): boolean {
    const open = this.#open.get(config.name)
    if (open !== undefined && !isSameAddress(open.config, config))
      throw new Error(`listener ${config.name} cannot move to another address; give the new one another name`)
    return open !== undefined
  }

  /** All that the configuration has are open: from now on they lead where it says. */
  lead({ config, routers, tls }: LiveConfig): void {
    for (const listener of config.listeners) {
      const open = this.#open.get(listener.name)!
      open.config = listener
      open.router = routers.get(listener.name)!
      open.tls = tls.find(listener.name)
    }
  }

  /** Errors: one sentence that names the address. */
  async open(config: ListenerConfig, { routers, tls }: LiveConfig): Promise<void> {
    const { name } = config
    const listener: Accepting = { config, router: routers.get(name)!, tls: tls.find(name), listening: null }
    listener.listening = await this.#network.listen(
      config,
      (accept) => this.#clients.accept(listener, accept),
      (socket) => this.#handshake(listener, socket),
    )
    this.#open.set(name, listener)
  }

  close(name: string): void {
    this.#open.get(name)?.listening?.close()
    this.#open.delete(name)
  }

  /** Closes it and lets its clients go. Until they have gone they reach what it led to, never what another leads to. */
  remove(name: string): void {
    const listener = this.#open.get(name)
    this.close(name)
    if (listener !== undefined) this.#clients.drain(listener)
  }

  /** Over TLS a client is served after its handshake. False: this listener has no TLS. */
  #handshake(listener: Accepting, socket: Socket): boolean {
    const { tls } = listener
    if (tls === null) return false
    if (this.#clients.admitHandshake(listener, socket)) tls.handshake(socket, listener.config.proxyProtocol)
    return true
  }
}

function isSameAddress(one: ListenerConfig, other: ListenerConfig): boolean {
  return one.host === other.host && one.port === other.port && one.unixPath === other.unixPath
}

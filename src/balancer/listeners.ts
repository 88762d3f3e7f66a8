import type { Socket } from "node:net"
import type { ListenerConfig } from "../config/model.ts"
import type { Listening } from "../net/listen.ts"
import type { Network } from "../net/network.ts"
import type { TlsListener } from "../net/tls-listener.ts"
import type { Clients } from "../relay/downstream/clients.ts"
import type { OpenListener } from "../relay/downstream/listener-view.ts"
import type { Route } from "../relay/route/route.ts"
import type { Router } from "../relay/route/router.ts"
import type { TcpClients } from "../tcp/tcp-clients.ts"
import type { OpenTcpListener } from "../tcp/tcp-listener.ts"
import type { TcpServers } from "../tcp/tcp-server.ts"
import type { LiveConfig } from "./config-compiler.ts"
import type { OpenAddress } from "./status.ts"

/** A listener that is open, or opens. */
interface Accepting extends OpenListener {
  config: ListenerConfig
  router: Router<Route>
  tls: TlsListener | null
  listening: Listening | null
}

/** The same of one whose connections are relayed as they are. */
interface AcceptingTcp extends OpenTcpListener {
  config: ListenerConfig
  servers: TcpServers
  tls: TlsListener | null
  listening: Listening | null
}

/** The listeners that are open, each with what the configuration in force has for its clients. */
export class Listeners {
  readonly #network: Network
  readonly #clients: Clients
  readonly #tcp: TcpClients
  readonly #open = new Map<string, Accepting | AcceptingTcp>()

  constructor(network: Network, clients: Clients, tcp: TcpClients) {
    this.#network = network
    this.#clients = clients
    this.#tcp = tcp
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

  find(name: string): Pick<OpenListener, "config"> | undefined {
    return this.#open.get(name)
  }

  /** One of HTTP. */
  findHttp(name: string): OpenListener | undefined {
    const open = this.#open.get(name)
    return open !== undefined && "router" in open ? open : undefined
  }

  /** False: not open yet. Errors: throws where it is open at another address, or with another protocol. */
  isOpen(config: ListenerConfig): boolean {
    const open = this.#open.get(config.name)
    if (open !== undefined && !isSameAddress(open.config, config))
      throw new Error(`listener ${config.name} cannot move to another address; give the new one another name`)
    if (open !== undefined && open.config.protocol !== config.protocol)
      throw new Error(`listener ${config.name} cannot change its protocol; give the new one another name`)
    return open !== undefined
  }

  /** All that the configuration has are open: from now on they lead where it says. */
  lead({ config, routers, tcp, tls }: LiveConfig): void {
    for (const listener of config.listeners) {
      const open = this.#open.get(listener.name)!
      open.config = listener
      open.tls = tls.find(listener.name)
      if ("router" in open) open.router = routers.get(listener.name)!
      else open.servers = tcp.get(listener.name)!
    }
  }

  /** Errors: one sentence that names the address. */
  async open(config: ListenerConfig, live: LiveConfig): Promise<void> {
    if (config.protocol === "tcp") return this.#openTcp(config, live)
    const { name } = config
    const { routers, tls } = live
    const listener: Accepting = { config, router: routers.get(name)!, tls: tls.find(name), listening: null }
    listener.listening = await this.#network.listen(
      config,
      (accept) => this.#clients.accept(listener, accept),
      (socket) => this.#handshake(listener, socket),
    )
    this.#open.set(name, listener)
  }

  async #openTcp(config: ListenerConfig, { tcp, tls }: LiveConfig): Promise<void> {
    const { name } = config
    const listener: AcceptingTcp = { config, servers: tcp.get(name)!, tls: tls.find(name), listening: null }
    const takeOver = (socket: Socket): true => {
      this.#tcp.accept(listener, socket)
      return true
    }
    listener.listening = await this.#network.listen(config, () => {}, takeOver)
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

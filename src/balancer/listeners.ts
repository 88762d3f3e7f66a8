import type { Socket } from "node:net"
import type { Address } from "../config/address.ts"
import type { ListenerConfig } from "../config/model.ts"
import { listenerAt } from "../config/pass-address.ts"
import { localAddressOf, wildcardOf } from "../config/wildcard.ts"
import type { Listening } from "../net/listen.ts"
import type { Network } from "../net/network.ts"
import { readShared } from "../net/shared-read.ts"
import type { TlsListener } from "../net/tls-listener.ts"
import type { Clients } from "../relay/downstream/clients.ts"
import type { OpenListener } from "../relay/downstream/listener-view.ts"
import type { PassedClient } from "../relay/downstream/passed-client.ts"
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
  /** Those whose clients come by its socket, by their addresses; null: there are none. */
  within: Map<string, Accepting | AcceptingTcp> | null
}

/** The same of one whose connections are relayed as they are. */
interface AcceptingTcp extends OpenTcpListener {
  config: ListenerConfig
  servers: TcpServers
  tls: TlsListener | null
  listening: Listening | null
  within: Accepting["within"]
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
      // One without a socket of its own says its port.
      port: listening === null ? config.port : listening.port,
      unixPath: config.unixPath,
    }))
  }

  /** What takes over a client that another listener has accepted, by the address that it is passed to; null: none is there. */
  findAt(address: Address): ((client: PassedClient) => void) | null {
    const places = [...this.#open.values()].map((open) => {
      const { config, listening } = open
      return { host: config.host, port: listening?.port ?? config.port, unixPath: config.unixPath, open }
    })
    const found = listenerAt(address, places)
    return found === null ? null : (client) => this.#receive(found.open, client)
  }

  find(name: string): Pick<OpenListener, "config"> | undefined {
    return this.#open.get(name)
  }

  /** One of HTTP. */
  findHttp(name: string): OpenListener | undefined {
    const open = this.#open.get(name)
    return open !== undefined && "router" in open ? open : undefined
  }

  /**
   * False: not open yet. Errors: throws where it is open at another address, with another protocol, or by the socket of one that
   * is not among `listeners`, which are all.
   */
  isOpen(config: ListenerConfig, listeners: readonly ListenerConfig[]): boolean {
    const open = this.#open.get(config.name)
    if (open?.listening === null && wildcardOf(config, listeners) === null)
      throw new Error(`listener ${config.name} cannot leave the socket of all addresses; restart`)
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
    this.share()
  }

  /**
   * Clients come by its own socket at once, by that of all addresses from the next `share` or `lead` on. Errors: one
   * sentence that names the address.
   */
  async open(config: ListenerConfig, live: LiveConfig): Promise<void> {
    const { name } = config
    const common = { config, tls: live.tls.find(name), listening: null, within: null }
    const opened: Accepting | AcceptingTcp =
      config.protocol === "tcp"
        ? { ...common, servers: live.tcp.get(name)! }
        : { ...common, router: live.routers.get(name)! }
    if (wildcardOf(config, live.config.listeners) === null)
      opened.listening = await this.#network.listen(
        config,
        (accept) => {
          if ("router" in opened) this.#clients.accept(opened, accept)
        },
        (socket) => this.#takeOver(opened, socket),
      )
    this.#open.set(name, opened)
  }

  /** Clients who come by the socket of all addresses are those of the listener of their address, where there is one. */
  share(): void {
    const configs = [...this.#open.values()].map(({ config }) => config)
    for (const open of this.#open.values()) open.within = null
    for (const open of this.#open.values()) {
      const wildcard = open.listening === null ? wildcardOf(open.config, configs) : null
      if (wildcard === null) continue
      const its = this.#open.get(wildcard.name)!
      its.within ??= new Map()
      its.within.set(localAddressOf(open.config.host!), open)
    }
  }

  /**
   * Sessions of TCP, clients of another listener, and those over TLS, who are served after their handshake. False: the socket
   * is to be read as it is.
   */
  #takeOver(opened: Accepting | AcceptingTcp, socket: Socket): boolean {
    const listener = ofAddress(opened, socket)
    if (listener !== opened) {
      // It was made as the socket of all addresses has it.
      socket.allowHalfOpen = listener.config.protocol === "tcp"
      socket.setKeepAlive(listener.config.socketKeepalive)
    }
    if (!("router" in listener)) this.#tcp.accept(listener, socket)
    else if (listener.tls !== null) {
      if (this.#clients.admitHandshake(listener, socket))
        listener.tls.handshake(socket, listener.config.proxyProtocol)
    } else if (listener === opened) return false
    else
      this.#clients.accept(listener, (onOctets) => {
        readShared(socket, onOctets)
        return socket
      })
    return true
  }

  #receive(listener: Accepting | AcceptingTcp, client: PassedClient): void {
    const { socket, held } = client
    const { protocol, socketKeepalive, proxyProtocol } = listener.config
    socket.allowHalfOpen = protocol === "tcp"
    socket.setKeepAlive(socketKeepalive)
    if (!("router" in listener)) return this.#tcp.receive(listener, client)
    socket.setNoDelay(true)
    if (listener.tls === null) return this.#clients.receive(listener, client)
    this.#clients.receiveHandshake(listener, client)
    if (held.length > 0) socket.unshift(held)
    listener.tls.handshake(socket, proxyProtocol, client)
  }

  close(name: string): void {
    this.#open.get(name)?.listening?.close()
    this.#open.delete(name)
    this.share()
  }

  /** Closes it and lets its clients go. Until they have gone they reach what it led to, never what another leads to. */
  remove(name: string): void {
    const listener = this.#open.get(name)
    this.close(name)
    if (listener !== undefined) this.#clients.drain(listener)
  }
}

/** The listener that a socket's client came to. */
function ofAddress(opened: Accepting | AcceptingTcp, socket: Socket): Accepting | AcceptingTcp {
  if (opened.within === null) return opened
  const address = socket.localAddress?.replace(/^::ffff:(?=\d+\.)/i, "") ?? ""
  return opened.within.get(address) ?? opened
}

function isSameAddress(one: ListenerConfig, other: ListenerConfig): boolean {
  return one.host === other.host && one.port === other.port && one.unixPath === other.unixPath
}

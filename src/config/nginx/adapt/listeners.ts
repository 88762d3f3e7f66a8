/** The listeners of all servers, and which server of each answers for names that none has. */
import type { Address } from "../../address.ts"
import { defaultListener } from "../../defaults.ts"
import type { ListenerConfig } from "../../model.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readTimeMs } from "../units.ts"
import type { Adapter } from "./adapter.ts"
import type { ListenerDraft, ListeningDraft } from "./drafts.ts"
import { type ListenOptions, overlaps } from "./listen.ts"
import { writtenTimeout } from "./settings.ts"
import { adaptListenerTls } from "./tls.ts"

export class Listeners {
  readonly #adapter: Adapter
  readonly #drafts = new Map<string, ListenerDraft>()

  constructor(adapter: Adapter) {
    this.#adapter = adapter
  }

  add(address: Address, options: ListenOptions, server: ListeningDraft): void {
    const draft = this.#drafts.get(address.text)
    if (draft === undefined) {
      this.#drafts.set(address.text, {
        address,
        options: { ...options },
        defaultServer: server,
        servers: [server],
      })
    } else if (!this.#merge(draft, options, server)) return
    server.config.listeners.push(address.text)
    if (options.defaultServer) server.config.defaultFor.push(address.text)
  }

  #merge(draft: ListenerDraft, options: ListenOptions, server: ListeningDraft): boolean {
    const { report } = this.#adapter
    const { address, servers } = draft
    if (servers.includes(server)) {
      report.error(options.span, `a duplicate listen ${address.text}`)
      return false
    }
    if (options.isSet && draft.options.isSet) {
      report.error(options.span, `duplicate listen options for ${address.text}`)
      return false
    }
    if (options.defaultServer && draft.options.defaultServer) {
      report.error(options.span, `a duplicate default server for ${address.text}`)
      return false
    }
    if (options.defaultServer) draft.defaultServer = server
    servers.push(server)
    draft.options = {
      ...(options.isSet ? options : draft.options),
      defaultServer: options.defaultServer || draft.options.defaultServer,
      ssl: options.ssl || draft.options.ssl,
      http2: options.http2 || draft.options.http2,
      proxyProtocol: options.proxyProtocol || draft.options.proxyProtocol,
    }
    return true
  }

  /** @param others that are there already, of HTTP: their sockets take all connections of their addresses */
  build(others: readonly ListenerConfig[] = []): ListenerConfig[] {
    this.#checkOthers(others)
    this.#checkOverlaps()
    this.#checkNames()
    return [...this.#drafts.values()].map((draft) => this.#listener(draft))
  }

  #listener(draft: ListenerDraft): ListenerConfig {
    const { report } = this.#adapter
    const { address, options, servers, defaultServer } = draft
    const listener = defaultListener(address)
    listener.backlog = options.backlog
    listener.reusePort = options.reusePort
    listener.ipv6Only = options.ipv6Only
    listener.proxyProtocol = options.proxyProtocol
    listener.socketKeepalive = options.socketKeepalive
    listener.tls = options.ssl ? adaptListenerTls(this.#adapter, draft) : null
    listener.protocol = this.#adapter.protocol
    if (listener.protocol === "tcp") return listener
    const { scope } = defaultServer
    listener.headerTimeoutMs =
      writtenTimeout(report, scope, "client_header_timeout") ?? listener.headerTimeoutMs
    listener.maxConnectionAgeMs = writtenTimeout(report, scope, "grpc_max_connection_age")
    adaptKeepalive(scope, listener)
    const grace = scope.one("grpc_max_connection_age_grace")
    if (grace !== null) listener.maxConnectionAgeGraceMs = readTimeMs(grace.args[0]!.text)
    const streams = scope.one("http2_max_concurrent_streams")
    if (streams !== null) listener.maxConcurrentStreams = readNumber(streams.args[0]!.text)
    const http2 = options.http2 || servers.some((server) => server.scope.one("http2")?.args[0]?.text === "on")
    if (!http2)
      report.note(options.span, `listen ${address.text}`, "speaks HTTP/2 too, though http2 is not written")
    return listener
  }

  #checkOthers(others: readonly ListenerConfig[]): void {
    for (const { address, options } of this.#drafts.values()) {
      const taken = others.find(({ name, ...other }) => {
        const theirs = { ...other, text: name }
        return (
          name === address.text ||
          overlaps(theirs, address, other.ipv6Only) ||
          overlaps(address, theirs, options.ipv6Only)
        )
      })
      if (taken !== undefined)
        this.#adapter.report.error(
          options.span,
          `${address.text} is taken: a server of http listens on ${taken.name}`,
          "nginx cannot bind it twice either",
        )
    }
  }

  /** One address beside all of its port is a matter of the socket's clients; two sockets for all are refused by the system. */
  #checkOverlaps(): void {
    const drafts = [...this.#drafts.values()]
    for (const other of drafts.filter(({ address }) => address.host === "0.0.0.0")) {
      const wildcard = drafts.find(({ address, options }) =>
        overlaps(address, other.address, options.ipv6Only),
      )
      if (wildcard === undefined) continue
      this.#adapter.report.error(
        other.options.span,
        `${other.address.text} is taken: ${wildcard.address.text} with ipv6only=off takes its clients`,
        "nginx cannot bind it twice either",
      )
    }
  }

  #checkNames(): void {
    for (const { address, servers } of this.#drafts.values()) {
      const seen = new Set<string>()
      for (const { config, span } of servers) {
        for (const name of config.names) {
          if (seen.has(name) && !name.startsWith("~")) {
            this.#adapter.report.warning(
              span,
              `conflicting server name "${name}" on ${address.text}, ignored`,
            )
          }
          seen.add(name)
        }
      }
    }
  }
}

function adaptKeepalive(scope: Scope, listener: ListenerConfig): void {
  const idle = scope.one("keepalive_timeout")?.args[0]
  if (idle !== undefined) listener.idleConnectionTimeoutMs = readTimeMs(idle.text)
  const requests = scope.one("keepalive_requests")
  if (requests !== null) listener.maxRequestsPerConnection = Math.max(1, readNumber(requests.args[0]!.text)!)
  const age = scope.one("keepalive_time")
  if (age === null) return
  const ageMs = readTimeMs(age.args[0]!.text)
  // Every connection is as old as that with its first request.
  if (ageMs === 0) listener.maxRequestsPerConnection = 1
  else listener.maxConnectionAgeMs ??= ageMs
}

import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import type { Clock } from "../base/clock.ts"
import type { ListenerTlsConfig } from "../config/model.ts"
import type { UpstreamTlsConfig } from "../config/shared-model.ts"
import type { Log } from "../log/logger.ts"
import type { ProxiedConnection, TlsInfo } from "../record/record.ts"
import { type CertificatePaths, NO_CERTIFICATE_PATHS } from "./said-certificates.ts"
import { TlsFileWatch } from "./tls-file-watch.ts"
import { TlsListener, type TlsListenerOptions } from "./tls-listener.ts"
import { TlsUpstream } from "./tls-upstream.ts"

export interface TlsStoreOptions {
  handshakeTimeoutMs: number
  clock: Clock
  log: Log
  /** A client of the listener `name` has been through its handshake. */
  onSecured(name: string, socket: TLSSocket, info: TlsInfo): void
  onPlain(name: string, socket: Socket, octets: Buffer, proxied: ProxiedConnection | null): void
  onFailed: TlsListenerOptions["onFailed"]
  stapling: TlsListenerOptions["stapling"]
  onBug: TlsListenerOptions["onBug"]
}

/** All TLS of a balancer: its listeners by name, the settings of its routes, the files behind both. */
export class TlsStore {
  readonly #options: TlsStoreOptions
  readonly #files: TlsFileWatch
  #listeners: ReadonlyMap<string, TlsListener> = new Map()
  /** By their settings, so that routes with the same ones share connections. */
  #upstreams: ReadonlyMap<string, TlsUpstream> = new Map()

  constructor(options: TlsStoreOptions) {
    this.#options = options
    this.#files = new TlsFileWatch(options.clock)
  }

  /** Begins to read what a new configuration needs; nothing that is in force changes before `commit`. */
  plan(): TlsPlan {
    return new TlsPlan(this.#listeners, this.#upstreams, {
      makeListener: (name) => {
        const { handshakeTimeoutMs, clock, log, onSecured, onPlain, onFailed, onBug, stapling } =
          this.#options
        const secured = (socket: TLSSocket, info: TlsInfo) => onSecured(name, socket, info)
        return new TlsListener({
          name,
          handshakeTimeoutMs,
          clock,
          log,
          files: this.#files,
          onSecured: secured,
          onPlain: (socket, octets, proxied) => onPlain(name, socket, octets, proxied),
          onFailed,
          onBug,
          stapling,
        })
      },
      makeUpstream: (config) => new TlsUpstream({ config, files: this.#files, log: this.#options.log }),
      commit: (listeners, upstreams) => {
        this.#listeners = listeners
        this.#upstreams = upstreams
      },
    })
  }

  /** Ends handshakes and stops looking at files. */
  close(): void {
    for (const listener of this.#listeners.values()) listener.close()
    this.#files.close()
  }
}

interface Makers {
  makeListener(name: string): TlsListener
  makeUpstream(config: UpstreamTlsConfig): TlsUpstream
  commit(listeners: Map<string, TlsListener>, upstreams: Map<string, TlsUpstream>): void
}

/** The TLS of a configuration that is about to be live. */
export class TlsPlan {
  readonly #listenersBefore: ReadonlyMap<string, TlsListener>
  readonly #upstreamsBefore: ReadonlyMap<string, TlsUpstream>
  readonly #makers: Makers
  readonly #listeners = new Map<string, TlsListener>()
  readonly #upstreams = new Map<string, TlsUpstream>()
  /** What is new is in force at once, since nothing live uses it; the rest when all is known to be good. */
  readonly #changes: (() => void)[] = []

  constructor(
    listeners: ReadonlyMap<string, TlsListener>,
    upstreams: ReadonlyMap<string, TlsUpstream>,
    makers: Makers,
  ) {
    this.#listenersBefore = listeners
    this.#upstreamsBefore = upstreams
    this.#makers = makers
  }

  /** Reads what a listener needs. `pathsOf`: of certificates whose paths have variables. Errors: throws a sentence that names listener and file. */
  listener(name: string, config: ListenerTlsConfig, pathsOf: CertificatePaths = NO_CERTIFICATE_PATHS): void {
    const before = this.#listenersBefore.get(name)
    const listener = before ?? this.#makers.makeListener(name)
    const use = listener.prepare(config, pathsOf)
    if (before === undefined) use()
    else this.#changes.push(use)
    this.#listeners.set(name, listener)
  }

  /** TLS with these settings. Errors: throws a sentence that names the file. */
  upstream(config: UpstreamTlsConfig): TlsUpstream {
    const key = JSON.stringify(config)
    const known = this.#upstreams.get(key)
    if (known !== undefined) return known
    const before = this.#upstreamsBefore.get(key)
    const upstream = before ?? this.#makers.makeUpstream(config)
    const use = upstream.prepare()
    if (before === undefined) use()
    else this.#changes.push(use)
    this.#upstreams.set(key, upstream)
    return upstream
  }

  find(name: string): TlsListener | null {
    return this.#listeners.get(name) ?? null
  }

  /** Puts it in force. Returns the settings that no route has any more. */
  commit(): TlsUpstream[] {
    for (const use of this.#changes) use()
    this.#makers.commit(this.#listeners, this.#upstreams)
    for (const listener of without(this.#listenersBefore, this.#listeners)) listener.unwatch()
    const gone = without(this.#upstreamsBefore, this.#upstreams)
    for (const upstream of gone) upstream.unwatch()
    return gone
  }

  /** Forgets what is new; the old stays in force. */
  abandon(): void {
    for (const listener of without(this.#listeners, this.#listenersBefore)) listener.close()
    for (const upstream of without(this.#upstreams, this.#upstreamsBefore)) upstream.unwatch()
  }
}

function without<T>(these: ReadonlyMap<string, T>, those: ReadonlyMap<string, T>): T[] {
  return [...these].filter(([key]) => !those.has(key)).map(([, value]) => value)
}

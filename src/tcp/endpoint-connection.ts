import type { Socket } from "node:net"
import type { Endpoint } from "../cluster/endpoint.ts"
import { connectHalfOpen, type HalfOpenOptions } from "../net/connect.ts"
import { errorReason } from "../net/error-reason.ts"
import type { TlsUpstream } from "../net/tls-upstream.ts"

/** Why an endpoint could not be connected to. */
export interface ConnectFailure {
  readonly reason: string
  /** This process has no descriptor left: not the endpoint's fault. */
  readonly isOurs: boolean
}

export interface EndpointConnectionOptions extends HalfOpenOptions {
  readonly endpoint: Endpoint
  readonly tls: TlsUpstream | null
  /** The name that the session says, in place of that of the TLS settings. */
  readonly serverName: string | null
  /** What goes before all else, and before TLS: the PROXY protocol's. */
  readonly header: Buffer | null
  /** It can be written to. */
  onConnected(socket: Socket): void
  onFailed(failure: ConnectFailure): void
}

/** A connection to an endpoint on its way, until it can be written to: TCP, the PROXY protocol's header, TLS. */
export class EndpointConnection {
  readonly #options: EndpointConnectionOptions
  readonly #raw: Socket
  #secure: Socket | null = null
  #isOver = false

  constructor(options: EndpointConnectionOptions) {
    this.#options = options
    this.#raw = connectHalfOpen(options.endpoint.config, options)
    this.#raw.on("error", this.#onError)
    this.#raw.once("close", this.#onClose)
    this.#raw.once("connect", this.#onConnect)
  }

  /** It is not wanted any more. */
  giveUp(): void {
    this.#over()
    this.#raw.destroy()
    this.#secure?.destroy()
  }

  readonly #onConnect = (): void => {
    const { header, tls, endpoint, serverName } = this.#options
    if (header !== null) this.#raw.write(header)
    if (tls === null) return this.#connected(this.#raw)
    const secure = tls.secure(this.#raw, endpoint.config, serverName)
    this.#secure = secure
    secure.on("error", this.#onError)
    secure.once("close", this.#onClose)
    secure.once("secureConnect", () => this.#connected(secure))
  }

  #connected(socket: Socket): void {
    if (this.#isOver) return
    this.#over()
    this.#options.onConnected(socket)
  }

  readonly #onError = (error: Error): void => {
    const { code } = error as NodeJS.ErrnoException
    this.#failed({ reason: errorReason(error), isOurs: code === "EMFILE" || code === "ENFILE" })
  }

  readonly #onClose = (): void => this.#failed({ reason: "the connection was closed", isOurs: false })

  #failed(failure: ConnectFailure): void {
    if (this.#isOver) return
    this.giveUp()
    this.#options.onFailed(failure)
  }

  /** Errors of the socket are listened to from now on by who has it; those that come late are no news. */
  #over(): void {
    this.#isOver = true
    for (const socket of [this.#raw, this.#secure]) socket?.off("close", this.#onClose)
  }
}

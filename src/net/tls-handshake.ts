import type { Socket } from "node:net"
import type { Clock, Timer } from "../base/clock.ts"
import type { Placed } from "../base/roster.ts"
import type { ProxiedConnection } from "../record/record.ts"
import { isPlainHttp } from "./protocol.ts"
import { readProxyHeader } from "./proxy-protocol.ts"

/** What follows a handshake, or stands in its place. */
export interface HandshakeOwner {
  /** TLS has begun; what came of it is in the socket again. */
  onHello(handshake: TlsHandshake): void
  /** The client speaks HTTP without TLS; `octets` are the first of it. The handshake is over. */
  onPlain(handshake: TlsHandshake, octets: Buffer): void
  /** The client has left before the first octet. */
  onGone(handshake: TlsHandshake): void
  onTimeout(handshake: TlsHandshake): void
  /** What came first is no header of the PROXY protocol. */
  onMalformed(handshake: TlsHandshake): void
}

/** An address and a port; port 0: of a Unix socket. */
interface End {
  readonly address: string
  readonly port: number
}

/** Who a client is where its socket does not say it all: one that was accepted, and looked at, before this handshake. */
export interface ClientEnds {
  readonly remote: End
  readonly local: End
  readonly proxied: ProxiedConnection | null
}

/** A client in the middle of its handshake. */
export type ShakingClient = Pick<TlsHandshake, "raw" | "proxied" | "ends">

/**
 * A client on its way from accept to the end of its TLS handshake, which is one time: by Node's own timer the client could
 * begin when it likes, and go on octet by octet. Its first octets are looked at, for HTTP that should have been HTTPS.
 */
export class TlsHandshake implements Placed {
  place = -1
  readonly raw: Socket
  /** `address:port`, which a socket that is closed no longer knows. */
  readonly client: string
  readonly #owner: HandshakeOwner
  readonly #timer: Timer
  /** What a proxy in front says of the client; null: nothing. */
  proxied: ProxiedConnection | null = null
  /** Null: all that is known of it is known here. */
  readonly ends: ClientEnds | null
  /** The PROXY protocol's header, until all of it is there; null: none is to come. */
  #header: Buffer | null

  /** @param hasHeader the PROXY protocol's header comes first */
  constructor(
    raw: Socket,
    clock: Clock,
    timeoutMs: number,
    owner: HandshakeOwner,
    hasHeader = false,
    ends: ClientEnds | null = null,
  ) {
    this.raw = raw
    this.ends = ends
    this.#header = hasHeader ? Buffer.alloc(0) : null
    this.client = `${raw.remoteAddress ?? "?"}:${raw.remotePort ?? "?"}`
    this.#owner = owner
    this.#timer = clock.after(timeoutMs, () => owner.onTimeout(this))
    raw.on("error", ignore)
    raw.on("data", this.#onFirst)
    raw.on("close", this.#onClose)
    raw.resume()
  }

  /** Whatever came of it. */
  end(): void {
    this.#timer.cancel()
    this.#letGo()
  }

  readonly #onFirst = (came: Buffer): void => {
    const octets = this.#header === null ? came : this.#afterHeader(Buffer.concat([this.#header, came]))
    if (octets === null || octets.length === 0) return
    this.raw.pause()
    this.#letGo()
    if (isPlainHttp(octets)) {
      this.#timer.cancel()
      this.#owner.onPlain(this, octets)
    } else {
      this.raw.unshift(octets)
      this.#owner.onHello(this)
    }
  }

  /** What follows the header; null: it is not all there, or none comes. */
  #afterHeader(octets: Buffer): Buffer | null {
    const header = readProxyHeader(octets)
    this.#header = header === null ? octets : null
    if (header === null) return null
    if (header === false) {
      this.#owner.onMalformed(this)
      return null
    }
    this.proxied = header.proxied
    return octets.subarray(header.octets)
  }

  readonly #onClose = (): void => {
    this.#timer.cancel()
    this.#owner.onGone(this)
  }

  #letGo(): void {
    this.raw.off("data", this.#onFirst)
    this.raw.off("close", this.#onClose)
  }
}

function ignore(): void {}

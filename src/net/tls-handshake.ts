import type { Socket } from "node:net"
import type { Clock, Timer } from "../base/clock.ts"
import { isPlainHttp } from "./protocol.ts"

/** What follows a handshake, or stands in its place. */
export interface HandshakeOwner {
  /** TLS has begun; what came of it is in the socket again. */
  onHello(handshake: TlsHandshake): void
  /** The client speaks HTTP without TLS; `octets` are the first of it. The handshake is over. */
  onPlain(handshake: TlsHandshake, octets: Buffer): void
  /** The client has left before the first octet. */
  onGone(handshake: TlsHandshake): void
  onTimeout(handshake: TlsHandshake): void
}

/**
 * A client on its way from accept to the end of its TLS handshake, which is one time: by Node's own timer the client could
 * begin when it likes, and go on octet by octet. Its first octets are looked at, for HTTP that should have been HTTPS.
 */
export class TlsHandshake {
  readonly raw: Socket
  /** `address:port`, which a socket that is closed no longer knows. */
  readonly client: string
  readonly #owner: HandshakeOwner
  readonly #timer: Timer

  constructor(raw: Socket, clock: Clock, timeoutMs: number, owner: HandshakeOwner) {
    this.raw = raw
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

  readonly #onFirst = (octets: Buffer): void => {
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

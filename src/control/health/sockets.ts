import type { Socket } from "node:net"
import { CachedClock, type Clock } from "../../base/clock.ts"
import { defaultLimits } from "../../base/limits.ts"
import type { EndpointConfig } from "../../config/model.ts"
import type { Log } from "../../log/logger.ts"
import { errorReason } from "../../net/error-reason.ts"
import { Flusher } from "../../net/flusher.ts"
import { Link, type LinkOwner } from "../../net/link.ts"
import { systemNetwork } from "../../net/network.ts"
import type { TlsUpstream } from "../../net/tls-upstream.ts"
import { CheckConnection } from "./check-connection.ts"

/** An endpoint as it is checked: where, and how it is spoken to. */
export interface CheckedEndpoint {
  readonly endpoint: EndpointConfig
  readonly tls: TlsUpstream | null
}

/** A connection that was begun. */
export interface Connecting {
  close(): void
}

/** Why a connection is no more; null: for want of descriptors here, which says nothing of the endpoint. */
export type Ending = string | null

/** The control side's own connections to endpoints. */
export class HealthSockets {
  readonly #clock: CachedClock
  readonly #flusher: Flusher
  readonly #linkOwner: LinkOwner

  constructor(clock: Clock, log: Log) {
    this.#clock = new CachedClock(clock)
    this.#flusher = new Flusher((callback) => systemNetwork.afterReads(callback), {
      turnBegan() {},
      turnEnded() {},
    })
    this.#linkOwner = {
      onBug: (error) =>
        log.error("unexpected error: a health check's connection ended", {
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
      onClosed() {},
    }
  }

  /** HTTP/2, with TLS where the cluster has it. */
  http2(
    { endpoint, tls }: CheckedEndpoint,
    on: { onReady(connection: CheckConnection): void; onEnd(why: Ending): void },
  ): CheckConnection {
    const connection: CheckConnection = new CheckConnection({
      limits: defaultLimits,
      clock: this.#clock,
      authority: endpoint.unixPath === null ? endpoint.address : "localhost",
      isTls: tls !== null,
      dial: (onOctets) => (tls ?? systemNetwork).connect(endpoint, null, onOctets),
      link: (socket) => new Link(socket, this.#flusher, this.#clock, this.#linkOwner),
      onReady: () => on.onReady(connection),
      onEnd: (reason) => on.onEnd(connection.lacksDescriptor ? null : reason),
    })
    return connection
  }

  /** TCP alone: that it accepts. */
  tcp({ endpoint }: CheckedEndpoint, on: { onUp(): void; onEnd(why: Ending): void }): Connecting {
    const socket: Socket = systemNetwork.connect(endpoint, null, () => {})
    socket.on("connect", () => {
      on.onUp()
      socket.destroy()
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const isOurs = error.code === "EMFILE" || error.code === "ENFILE"
      on.onEnd(isOurs ? null : errorReason(error))
    })
    return { close: () => void socket.destroy() }
  }
}

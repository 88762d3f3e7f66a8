import type { Socket } from "node:net"
import { CachedClock, type Clock } from "../../base/clock.ts"
import { defaultLimits } from "../../base/limits.ts"
import type { HealthAnswer } from "../../config/health-match.ts"
import type { EndpointConfig } from "../../config/model.ts"
import type { Log } from "../../log/logger.ts"
import { askHttp } from "../../net/ask-http.ts"
import { connectStream } from "../../net/connect.ts"
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
  /** What it is asked for by HTTP/1.1: the cluster's name, as by nginx. */
  readonly host: string
}

/** A connection that was begun. */
export interface Connecting {
  close(): void
}

/** What is expected comes in so many. */
const EXCHANGE_KIB_MAX = 64

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

  /** HTTP/1.1, with TLS where the cluster has it. */
  http1(
    checked: CheckedEndpoint,
    asked: { uri: string; wantsBody: boolean },
    on: { onAnswer(answer: HealthAnswer): void; onEnd(why: Ending): void },
  ): Connecting {
    const socket = this.#open(checked, on.onEnd)
    try {
      askHttp(socket, {
        host: checked.host,
        ...asked,
        onAnswer: (answer) => on.onAnswer(answer),
        onError: (error) => on.onEnd(endingOf(error)),
      })
    } catch (error) {
      socket.destroy()
      throw error
    }
    return { close: () => void socket.destroy() }
  }

  /** TCP alone: that it accepts. */
  tcp({ endpoint }: CheckedEndpoint, on: { onUp(): void; onEnd(why: Ending): void }): Connecting {
    const socket: Socket = systemNetwork.connect(endpoint, null, () => {})
    socket.on("connect", () => {
      on.onUp()
      socket.destroy()
    })
    socket.on("error", (error: NodeJS.ErrnoException) => on.onEnd(endingOf(error)))
    return { close: () => void socket.destroy() }
  }

  /** Octets that are sent, and what comes, all that has come so far, to be closed by `onEnd`; over TLS where sessions are. */
  exchange(
    checked: CheckedEndpoint,
    sent: Buffer,
    on: { onUp(): void; onCame(came: string): void; onEnd(why: Ending): void },
  ): Connecting {
    const socket = this.#open(checked, on.onEnd)
    const octetsMax = EXCHANGE_KIB_MAX * 1024
    let came = ""
    socket.once(checked.tls === null ? "connect" : "secureConnect", () => {
      if (sent.length > 0) socket.write(sent)
      on.onUp()
    })
    socket.on("data", (octets: Buffer) => {
      came += octets.toString("latin1", 0, octetsMax - came.length)
      on.onCame(came)
      if (came.length === octetsMax) on.onEnd(`what is expected did not come in ${EXCHANGE_KIB_MAX} KiB`)
    })
    socket.once("end", () => on.onEnd("it ended before what is expected came"))
    return { close: () => void socket.destroy() }
  }

  #open({ endpoint, tls }: CheckedEndpoint, onEnd: (why: Ending) => void): Socket {
    const raw = connectStream(endpoint)
    const fail = (error: NodeJS.ErrnoException): void => onEnd(endingOf(error))
    raw.on("error", fail)
    if (tls === null) return raw
    return tls.secure(raw, endpoint, null).on("error", fail)
  }
}

function endingOf(error: NodeJS.ErrnoException): Ending {
  return error.code === "EMFILE" || error.code === "ENFILE" ? null : errorReason(error)
}

import type { Socket } from "node:net"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { Pool } from "../../cluster/pool.ts"
import type { ClusterConfig } from "../../config/model.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { Output } from "../../http2/output.ts"
import type { Link, LinkUser } from "../../net/link.ts"
import type { OnOctets } from "../../net/shared-read.ts"
import type { LegConnection, UpstreamStream } from "../../relay/upstream/leg-connection.ts"
import { Retirement } from "../../relay/upstream/retirement.ts"
import type { UpstreamStreamOwner } from "../../relay/upstream/stream-owner.ts"
import type { OriginContext } from "./context.ts"
import { type ExchangeHost, type ExchangeSettings, Http1Exchange } from "./exchange.ts"
import { ResponseReader } from "./response-reader.ts"

export interface Http1OriginOptions {
  readonly context: OriginContext
  readonly settings: ExchangeSettings
  readonly endpoint: Endpoint
  readonly pool: Pool<LegConnection>
  readonly cluster: ClusterConfig
  /** Starts the socket; `isTls`: it is up once its handshake is done. */
  readonly dial: (onOctets: OnOctets) => Socket
  readonly isTls: boolean
  readonly link: (socket: Socket) => Link
  /** Calls `released` once the octets that this turn of the event loop brought have been read. */
  readonly releaseLater: (connection: Http1Origin) => void
  readonly onClosed: (connection: Http1Origin) => void
}

/** One connection to an HTTP/1.1 backend, a member of its endpoint's pool: one exchange at a time. */
export class Http1Origin implements LegConnection, LinkUser, ExchangeHost {
  streamsOpen = 0
  isReady = false
  hasServed = false
  readonly capacity = 1
  readonly headerListMax = Number.POSITIVE_INFINITY
  readonly startedMs: number
  readonly context: OriginContext
  readonly settings: ExchangeSettings
  readonly output: Output
  readonly reader: ResponseReader
  readonly #options: Http1OriginOptions
  readonly #link: Link
  readonly #retirement: Retirement
  #exchange: Http1Exchange | null = null
  #isRetired = false
  #isGone = false
  /** Nothing more is written behind what was. */
  #endsWriting = false

  constructor(options: Http1OriginOptions) {
    const { context, cluster, isTls } = options
    this.#options = options
    this.context = context
    this.settings = options.settings
    this.startedMs = context.clock.now()
    this.reader = new ResponseReader(context.limits)
    this.#retirement = new Retirement(cluster, context.limits, this.startedMs)
    this.output = new Output({
      onOutput: () => this.#link.schedule(),
      onMuchOutput: () => this.#link.flush(),
    })
    const socket = options.dial((octets, length) => this.#link.received(octets, 0, length))
    this.#link = options.link(socket)
    this.#link.use(this)
    socket.once(isTls ? "secureConnect" : "connect", () => this.#connected())
  }

  #connected(): void {
    if (this.#isGone) return
    this.isReady = true
    this.#options.pool.settingsReceived(this)
  }

  // ---- PooledConnection -----------------------------------------------------------------------------------------

  get isUsable(): boolean {
    return !this.#isRetired && !this.#isGone && !this.#link.socket.destroyed && this.#exchange === null
  }

  /** That it takes connections is all that HTTP/1.1 can be asked. */
  prove(): boolean {
    queueMicrotask(() => this.#options.pool.proven(this))
    return true
  }

  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    this.#options.pool.retired(this)
    if (this.#exchange === null) this.#link.destroy()
  }

  // ---- LegConnection --------------------------------------------------------------------------------------------

  /** A backend may close a connection that has served whenever it likes. */
  get isLeaving(): boolean {
    return this.#isRetired || (this.hasServed && this.#exchange?.isAnswered !== true)
  }

  open(list: HeaderList, endStream: boolean, isHead: boolean, owner: UpstreamStreamOwner): UpstreamStream {
    this.#exchange = new Http1Exchange({ host: this, owner, list, endStream, isHead })
    return this.#exchange
  }

  /** Whether the backend has said more than its response, or has closed, is known once all is read that has come. */
  release(): void {
    this.#options.releaseLater(this)
  }

  released(): void {
    const exchange = this.#exchange
    if (exchange?.isAnswered === true) this.hasServed = true
    this.#exchange = null
    const { pool } = this.#options
    const isLast = this.#retirement.streamEnded(this.context.clock.now())
    if (this.#isGone || (exchange !== null && !exchange.isReusable)) this.#leave()
    else if (isLast) this.retire()
    else if (this.#isRetired) this.#link.destroy()
    pool.release(this)
  }

  // ---- LinkUser -------------------------------------------------------------------------------------------------

  get shouldPauseReading(): boolean {
    return this.#exchange?.isFull === true
  }

  receive(octets: Buffer, start: number, end: number): void {
    // What a backend says unasked, or before any of a request has left, is no response to anything.
    if (this.reader.isOver || this.#exchange?.isUnsent === true) this.#leave()
    else this.reader.read(octets, start, end)
  }

  receiveEnd(reason: string): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#exchange?.lost(reason)
    const { pool, endpoint, onClosed } = this.#options
    if (!this.isReady && !this.#isRetired) {
      const { lacksDescriptor } = this.#link
      const limit = lacksDescriptor ? this.context.descriptors.refused({ endpoint: endpoint.address }) : ""
      pool.connectFailed(this, (this.#failure ?? reason) + limit, lacksDescriptor)
    } else pool.lost(this)
    this.#link.destroy()
    onClosed(this)
  }

  drained(): void {
    this.#exchange?.drained()
    if (this.#endsWriting && this.output.unsentOctets === 0) this.#link.socket.end()
  }

  // ---- ExchangeHost ---------------------------------------------------------------------------------------------

  resumeReading(): void {
    this.#link.resumeReading()
  }

  endWriting(): void {
    this.#endsWriting = true
    if (this.output.unsentOctets === 0) this.#link.socket.end()
  }

  close(isSoft: boolean): void {
    if (isSoft) this.#link.end(this.context.limits.drainTimeoutMs)
    else this.#link.destroy()
  }

  // ---- Time and ending ------------------------------------------------------------------------------------------

  /** Once a second. */
  tick(nowMs: number): void {
    if (!this.isReady) {
      const mostMs = Math.max(this.context.limits.prefaceTimeoutMs, this.#options.pool.waitTimeoutMs)
      if (nowMs - this.startedMs <= mostMs) return
      this.#failure = `no connection within ${mostMs} ms`
      this.#link.destroy()
    } else if (this.#retirement.isIdleOrOld(nowMs, this.streamsOpen)) this.retire()
  }

  /** Why there is no connection, where that is known. */
  #failure: string | null = null

  /** Ends it now; its exchange is told. */
  abort(): void {
    this.#isRetired = true
    this.#link.destroy()
  }

  /** Nothing more goes over it. */
  #leave(): void {
    if (!this.#isRetired) {
      this.#isRetired = true
      this.#options.pool.retired(this)
    }
    this.#link.destroy()
  }
}

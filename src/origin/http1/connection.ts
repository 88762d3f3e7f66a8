import type { Socket } from "node:net"
import { type buildConnector, Client } from "undici"
import { MAX_DELAY_MS } from "../../base/clock.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { Pool } from "../../cluster/pool.ts"
import type { ClusterConfig } from "../../config/model.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { errorReason } from "../../net/error-reason.ts"
import type { LegConnection, UpstreamStream } from "../../relay/upstream/leg-connection.ts"
import { Retirement } from "../../relay/upstream/retirement.ts"
import type { UpstreamStreamOwner } from "../../relay/upstream/stream-owner.ts"
import type { OriginContext } from "./context.ts"
import { type ExchangeSettings, Http1Exchange } from "./exchange.ts"

export interface Http1OriginOptions {
  readonly context: OriginContext
  readonly settings: ExchangeSettings
  readonly endpoint: Endpoint
  readonly pool: Pool<LegConnection>
  readonly cluster: ClusterConfig
  /** Starts the socket; `isTls`: it is up once its handshake is done. */
  readonly dial: () => Socket
  readonly isTls: boolean
  readonly onClosed: (connection: Http1Origin) => void
}

/**
 * One connection to an HTTP/1.1 backend, a member of its endpoint's pool: one exchange at a time. The socket is ours,
 * what goes over it is undici's.
 */
export class Http1Origin implements LegConnection {
  streamsOpen = 0
  isReady = false
  hasServed = false
  readonly capacity = 1
  readonly headerListMax = Number.POSITIVE_INFINITY
  readonly startedMs: number
  readonly #options: Http1OriginOptions
  readonly #socket: Socket
  readonly #client: Client
  readonly #retirement: Retirement
  #exchange: Http1Exchange | null = null
  #isRetired = false
  #isGone = false
  /** undici has the socket: it is given once. */
  #isGiven = false
  #failure = "the connection was closed"

  constructor(options: Http1OriginOptions) {
    const { context, cluster, isTls } = options
    this.#options = options
    this.startedMs = context.clock.now()
    this.#retirement = new Retirement(cluster, context.limits, this.startedMs)
    const socket = options.dial()
    this.#socket = socket
    socket.once(isTls ? "secureConnect" : "connect", () => this.#connected())
    socket.on("error", (error) => {
      this.#failure = errorReason(error)
      this.#noteLimit(error)
    })
    socket.on("close", () => this.#closed())
    this.#client = new Client("http://origin", {
      connect: (_options, done) => this.#give(done),
      pipelining: 1,
      maxHeaderSize: context.limits.http1HeadOctets,
      // Time is kept by the call, and by the pool.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: MAX_DELAY_MS,
      keepAliveMaxTimeout: MAX_DELAY_MS,
      allowH2: false,
    })
  }

  #connected(): void {
    this.isReady = true
    // A backend that speaks first has nothing to say that a request could be answered with.
    this.#socket.once("readable", () => {
      if (!this.#isGiven) this.#socket.destroy()
    })
    this.#options.pool.settingsReceived(this)
  }

  /** The client asks once, and later only where the connection has gone meanwhile. It is not to be answered at once. */
  #give(done: buildConnector.Callback): void {
    const isLeft = !this.#isGiven && !this.#socket.destroyed
    this.#isGiven = true
    queueMicrotask(() => {
      if (!isLeft || this.#socket.destroyed) return done(new Error("the connection was closed"), null)
      this.#socket.removeAllListeners("readable")
      done(null, this.#socket)
    })
  }

  // ---- PooledConnection -----------------------------------------------------------------------------------------

  get isUsable(): boolean {
    return !this.#isRetired && !this.#isGone && !this.#socket.destroyed && this.#exchange === null
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
    if (this.#exchange === null) this.#end()
  }

  // ---- LegConnection --------------------------------------------------------------------------------------------

  /** A backend may close a connection that has served whenever it likes. */
  get isLeaving(): boolean {
    return this.#isRetired || (this.hasServed && this.#exchange?.isAnswered !== true)
  }

  open(list: HeaderList, endStream: boolean, isHead: boolean, owner: UpstreamStreamOwner): UpstreamStream {
    const { context, settings } = this.#options
    this.#exchange = new Http1Exchange({
      context,
      settings,
      owner,
      list,
      endStream,
      isHead,
      isReused: this.hasServed,
      dispatch: (options, handler) => void this.#client.dispatch(options, handler),
    })
    return this.#exchange
  }

  /**
   * Whether undici keeps the connection is known once it is through with the response, and whether the backend has closed
   * it right behind once all is read that has come.
   */
  release(): void {
    setImmediate(() => this.#released())
  }

  #released(): void {
    const exchange = this.#exchange
    if (exchange?.isAnswered === true) this.hasServed = true
    this.#exchange = null
    const { pool, context } = this.#options
    const isLast = this.#retirement.streamEnded(context.clock.now())
    if (this.#socket.destroyed || (exchange !== null && !exchange.remoteEnded)) this.#leave()
    else if (isLast) this.retire()
    else if (this.#isRetired) this.#end()
    pool.release(this)
  }

  // ---- Time and ending ------------------------------------------------------------------------------------------

  /** Once a second. */
  tick(nowMs: number): void {
    if (!this.isReady) {
      const { limits } = this.#options.context
      const mostMs = Math.max(limits.prefaceTimeoutMs, this.#options.pool.waitTimeoutMs)
      if (nowMs - this.startedMs <= mostMs) return
      this.#failure = `no connection within ${mostMs} ms`
      this.#socket.destroy()
    } else if (this.#retirement.isIdleOrOld(nowMs, this.streamsOpen)) this.retire()
  }

  /** Ends it now; its exchange is told. */
  abort(): void {
    this.#isRetired = true
    this.#socket.destroy()
  }

  #noteLimit(error: Error): void {
    const { code } = error as NodeJS.ErrnoException
    if (code !== "EMFILE" && code !== "ENFILE") return
    const { descriptors } = this.#options.context
    descriptors.exhausted({ endpoint: this.#options.endpoint.address })
    this.#failure += `: this process may have ${descriptors.openFilesMax} (ulimit -n)`
    this.#lacksDescriptor = true
  }

  #lacksDescriptor = false

  /** Nothing more goes over it. */
  #leave(): void {
    if (this.#isRetired) return this.#end()
    this.#isRetired = true
    this.#options.pool.retired(this)
    this.#end()
  }

  #end(): void {
    this.#client.destroy().catch(() => {})
    this.#socket.destroy()
  }

  #closed(): void {
    if (this.#isGone) return
    this.#isGone = true
    const { pool } = this.#options
    if (!this.isReady && !this.#isRetired) pool.connectFailed(this, this.#failure, this.#lacksDescriptor)
    else pool.lost(this)
    this.#client.destroy().catch(() => {})
    this.#options.onClosed(this)
  }
}

import { ErrorCode } from "../../../src/http2/error-code.ts"
import type { StreamEnd } from "../../../src/http2/events.ts"
import { HeaderList } from "../../../src/http2/header-list.ts"
import type { Http2Stream } from "../../../src/http2/stream.ts"
import { bodyOctets, difference, headOf, isBody, metadata, untidy } from "../content.ts"
import type { CallRecord } from "../ledger.ts"
import type { Scheduler } from "../network/scheduler.ts"
import type { VirtualLink } from "../network/virtual-link.ts"
import type { CallPlan, PeerPlan } from "../plan.ts"
import { Violation } from "../violation.ts"
import { responseHead, responseTrailers } from "./backend-answer.ts"
import { Peer, type PeerStreamOwner } from "./peer.ts"

/** The head that a client sends for a call; the backend expects the same. */
export function requestHead(plan: CallPlan): HeaderList {
  const { id, method, protocol } = plan
  const isGrpc = protocol === "grpc"
  const fields = [
    ":method",
    method,
    ":scheme",
    "http",
    ":path",
    `/sim.Calls/${id % 3}`,
    ":authority",
    "sim.test",
  ]
  fields.push("x-call", String(id))
  if (isGrpc) fields.push("content-type", "application/grpc", "te", "trailers")
  if (plan.timeoutMs !== null) fields.push("grpc-timeout", `${plan.timeoutMs}m`)
  if (!isGrpc && id % 2 === 0 && plan.requestEnd !== "never" && method === "POST")
    fields.push("content-length", String(octetsOf(plan)))
  return headOf([...fields, ...metadata(id, plan.metadata)])
}

export function requestTrailers(plan: CallPlan): HeaderList {
  return new HeaderList([
    "x-checksum",
    String(plan.id * 7),
    ...(plan.metadata > 2 ? ["x-more", "m".repeat(40)] : []),
  ])
}

export function octetsOf(plan: CallPlan): number {
  return plan.request.reduce((sum, { octets }) => sum + octets, 0)
}

/** A client: opens its calls on one connection, and on a new one when that is gone or will take no more. */
export class Client {
  readonly name: string
  readonly #plan: PeerPlan
  readonly #scheduler: Scheduler
  readonly #dial: (makeUser: (link: VirtualLink) => ClientConnection) => VirtualLink | null
  readonly connections = new Set<ClientConnection>()
  #current: ClientConnection | null = null
  /** It knows nothing any more: its machine is gone. */
  #isLost = false

  constructor(
    name: string,
    plan: PeerPlan,
    scheduler: Scheduler,
    dial: (makeUser: (link: VirtualLink) => ClientConnection) => VirtualLink | null,
  ) {
    this.name = name
    this.#plan = plan
    this.#scheduler = scheduler
    this.#dial = dial
  }

  /** Opens a call, as soon as its connection lets it. */
  call(record: CallRecord): void {
    if (this.#isLost) return record.end({ how: "unsent" }, this.#scheduler.now())
    if (this.#current === null || this.#current.http2.isDraining) this.#current = this.#connect()
    if (this.#current === null) record.end({ how: "unsent" }, this.#scheduler.now())
    else this.#current.call(record)
  }

  #connect(): ClientConnection | null {
    let connection: ClientConnection | null = null
    this.#dial((link) => {
      connection = new ClientConnection(this, this.#plan, link, this.#scheduler)
      this.connections.add(connection)
      return connection
    })
    return connection
  }

  /** Its machine vanishes from the network. */
  lose(): void {
    this.#isLost = true
    for (const connection of [...this.connections]) {
      connection.link.silence()
      connection.onGone()
    }
  }
}

export class ClientConnection extends Peer {
  readonly #client: Client
  readonly #waiting: CallRecord[] = []

  constructor(client: Client, plan: PeerPlan, link: VirtualLink, scheduler: Scheduler) {
    super("client", plan, link, scheduler)
    this.#client = client
  }

  call(record: CallRecord): void {
    this.#waiting.push(record)
    this.serve()
  }

  /** Opens what waits, as far as the balancer's limit goes. */
  serve(): void {
    const { http2 } = this
    if (http2.isDraining) {
      for (const record of this.#waiting.splice(0)) this.#client.call(record)
      return
    }
    while (this.#waiting.length > 0 && http2.isReady && http2.streams.size < http2.peerMaxConcurrentStreams)
      new ClientCall(this, this.#waiting.shift()!, this.scheduler)
  }

  override onSettings(): void {
    super.onSettings()
    this.serve()
  }

  /** What was queued went out, and with it maybe the end of a stream. */
  override onSent(): void {
    this.serveSoon()
  }

  /** Once what happens now has happened: a stream may be over, and there may be room for another. */
  serveSoon(): void {
    this.scheduler.soon(() => this.serve())
  }

  override onGoaway(): void {
    this.serveSoon()
  }

  override goAway(manner: "drain" | "at once"): void {
    super.goAway(manner)
    this.serve()
  }

  protected onOver(): void {
    this.#client.connections.delete(this)
    this.serve()
  }
}

/** One call as its client makes it. */
class ClientCall implements PeerStreamOwner {
  readonly hasSentHead = true
  readonly #connection: ClientConnection
  readonly #record: CallRecord
  readonly #scheduler: Scheduler
  readonly #stream: Http2Stream<PeerStreamOwner>

  constructor(connection: ClientConnection, record: CallRecord, scheduler: Scheduler) {
    this.#connection = connection
    this.#record = record
    this.#scheduler = scheduler
    const { plan } = record
    record.openedMs = scheduler.now()
    if (connection.isForgiven) record.isSpoilt = true
    const endsAtOnce = plan.request.length === 0 && plan.requestEnd === "with last"
    connection.sendStrayPong()
    const head = plan.isUntidy ? untidy(requestHead(plan), false) : requestHead(plan)
    this.#stream = connection.http2.open(head, endsAtOnce, false, this)
    if (!endsAtOnce) this.#send(0)
    if (plan.cancel !== null) scheduler.in(plan.cancel.afterMs, () => this.#cancel(plan.cancel!.code))
  }

  #send(at: number): void {
    const { plan } = this.#record
    const piece = plan.request[at]
    if (piece === undefined) return this.#sendEnd()
    this.#scheduler.in(piece.afterMs, () => {
      if (this.#stream.isClosed) return
      const isLast = at === plan.request.length - 1 && plan.requestEnd === "with last"
      const octets = bodyOctets({ call: plan.id, attempt: 0 }, this.#record.sentOctets, piece.octets)
      this.#record.sentOctets += piece.octets
      this.#connection.sendData(this.#stream, octets, piece.padding, isLast)
      if (isLast) this.#connection.serveSoon()
      else this.#send(at + 1)
    })
  }

  #sendEnd(): void {
    const { plan } = this.#record
    const trailers = plan.isUntidy ? untidy(requestTrailers(plan), false) : requestTrailers(plan)
    if (plan.requestEnd === "trailers") this.#stream.sendHeaders(trailers, true)
    else if (plan.requestEnd !== "never") this.#stream.sendData(Buffer.alloc(0), 0, 0, true)
    this.#connection.serveSoon()
  }

  #cancel(code: number): void {
    if (this.#record.ending !== null || this.#stream.isClosed) return
    this.#stream.reset(code)
    this.#end({ how: "cancelled" })
    this.#connection.serve()
  }

  spoil(): void {
    this.#record.isSpoilt = true
  }

  // ---- PeerStreamOwner ----------------------------------------------------------------------------------------

  onHead(list: HeaderList, endStream: boolean): void {
    const record = this.#record
    record.head = list
    const number = list.get("x-attempt")
    if (number !== undefined) {
      const attempt = record.attempts[Number(number) - 1]
      if (attempt === undefined || !attempt.isProcessed)
        this.#fail("head", `its head names attempt ${number}`)
      record.answeredBy = attempt!
      const different = difference(responseHead(record.plan, attempt!.number, endStream), list)
      if (different !== null) this.#fail("head", `its response head: ${different}`)
    }
    if (endStream) this.#complete(null)
  }

  onData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    const record = this.#record
    const { answeredBy, plan } = record
    if (answeredBy !== null && !record.isSpoilt) {
      const body = { call: plan.id, attempt: answeredBy.number }
      if (!isBody(body, record.receivedOctets, octets, start, end))
        this.#fail("body", `its response differs in ${start}..${end} at octet ${record.receivedOctets}`)
    }
    record.receivedOctets += end - start
    if (endStream) this.#complete(null)
  }

  onTrailers(list: HeaderList): void {
    const { answeredBy, plan } = this.#record
    if (answeredBy !== null && list.get("x-end") !== undefined) {
      const different = difference(responseTrailers(plan, answeredBy.number), list)
      if (different !== null) this.#fail("head", `its trailers: ${different}`)
    }
    this.#complete(list)
  }

  onReset(end: StreamEnd): void {
    // A complete answer stands, whatever becomes of the rest of the request.
    if (this.#record.ending === null) {
      if (end.origin === "connection") this.#end({ how: "lost" })
      else this.#end({ how: "reset", code: end.code, isLocal: end.origin === "local" })
    }
    this.#connection.serve()
  }

  #complete(trailers: HeaderList | null): void {
    this.#end({ how: "complete", trailers })
    // This request would never end, so its client gives it up.
    if (this.#record.plan.requestEnd === "never")
      this.#scheduler.soon(() => this.#stream.reset(ErrorCode.CANCEL))
    this.#connection.serveSoon()
  }

  #end(ending: NonNullable<CallRecord["ending"]>): void {
    this.#record.end(ending, this.#scheduler.now())
  }

  #fail(rule: "head" | "body", detail: string): never {
    throw new Violation(rule, `call ${this.#record.plan.id}: ${detail}`)
  }
}

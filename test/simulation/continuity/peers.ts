import { ErrorCode } from "../../../src/http2/error-code.ts"
import type { StreamEnd } from "../../../src/http2/events.ts"
import { HeaderList } from "../../../src/http2/header-list.ts"
import type { RequestHead } from "../../../src/http2/message-head.ts"
import type { Http2Stream } from "../../../src/http2/stream.ts"
import type { Scheduler } from "../network/scheduler.ts"
import type { VirtualLink } from "../network/virtual-link.ts"
import { Peer, type PeerStreamOwner } from "../peers/peer.ts"
import type { PeerPlan } from "../plan.ts"
import { Violation } from "../violation.ts"
import {
  answerOf,
  indexOf,
  MessageReader,
  type ModelStore,
  questionOf,
  questionsOf,
  tokenOf,
  variantOf,
} from "./model.ts"
import type { ContinuedCallPlan, ContinuityPlan } from "./plan.ts"

type Stream = Http2Stream<PeerStreamOwner>

const NO_OCTETS = Buffer.alloc(0)

/** What all sides saw of a call. */
export class ContinuedCall {
  readonly plan: ContinuedCallPlan
  sent = 0
  got = 0
  hasHead = false
  hasHalfClosed = false
  isCancelled = false
  openedMs = -1
  endedMs = -1
  /** Null while it is open; -1: reset, or its connection is gone. */
  status: number | null = null
  message = ""
  /** Which of servers that answer differently; null: no answer has come. */
  variant: number | null = null
  /** Of its legs, as they came to backends. */
  readonly legs: { readonly call: string; readonly leg: number; readonly atMs: number; isOpen: boolean }[] =
    []

  readonly #rates: ContinuityPlan["rates"]

  constructor(plan: ContinuedCallPlan, rates: ContinuityPlan["rates"] = { client: null, backend: null }) {
    this.plan = plan
    this.#rates = rates
  }

  /** Message `index` of one side has passed, counted from 1: not sooner than those before it let it. */
  passed(from: "client" | "backend", index: number, nowMs: number): void {
    const rate = this.#rates[from]
    if (rate === null) return
    const leastMs = ((index - 1 - rate.burst) * 1000) / rate.rate
    if (nowMs - this.openedMs < Math.floor(leastMs))
      this.fail("rate", `message ${index} came after ${nowMs - this.openedMs} ms, its ${from} has ${leastMs}`)
  }

  fail(rule: ConstructorParameters<typeof Violation>[0], detail: string): never {
    throw new Violation(rule, `call ${this.plan.id}: ${detail}`)
  }
}

export interface ContinuityLedger {
  readonly mode: ContinuityPlan["mode"]
  /** What a half-close means to backends whose client has not said all: that a handoff is asked for. */
  readonly handsOffAtEnd?: boolean
  readonly store: ModelStore
  readonly calls: ReadonlyMap<number, ContinuedCall>
}

function callOf(ledger: ContinuityLedger, list: HeaderList): ContinuedCall {
  return ledger.calls.get(Number(list.get("x-call")))!
}

// ---- Backends -----------------------------------------------------------------------------------------------------

export class ModelBackend {
  readonly connections = new Set<ModelConnection>()
  /** Its process stands still. */
  isFrozen = false
  /** How it answers calls that begin from now on. */
  variant = 0
  /** It ends them with OK at once. */
  isShort = false
  readonly ledger: ContinuityLedger
  readonly #plan: PeerPlan
  readonly #scheduler: Scheduler
  #putOff: (() => void)[] = []

  constructor(plan: PeerPlan, ledger: ContinuityLedger, scheduler: Scheduler) {
    this.#plan = plan
    this.ledger = ledger
    this.#scheduler = scheduler
  }

  /** After so many milliseconds, once it is awake. */
  in(afterMs: number, run: () => void): void {
    this.#scheduler.in(afterMs, () => this.whenAwake(run))
  }

  readonly serve = (link: VirtualLink): ModelConnection => {
    const connection = new ModelConnection(this, this.#plan, link, this.#scheduler)
    this.connections.add(connection)
    return connection
  }

  get nowMs(): number {
    return this.#scheduler.now()
  }

  freeze(): void {
    this.isFrozen = true
    for (const { link } of this.connections) link.pauseReading()
  }

  thaw(): void {
    this.isFrozen = false
    for (const { link } of this.connections) link.resumeReading()
    for (const run of this.#putOff.splice(0)) run()
  }

  /** Now, or when the process goes on. */
  whenAwake(run: () => void): void {
    if (this.isFrozen) this.#putOff.push(run)
    else run()
  }

  handOff(): void {
    for (const { served } of this.connections) for (const one of [...served]) one.handOff()
  }

  resetStreams(): void {
    for (const { served } of this.connections) for (const one of [...served]) one.reset()
  }
}

export class ModelConnection extends Peer {
  readonly served = new Set<ModelCall>()
  readonly #backend: ModelBackend

  constructor(backend: ModelBackend, plan: PeerPlan, link: VirtualLink, scheduler: Scheduler) {
    super("server", plan, link, scheduler)
    this.#backend = backend
  }

  override onRequest(stream: Stream, head: RequestHead, endStream: boolean): void {
    if (head.path === MOVE_PATH) new MoveCall(this, this.#backend, stream)
    else new ModelCall(this, this.#backend, stream, head.list, endStream)
  }

  get backendConnections(): ReadonlySet<ModelConnection> {
    return this.#backend.connections
  }

  protected onOver(): void {
    this.#backend.connections.delete(this)
    for (const one of [...this.served]) one.over()
  }
}

const MOVE_PATH = "/continuity.v1.Continuity/Move"

/** A backend is asked to hand a leg off. */
class MoveCall implements PeerStreamOwner {
  readonly hasSentHead = false
  readonly #backend: ModelBackend
  readonly #stream: Stream
  readonly #connection: ModelConnection
  readonly #reader = new MessageReader()

  constructor(connection: ModelConnection, backend: ModelBackend, stream: Stream) {
    this.#backend = backend
    this.#stream = stream
    this.#connection = connection
    stream.owner = this
  }

  onData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    this.#reader.push(octets, start, end)
    if (endStream) this.#backend.whenAwake(() => this.#answer())
  }

  #answer(): void {
    const message = this.#reader.next()
    if (message === null || this.#stream.isClosed) return
    // Field 1, 32 octets of text, and field 2, a number, unless that is 0.
    const call = message.toString("latin1", 7, 39)
    const leg = message[40] ?? 0
    const known = [...this.#connection.backendConnections].flatMap(({ served }) => [...served])
    const found = known.find((one) => one.isLeg(call, leg))
    found?.handOff()
    const status = found === undefined ? "5" : "0"
    const head = [":status", "200", "content-type", "application/grpc"]
    this.#stream.sendHeaders(new HeaderList([...head, "grpc-status", status]), true)
  }

  onHead(): void {}
  onTrailers(): void {}
  onReset(): void {}
  spoil(): void {}
}

/** One leg at a backend. */
class ModelCall implements PeerStreamOwner {
  hasSentHead = false
  readonly #connection: ModelConnection
  readonly #backend: ModelBackend
  readonly #stream: Stream
  readonly #call: ContinuedCall
  readonly #reader = new MessageReader()
  readonly #session: string
  readonly #leg: number
  readonly #isAware: boolean
  readonly #variant: number
  /** Answers that it has given, of an API with resume tokens. */
  #produced = 0
  #record: ContinuedCall["legs"][number]
  #received = 0
  /** The last message that came; null: the first that comes may be any. */
  #last: number | null = 0
  /** What its head has said of the messages in its state. */
  #said = 0
  #isOver = false

  constructor(
    connection: ModelConnection,
    backend: ModelBackend,
    stream: Stream,
    list: HeaderList,
    endStream: boolean,
  ) {
    this.#connection = connection
    this.#backend = backend
    this.#stream = stream
    this.#call = callOf(backend.ledger, list)
    stream.owner = this
    const said = (name: string): string | undefined => list.get(`continuity-${name}`)
    const call = said("call") ?? ""
    this.#leg = Number(said("leg") ?? -1)
    this.#session = said("session") ?? `s-${call}`
    this.#isAware = backend.ledger.mode === "handoff and resume"
    this.#variant = backend.variant
    this.#record = { call, leg: this.#leg, atMs: backend.nowMs, isOpen: true }
    this.#checkHead(list)
    this.#call.legs.push(this.#record)
    connection.served.add(this)
    backend.whenAwake(() => this.#begin(said("delivered"), endStream))
  }

  #checkHead(list: HeaderList): void {
    const { legs } = this.#call
    const { mode } = this.#backend.ledger
    if (mode === "off") {
      if (this.#leg >= 0) this.#call.fail("head", "a field of continuity on a route without it")
      return
    }
    if (!/^[0-9a-f]{32}$/.test(this.#record.call)) this.#call.fail("head", "continuity-call is not 128 bits")
    if (legs.some(({ call }) => call !== this.#record.call))
      this.#call.fail("head", "continuity-call differs between legs")
    if (legs.some(({ leg }) => leg === this.#leg)) this.#call.fail("head", `leg ${this.#leg} came twice`)
    const { timeoutMs } = this.#call.plan
    const left = list.get("grpc-timeout")
    if ((timeoutMs === null) !== (left === undefined)) this.#call.fail("head", `its deadline became ${left}`)
  }

  #begin(delivered: string | undefined, endStream: boolean): void {
    if (this.#isOver) return
    const { store } = this.#backend.ledger
    if (!this.#isAware) {
      this.#last = this.#backend.ledger.mode === "lockstep" ? null : 0
      this.#sendHead([])
      if (this.#backend.isShort) this.#end([], 0)
      else if (endStream) this.#ended()
      return
    }
    const isLater = delivered !== undefined
    const state = isLater ? store.take(this.#session, this.#leg) : store.begin(this.#session, this.#leg)
    if (state === null) return this.#end(["continuity-refuse", "no such session"])
    this.#received = state.received
    this.#last = state.received
    const says = isLater ? store.says(this.#session) : 0
    this.#said = says
    this.#sendHead([
      ...["continuity-accept", "handoff, resume", "continuity-session", this.#session],
      ...(isLater ? ["continuity-received", String(says)] : []),
    ])
    if (isLater && Number(delivered) > state.received)
      this.#call.fail("body", `${delivered} answers were delivered, ${state.received} made`)
    for (let index = Number(delivered ?? 0) + 1; index <= state.received; index++) this.#answer(index)
    this.#take()
    if (endStream) this.#ended()
  }

  #sendHead(more: string[]): void {
    this.hasSentHead = true
    this.#stream.sendHeaders(
      new HeaderList([
        ":status",
        "200",
        "content-type",
        "application/grpc",
        "x-leg",
        String(this.#leg),
        ...more,
      ]),
      false,
    )
  }

  #answer(index: number): void {
    const octets = answerOf(this.#call.plan, index, this.#variant)
    this.#connection.sendData(this.#stream, octets, 0, false)
  }

  isLeg(call: string, leg: number): boolean {
    return this.#record.call === call && this.#leg === leg
  }

  /** What a question of an API with resume tokens asks for: all answers from a place on. */
  #produce(question: Buffer): void {
    const { plan } = this.#call
    const token = tokenOf(plan, question)
    if (token === null)
      this.#call.fail("body", "its first message is not what its client sent, nor with a token")
    const next = (): void => {
      if (this.#isOver) return
      if (this.#produced === plan.messages.length) return this.#end([], 0)
      this.#backend.in(plan.messages[this.#produced]!.afterMs, () => {
        if (this.#isOver) return
        this.#answer(++this.#produced)
        next()
      })
    }
    this.#produced = token
    next()
  }

  onHead(): void {}

  onData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#isOver) return
    this.#reader.push(octets, start, end)
    this.#backend.whenAwake(() => {
      this.#take()
      if (endStream) this.#ended()
    })
  }

  #take(): void {
    if (!this.hasSentHead) return
    for (let one = this.#isOver ? null : this.#reader.next(); one !== null; one = this.#reader.next()) {
      if (this.#call.plan.tokenEvery !== null) {
        this.#produce(one)
        continue
      }
      const index = indexOf(this.#call.plan, one)
      if (this.#last !== null && index !== this.#last + 1)
        this.#call.fail("body", `leg ${this.#leg} got message ${index} after ${this.#last}`)
      if (!one.equals(questionOf(this.#call.plan, index)))
        this.#call.fail("body", `message ${index} is not what its client sent`)
      this.#last = index
      this.#call.passed("client", index, this.#backend.nowMs)
      if (index === this.#said + 1) this.#backend.ledger.store.heard(this.#session, this.#said)
      if (!this.#isAware) this.#answer(index)
      else if (this.#backend.ledger.store.write(this.#session, this.#leg, index)) {
        this.#received = index
        this.#answer(index)
      } else return this.reset()
    }
  }

  onTrailers(): void {}

  #ended(): void {
    if (this.#isOver) return
    const { plan, hasHalfClosed } = this.#call
    const mayBeAsked = this.#isAware && this.#backend.ledger.handsOffAtEnd === true
    const isWhole = hasHalfClosed && this.#received === plan.messages.length
    if (mayBeAsked && !isWhole) return this.handOff()
    if (!hasHalfClosed)
      this.#call.fail("stream state", `leg ${this.#leg} was half-closed, its client was not`)
    if (plan.tokenEvery !== null) {
      if (plan.messages.length === 0) this.#end([], 0)
      return
    }
    const last = this.#isAware ? this.#received : this.#last
    if (last !== null && last !== plan.messages.length)
      this.#call.fail("body", `leg ${this.#leg} ended after message ${last} of ${plan.messages.length}`)
    this.#end(this.#isAware ? ["continuity-received", String(this.#received)] : [], 0)
  }

  #end(more: string[], status = 14): void {
    const fields = ["grpc-status", String(status), "grpc-message", "said by the backend", ...more]
    if (this.hasSentHead) this.#stream.sendHeaders(new HeaderList(fields), true)
    else
      this.#stream.sendHeaders(
        new HeaderList([":status", "200", "content-type", "application/grpc", ...fields]),
        true,
      )
    this.#finish()
  }

  handOff(): void {
    if (!this.hasSentHead || this.#isOver) return
    // To one that does not know of it it is a failure, of a kind that its route lists.
    if (!this.#isAware) return this.#backend.ledger.mode === "off" ? undefined : this.#end([])
    const { store } = this.#backend.ledger
    // One that is not the stream's any more has nothing to hand off.
    if (!store.isOf(this.#session, this.#leg)) return this.reset()
    const says = store.says(this.#session)
    this.#end(["continuity-handoff", this.#session, "continuity-received", String(says)])
  }

  /** Within an answer that it has given before, or would give next. */
  reset(): void {
    const { plan } = this.#call
    const next = Math.min(Math.max(this.#received, this.#produced) + 1, plan.messages.length)
    if (this.hasSentHead && !this.#isOver && !this.#stream.isClosed && next > 0) {
      const octets = answerOf(plan, next, this.#variant)
      this.#connection.sendData(this.#stream, octets.subarray(0, octets.length >> 1), 0, false)
    }
    if (!this.#stream.isClosed) this.#stream.reset(ErrorCode.INTERNAL_ERROR)
    this.over()
  }

  /** It says no more; the balancer may still. */
  #finish(): void {
    this.#isOver = true
    this.#connection.served.delete(this)
    if (this.#stream.isClosed || this.#stream.remoteEnded) this.#record.isOpen = false
  }

  over(): void {
    this.#finish()
    this.#record.isOpen = false
  }

  spoil(): void {}

  onReset(_end: StreamEnd): void {
    this.over()
  }
}

// ---- The client ---------------------------------------------------------------------------------------------------

export class CountingClient extends Peer {
  isReady = false
  readonly #waiting: (() => void)[] = []

  /** Returns what cancels it. */
  open(call: ContinuedCall): () => void {
    let opened: CountingCall | null = null
    const open = (): void => void (opened = new CountingCall(this, call, this.scheduler))
    if (this.isReady) open()
    else this.#waiting.push(open)
    return () => opened?.cancel()
  }

  override onSettings(): void {
    super.onSettings()
    this.isReady = true
    for (const open of this.#waiting.splice(0)) open()
  }

  protected onOver(): void {}
}

class CountingCall implements PeerStreamOwner {
  readonly hasSentHead = true
  readonly #stream: Stream
  readonly #call: ContinuedCall
  readonly #connection: CountingClient
  readonly #scheduler: Scheduler
  readonly #reader = new MessageReader()

  constructor(connection: CountingClient, call: ContinuedCall, scheduler: Scheduler) {
    this.#call = call
    this.#connection = connection
    this.#scheduler = scheduler
    const { id, timeoutMs, cancelAfterMs } = call.plan
    const head = [
      ...[":method", "POST", ":scheme", "http", ":path", "/sim.Counting/Count", ":authority", "sim.test"],
      ...["content-type", "application/grpc", "te", "trailers", "x-call", String(id)],
      ...(timeoutMs === null ? [] : ["grpc-timeout", `${timeoutMs}m`]),
    ]
    call.openedMs = scheduler.now()
    this.#stream = connection.http2.open(new HeaderList(head), false, false, this)
    this.#send(1)
    if (cancelAfterMs !== null) scheduler.in(cancelAfterMs, () => this.cancel())
  }

  #send(index: number): void {
    const { plan } = this.#call
    const piece = plan.messages[index - 1]
    if (piece === undefined || index > questionsOf(plan)) {
      if (!plan.halfCloses || this.#stream.isClosed) return
      this.#call.hasHalfClosed = true
      this.#stream.sendData(NO_OCTETS, 0, 0, true)
      return
    }
    this.#scheduler.in(piece.afterMs, () => {
      if (this.#stream.isClosed) return
      const octets = questionOf(plan, index)
      this.#call.sent = index
      this.#connection.sendData(this.#stream, octets, 0, false)
      this.#send(index + 1)
    })
  }

  cancel(): void {
    if (this.#call.status !== null || this.#stream.isClosed) return
    this.#call.isCancelled = true
    this.#stream.reset(ErrorCode.CANCEL)
    this.#end(-1, "cancelled")
  }

  spoil(): void {}

  onHead(list: HeaderList, endStream: boolean): void {
    this.#checkHidden(list)
    if (!endStream) this.#call.hasHead = true
    if (endStream) this.#end(Number(list.get("grpc-status")), list.get("grpc-message") ?? "")
  }

  onData(octets: Buffer, start: number, end: number): void {
    this.#reader.push(octets, start, end)
    for (let one = this.#reader.next(); one !== null; one = this.#reader.next()) {
      const { plan } = this.#call
      const index = indexOf(plan, one)
      this.#call.passed("backend", index, this.#scheduler.now())
      if (index !== this.#call.got + 1)
        this.#call.fail("body", `answer ${index} came after ${this.#call.got}`)
      // Of several servers that answer differently it hears one.
      this.#call.variant ??= variantOf(plan, one)
      if (!one.equals(answerOf(plan, index, this.#call.variant)))
        this.#call.fail("body", `answer ${index} is another`)
      this.#call.got = index
    }
  }

  onTrailers(list: HeaderList): void {
    this.#checkHidden(list)
    const status = Number(list.get("grpc-status"))
    if (!this.#reader.isBetween && status === 0) this.#call.fail("body", "OK within a message")
    this.#end(status, list.get("grpc-message") ?? "")
  }

  #checkHidden(list: HeaderList): void {
    const found = list.fields.find((name) => name.startsWith("continuity-"))
    if (this.#call.legs[0]?.leg !== -1 && found !== undefined)
      this.#call.fail("head", `its client was told ${found}`)
  }

  onReset(end: StreamEnd): void {
    if (this.#call.status === null) this.#end(-1, `reset with ${end.code} (${end.origin})`)
  }

  #end(status: number, message: string): void {
    if (this.#call.status !== null) this.#call.fail("one ending", `a second ending: ${status} ${message}`)
    this.#call.status = status
    this.#call.message = decodeURIComponent(message)
    this.#call.endedMs = this.#scheduler.now()
    // A request that never ends is given up.
    if (!this.#stream.isClosed && !this.#call.hasHalfClosed)
      this.#scheduler.soon(() => this.#stream.reset(ErrorCode.CANCEL))
  }
}

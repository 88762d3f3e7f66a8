import { Code, ConnectError } from "@connectrpc/connect"
import { trailerFlag } from "@connectrpc/connect/protocol-grpc-web"
import { KeptMessages } from "./kept-messages.ts"
import { readTrailer } from "./trailer.ts"
import type { WebSocketBody } from "./web-socket-body.ts"

/** How streams outlive the Sluice under them. */
export interface WebContinuity {
  /** Most octets of sent messages that are kept to be sent again. Default: 64 KiB. */
  keepOctets?: number
  /** The longest time without a connection, in milliseconds. Default: 10,000. */
  gapMaxMs?: number
}

interface Frame {
  readonly flags: number
  readonly data: Uint8Array
}

const KEEP_OCTETS = 65_536
const GAP_MAX_MS = 10_000
const UNAVAILABLE = "14"
const FIRST_BACKOFF_MS = 50
const LONGEST_BACKOFF_MS = 1_000
/** Messages that the caller may be ahead of the connection. */
const AHEAD_MAX = 8

/** Opens the next leg at the next address: `leg` counts from 0. */
export type OpenLeg = (leg: number, header: Headers) => WebSocketBody

/**
 * A stream that outlives the Sluice under it, and the backend too: the page keeps what it has sent and counts what it got, and
 * a connection that is lost is opened anew elsewhere, with the fields of docs/stream-continuity.md. Needs a backend that takes
 * part, and a route with `continuity: { clients: trusted }`; with any other backend the stream ends with its connection.
 */
export class ContinuedCall {
  readonly #open: OpenLeg
  readonly #header: Headers
  readonly #signal: AbortSignal
  readonly #gapMaxMs: number
  readonly #deadlineMs: number
  readonly #kept: KeptMessages
  readonly #id = callId()
  #leg = -1
  #body: WebSocketBody | null = null
  /** The position that the present leg is sent next. */
  #next = 0
  /** The present leg was sent messages without waiting for its head. */
  #isSentAtOnce = false
  #sent = 0
  #received = 0
  #delivered = 0
  #session: string | null = null
  #accepts = ""
  /** What a handoff has said of the messages in its state; null: nothing. */
  #handedOff: number | null = null
  /** Why no other leg would do better. */
  #refusal: ConnectError | null = null
  #isOver = false

  /** `timeoutMs`: of the whole call. */
  constructor(
    open: OpenLeg,
    header: Headers,
    signal: AbortSignal,
    timeoutMs: number | undefined,
    settings: WebContinuity,
  ) {
    this.#open = open
    this.#header = header
    this.#signal = signal
    this.#deadlineMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs
    this.#gapMaxMs = settings.gapMaxMs ?? GAP_MAX_MS
    this.#kept = new KeptMessages(settings.keepOctets ?? KEEP_OCTETS)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes one message of the caller's, once there is room. */
  async send(envelope: Uint8Array): Promise<void> {
    while (!this.#isOver && this.#kept.end - this.#next >= AHEAD_MAX) await this.#kept.change()
    this.#kept.push(envelope)
  }

  async halfClose(): Promise<void> {
    this.#kept.endHere()
  }

  close(): void {
    this.#isOver = true
    this.#body?.close()
    this.#kept.endHere()
  }

  /** One head, the messages, one block of trailers, whatever comes in between. Errors: `ConnectError`. */
  async *frames(): AsyncGenerator<Frame, void> {
    let gapSinceMs = performance.now()
    let tries = 0
    for (;;) {
      const body = this.#begin()
      const isLater = this.#leg > 0 && this.#accepts !== ""
      let problem: unknown
      try {
        const frames = body.frames()
        const head = await readFrame(frames)
        const fields = readTrailer(head.data)
        const first = await this.#take(fields, isLater, body)
        if (first === "head") {
          if (!isLater) yield { flags: trailerFlag, data: withoutContinuity(fields) }
          gapSinceMs = Number.POSITIVE_INFINITY
          tries = 0
        }
        for (let hasHead = first === "head"; ; ) {
          const frame = await readFrame(frames)
          if ((frame.flags & trailerFlag) === 0) {
            this.#delivered++
            yield frame
            continue
          }
          const trailers = readTrailer(frame.data)
          const after = this.#trailers(trailers, hasHead || !isLater)
          if (after === "answer") {
            if (!hasHead && !isLater) hasHead = true
            yield { flags: trailerFlag, data: withoutContinuity(trailers) }
            return
          }
          problem = new ConnectError(
            trailers.get("grpc-message") ?? "the stream was handed off",
            Code.Unavailable,
          )
          break
        }
      } catch (error) {
        if (error === this.#refusal || this.#signal.aborted) throw asConnectError(error, this.#signal)
        problem = error
      }
      body.close()
      const nowMs = performance.now()
      gapSinceMs = Math.min(gapSinceMs, nowMs)
      const isKept = !this.#hasOneRequest || this.#kept.start === 0
      const mayGoOn = isKept && (this.#accepts.includes("resume") || this.#handedOff !== null)
      // Where none answered at all, nothing has been seen of the call.
      const isUnseen = this.#session === null && !body.wasOpened
      if (this.#isOver || !(isUnseen || (this.#session !== null && mayGoOn))) throw problem
      if (nowMs - gapSinceMs >= this.#gapMaxMs || nowMs >= this.#deadlineMs) throw problem
      await pause(
        Math.min(LONGEST_BACKOFF_MS, tries === 0 ? 0 : FIRST_BACKOFF_MS * 2 ** tries) * Math.random(),
        this.#signal,
      )
      tries++
    }
  }

  /** The method has one request, which every leg is sent at once: its handler begins with it. */
  get #hasOneRequest(): boolean {
    return this.#accepts.includes("one-request")
  }

  /** Opens the next leg. A first one is sent messages at once, a later one when its head has said from where. */
  #begin(): WebSocketBody {
    const leg = ++this.#leg
    const header = new Headers(this.#header)
    header.set("continuity-call", this.#id)
    header.set("continuity-leg", String(leg))
    header.set("continuity-offer", "handoff, resume")
    if (this.#session !== null) {
      header.set("continuity-session", this.#session)
      header.set("continuity-delivered", String(this.#delivered))
      header.set("continuity-holds", String(this.#kept.start + 1))
    }
    if (Number.isFinite(this.#deadlineMs))
      header.set("grpc-timeout", `${Math.max(1, Math.ceil(this.#deadlineMs - performance.now()))}m`)
    const body = this.#open(leg, header)
    this.#body = body
    this.#isSentAtOnce = this.#session === null || this.#hasOneRequest
    if (this.#isSentAtOnce) void this.#pump(body, 0)
    return body
  }

  /** What a head says. `none`: it is no backend's, the trailers follow. */
  async #take(fields: Headers, isLater: boolean, body: WebSocketBody): Promise<"head" | "none"> {
    const refused = fields.get("continuity-refuse")
    if (isLater && refused !== null) throw this.#refuse(`the backend refuses to go on: ${refused}`)
    const accepts = fields.get("continuity-accept")
    if (!isLater) {
      this.#accepts = accepts ?? ""
      this.#session = fields.get("continuity-session")
      return "head"
    }
    // Sluice's own answer, where it has no backend.
    if (accepts === null) return "none"
    this.#accepts = accepts
    this.#session = fields.get("continuity-session") ?? this.#session
    const received = numberOf(fields.get("continuity-received")) ?? this.#handedOff
    this.#handedOff = null
    if (this.#isSentAtOnce) return "head"
    const problem = this.#problemOf(received)
    if (problem !== null) throw this.#refuse(problem)
    this.#received = received!
    void this.#pump(body, received!)
    return "head"
  }

  /** Why the call cannot go on from there; null: it can. Never a guess: silence is not 0. */
  #problemOf(received: number | null): string | null {
    if (received === null) return "the backend did not say continuity-received"
    if (received < this.#received)
      return `continuity-received is ${received}, and was ${this.#received} before`
    if (received > this.#sent)
      return `continuity-received is ${received}, and only ${this.#sent} messages were sent`
    if (received < this.#kept.start) return `only messages from ${this.#kept.start + 1} on are kept`
    return null
  }

  #refuse(message: string): ConnectError {
    this.#refusal = new ConnectError(message, Code.Unavailable)
    return this.#refusal
  }

  /** What trailers come to. `isServed`: a backend has answered on this leg. */
  #trailers(fields: Headers, isServed: boolean): "answer" | "next" {
    const refused = fields.get("continuity-refuse")
    if (refused !== null) throw this.#refuse(`the backend refuses to go on: ${refused}`)
    const handoff = fields.get("continuity-handoff")
    if (fields.get("grpc-status") !== UNAVAILABLE) return "answer"
    if (handoff !== null && this.#accepts.includes("handoff")) {
      if (handoff !== "1") this.#session = handoff
      this.#handedOff = numberOf(fields.get("continuity-received")) ?? (this.#hasOneRequest ? 0 : null)
      if (this.#handedOff === null) throw this.#refuse("the backend handed off without continuity-received")
      return "next"
    }
    // Sluice says so of a backend that is lost, or of none: with a session another may go on.
    const isLost = this.#accepts.includes("resume") && this.#session !== null
    return isLost || !isServed ? "next" : "answer"
  }

  /** Sends from `position` on, as messages come, until the leg is over. */
  async #pump(body: WebSocketBody, position: number): Promise<void> {
    const kept = this.#kept
    this.#next = position
    while (!body.isOver && this.#body === body) {
      if (this.#next < kept.end) {
        await body.send(kept.at(this.#next))
        if (this.#body !== body) return
        this.#next++
        this.#sent = Math.max(this.#sent, this.#next)
        kept.sent(this.#next)
      } else if (kept.hasEnded) return body.halfClose()
      else await kept.change()
    }
  }
}

function asConnectError(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? signal.reason : error
}

async function readFrame(frames: AsyncGenerator<Frame, void>): Promise<Frame> {
  const { done, value } = await frames.next()
  if (done === true) throw new ConnectError("the connection ended before the call did", Code.Unavailable)
  return value
}

/** As a block of lines again, for who reads one. */
function withoutContinuity(fields: Headers): Uint8Array {
  let text = ""
  for (const [name, value] of fields) if (!name.startsWith("continuity-")) text += `${name}: ${value}\r\n`
  return new TextEncoder().encode(text)
}

function numberOf(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null
}

function callId(): string {
  const octets = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("")
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return Promise.resolve()
  return new Promise((resolve) => {
    AbortSignal.any([AbortSignal.timeout(Math.ceil(ms)), signal]).addEventListener("abort", () => resolve())
  })
}

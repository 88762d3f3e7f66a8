import { Metadata, type StatusObject, status } from "@grpc/grpc-js"
import type { Clock, Timer } from "../base/clock.ts"
import type { Random } from "../base/random.ts"
import type { ContinuityConfig, ContinuityMode } from "../config/model.ts"
import { ErrorCode } from "../http2/error-code.ts"
import type { Accepts } from "../relay/call/continuity/fields.ts"
import { type ContinuityFacts, continuation, positionAfter } from "../relay/call/continuity/resume-rules.ts"
import type { LegEnd } from "../relay/call/leg-end.ts"
import { saidIn, withoutFields } from "./backend-fields.ts"
import { KeptMessages, take } from "./kept-messages.ts"
import type { CallInterface, CallListener, LegCall, MessageContext } from "./types.ts"

export interface ContinuedCallOptions {
  readonly config: ContinuityConfig
  readonly clock: Clock
  readonly random: Random
  /** `continuity-call`. */
  readonly id: string
  octetsOf(message: unknown): number
  openLeg(): LegCall
}

const OFFER = "handoff, resume"
/** A leg that lasted so long shows that its backend works. */
const LASTING_MS = 1000
/** How grpc-js tells of a stream that its server reset. */
const RESET = /^Received RST_STREAM/

/**
 * One call of a caller's, over as many legs as it takes: what Sluice does between a client and its backends, at the client.
 * By the same rule, `continuation`.
 */
export class ContinuedCall implements CallInterface {
  readonly #options: ContinuedCallOptions
  readonly #log = new KeptMessages()
  #metadata = new Metadata()
  #listener: CallListener = {}
  /** Null: between two legs. */
  #leg: LegCall | null = null
  #peer = ""
  #legs = 0
  /** How the present leg goes on; null: it begins at the call's beginning. */
  #mode: ContinuityMode | null = null
  /** Messages may go to the present leg. */
  #isOpen = false
  /** They did before its head came. */
  #isSentAtOnce = false
  /** The next message for the present leg. */
  #next = 0
  /** The most that any leg was sent. */
  #sent = 0
  /** What a backend has said it has. */
  #received = 0
  #delivered = 0
  #session: string | null = null
  #accepts: Accepts = { handoff: false, resume: false, oneRequest: false }
  /** The caller has its metadata. */
  #isBegun = false
  /** The present leg's metadata came, and when. */
  #headMs: number | null = null
  #wantsMessage = false
  #isHalfClosed = false
  #isDone = false
  #shortLegs = 0
  #tries = 0
  #gapSinceMs: number | null = null
  #timer: Timer | null = null

  constructor(options: ContinuedCallOptions) {
    this.#options = options
  }

  // ---- From the caller ------------------------------------------------------------------------------------------

  start(metadata: Metadata, listener: CallListener = {}): void {
    this.#metadata = metadata
    this.#listener = listener
    this.#begin(null)
  }

  sendMessageWithContext(context: MessageContext, message: unknown): void {
    this.#log.push({ message, octets: this.#options.octetsOf(message), context, isTaken: false })
    this.#send()
  }

  sendMessage(message: unknown): void {
    this.sendMessageWithContext({}, message)
  }

  startRead(): void {
    this.#wantsMessage = true
    this.#leg?.startRead()
  }

  halfClose(): void {
    this.#isHalfClosed = true
    this.#send()
  }

  cancelWithStatus(code: status, details: string): void {
    if (this.#isDone) return
    if (this.#leg !== null) return this.#leg.cancelWithStatus(code, details)
    this.#end({ code, details, metadata: new Metadata() })
  }

  getPeer(): string {
    return this.#leg?.getPeer() ?? this.#peer
  }

  getAuthContext(): ReturnType<LegCall["getAuthContext"]> {
    return this.#leg?.getAuthContext() ?? null
  }

  // ---- Legs -----------------------------------------------------------------------------------------------------

  #begin(mode: ContinuityMode | null): void {
    const leg = this.#open()
    if (leg === null) return
    this.#leg = leg
    this.#mode = mode
    this.#headMs = null
    // Where a leg goes on, its head says from where; the one request of a method is sent to every leg.
    this.#isSentAtOnce = this.#accepts.oneRequest
    this.#isOpen = mode === null || this.#isSentAtOnce
    this.#next = this.#log.start
    leg.start(this.#legMetadata(), {
      onReceiveMetadata: (metadata) => {
        if (leg === this.#leg) this.#onHead(metadata)
      },
      onReceiveMessage: (message) => {
        if (leg === this.#leg) this.#onMessage(message)
      },
      onReceiveStatus: (end) => {
        if (leg === this.#leg) this.#onLegEnd(end)
      },
    })
    if (this.#wantsMessage) leg.startRead()
    this.#send()
  }

  /** Null: the channel was closed, and the call has ended. */
  #open(): LegCall | null {
    try {
      return this.#options.openLeg()
    } catch (error) {
      // Before its first leg the caller is told as without continuity.
      if (this.#legs === 0) throw error
      this.#giveUp((error as Error).message)
      return null
    }
  }

  #legMetadata(): Metadata {
    const metadata = withoutFields(this.#metadata)
    metadata.set("continuity-call", this.#options.id)
    metadata.set("continuity-leg", String(this.#legs++))
    metadata.set("continuity-offer", OFFER)
    if (this.#mode === null) return metadata
    if (this.#session !== null) metadata.set("continuity-session", this.#session)
    metadata.set("continuity-delivered", String(this.#delivered))
    metadata.set("continuity-holds", String(this.#log.start + 1))
    return metadata
  }

  #onHead(metadata: Metadata): void {
    const says = saidIn(metadata)
    if (says.accepts !== null) this.#accepts = says.accepts
    this.#session = says.session ?? this.#session
    if (this.#mode !== null && this.#isSentAtOnce) {
      if (says.accepts === null) return this.#giveUp("the backend did not say continuity-accept")
    } else if (this.#mode !== null) {
      // Where a handoff has said it, the head may leave it out.
      const received = says.received ?? (this.#mode === "handoff" ? this.#received : null)
      const position = positionAfter(received, this.#positions)
      if (typeof position === "string") return this.#giveUp(position)
      this.#took(position)
      this.#next = position
      this.#isOpen = true
    }
    this.#headMs = this.#options.clock.now()
    this.#gapSinceMs = null
    if (!this.#isBegun) {
      this.#isBegun = true
      this.#listener.onReceiveMetadata?.(withoutFields(metadata))
    }
    this.#send()
  }

  #onMessage(message: unknown): void {
    this.#wantsMessage = false
    this.#delivered++
    this.#listener.onReceiveMessage?.(message)
  }

  /** A backend has so many messages in its state. */
  #took(received: number): void {
    this.#received = Math.max(this.#received, received)
    if (!this.#accepts.oneRequest) this.#log.trimTo(this.#received)
  }

  #send(): void {
    const leg = this.#leg
    if (leg === null || !this.#isOpen) return
    while (this.#next < this.#log.end) {
      const kept = this.#log.at(this.#next++)
      this.#sent = Math.max(this.#sent, this.#next)
      const { flags } = kept.context
      leg.sendMessageWithContext(
        {
          ...(flags !== undefined && { flags }),
          callback: (error) => {
            // Of a leg that is over the next one takes it.
            if (leg !== this.#leg) return
            take(kept, error)
            this.#log.trim(this.#options.config.keepOctets)
          },
        },
        kept.message,
      )
    }
    if (this.#isHalfClosed) {
      this.#isOpen = false
      leg.halfClose()
    }
  }

  // ---- Endings --------------------------------------------------------------------------------------------------

  #onLegEnd(end: StatusObject): void {
    const says = saidIn(end.metadata)
    this.#peer = this.#leg!.getPeer()
    this.#session = says.session ?? this.#session
    const { clock, random, config } = this.#options
    const lasted = this.#headMs !== null && clock.now() - this.#headMs >= LASTING_MS
    if (lasted) {
      this.#shortLegs = 0
      this.#tries = 0
    } else if (this.#headMs !== null) this.#shortLegs++
    this.#gapSinceMs ??= clock.now()
    const legEnd = this.#legEndOf(end)
    const facts: ContinuityFacts = {
      config,
      positions: this.#positions,
      acceptsHandoff: this.#accepts.handoff,
      acceptsResume: this.#accepts.resume,
      hasOneRequest: this.#accepts.oneRequest,
      hasSession: this.#session !== null,
      isBegun: this.#isBegun,
      awaiting: this.#headMs === null ? this.#mode : null,
      isMidMessage: false,
      isFirstKept: this.#log.start === 0,
      hasCursor: false,
      shortLegs: this.#shortLegs,
      tries: this.#tries,
      gapMs: clock.now() - this.#gapSinceMs,
      isBudgetLeft: true,
      random: random(),
    }
    const next = continuation(facts, legEnd)
    if (next === null) return this.#end(end)
    if (next.next === "answer") return this.#giveUp(next.reason)
    if (legEnd.kind === "handed_off") this.#took(legEnd.received ?? 0)
    if (!lasted) this.#tries++
    this.#leg = null
    this.#isOpen = false
    this.#timer = clock.after(next.afterMs, () => this.#begin(next.mode))
  }

  #legEndOf({ code, details, metadata }: StatusObject): LegEnd {
    const { isHandoff, received, refuses } = saidIn(metadata)
    if (this.#mode !== null && this.#headMs === null && refuses !== null)
      return { kind: "refused", reason: refuses }
    if (code === status.UNAVAILABLE)
      return isHandoff
        ? { kind: "handed_off", received }
        : { kind: "lost", isGoodbye: false, reason: details }
    if (code === status.INTERNAL && RESET.test(details))
      return { kind: "reset", code: ErrorCode.INTERNAL_ERROR, isAnswered: this.#headMs !== null }
    return code === status.CANCELLED ? { kind: "cancelled", code: ErrorCode.CANCEL } : { kind: "complete" }
  }

  get #positions(): ContinuityFacts["positions"] {
    return {
      sent: this.#sent,
      received: this.#received,
      logStart: this.#log.start,
      delivered: this.#delivered,
    }
  }

  /** The call cannot go on, and why. */
  #giveUp(reason: string): void {
    const leg = this.#leg
    const details = `the stream cannot go on: ${reason}`
    this.#end({ code: status.UNAVAILABLE, details, metadata: new Metadata() })
    leg?.cancelWithStatus(status.CANCELLED, details)
  }

  #end(end: StatusObject): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#leg = null
    this.#timer?.cancel()
    this.#listener.onReceiveStatus?.({ ...end, metadata: withoutFields(end.metadata) })
  }
}

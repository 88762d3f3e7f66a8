import { parseGrpcStatus } from "../../../grpc/status.ts"
import type { HeaderList } from "../../../http2/header-list.ts"
import type { LegEnd } from "../leg-end.ts"
import { type BackendSays, readBackend } from "./fields.ts"

/** `grpc-encoding` where it is not said. */
const PLAIN = "identity"
const UNAVAILABLE = 14
export const NEVER = -1
/** A leg that lasted so long shows that its backend works. */
export const LASTING_MS = 1000

/** What backends have said of a call, and in their name to its client. */
export class BackendAccount {
  /** A backend's head has come. */
  isBegun = false
  /** That of the present leg has not. */
  isAwaitingHead = true
  /** Since when the present leg serves the client; NEVER: it does not yet. */
  liveMs = NEVER
  acceptsHandoff = false
  acceptsResume = false
  /** Of a method with one request: legs that go on are sent it at once. */
  hasOneRequest = false
  session: string | null = null
  /** Client messages that a backend has said are in its state. */
  received = 0
  /** What the handoff that leads to the present leg said of that; null: there was none, or it said nothing. */
  handedOff: number | null = null
  /** Of the head that the client has: `content-type` and `grpc-encoding`; null: it has none, undefined: it does not say. */
  #contentType: string | null | undefined = null
  #grpcEncoding: string | undefined

  /** It speaks of continuity itself. */
  get isAware(): boolean {
    return this.acceptsHandoff || this.acceptsResume
  }

  get hasClientHead(): boolean {
    return this.#contentType !== null
  }

  /** How long the present leg has served the client. */
  legMs(nowMs: number): number {
    return this.liveMs === NEVER ? 0 : nowMs - this.liveMs
  }

  /** The head of the present leg. */
  headCame(nowMs: number): void {
    this.handedOff = null
    this.isAwaitingHead = false
    // One that served without it for so long has shown that it does.
    if (this.legMs(nowMs) < LASTING_MS) this.liveMs = nowMs
  }

  note({ accepts, session }: BackendSays): void {
    this.isBegun = true
    this.acceptsHandoff = accepts?.handoff === true
    this.acceptsResume = accepts?.resume === true
    this.hasOneRequest = accepts?.oneRequest === true
    if (accepts !== null && session !== null) this.session = session
  }

  /** Why a head does not fit the one that the client has; null: it does, or is the first. */
  takeEncoding(list: HeaderList): string | null {
    const contentType = list.get("content-type")
    const grpcEncoding = list.get("grpc-encoding")
    const known = this.#contentType
    if (
      known !== null &&
      (contentType !== known || (grpcEncoding ?? PLAIN) !== (this.#grpcEncoding ?? PLAIN))
    ) {
      const [said, had] = [
        `${contentType} ${grpcEncoding ?? PLAIN}`,
        `${known} ${this.#grpcEncoding ?? PLAIN}`,
      ]
      return `its head says ${said}, the client has ${had}`
    }
    this.#contentType = contentType
    this.#grpcEncoding = grpcEncoding
    return null
  }

  /** How a leg ended whose trailers are no answer; null: they are. `failures`: the statuses that are none. */
  endOf(list: HeaderList, failures: readonly number[], isWithinMessage: boolean): LegEnd | null {
    const grpcStatus = parseGrpcStatus(list.get("grpc-status") ?? "")
    const says = readBackend(list)
    if (says.accepts !== null) this.note(says)
    if (grpcStatus === UNAVAILABLE && says.isHandoff && this.acceptsHandoff) {
      if (isWithinMessage) return { kind: "unfit", reason: "handed off within a message" }
      if (says.session !== null) this.session = says.session
      this.handedOff = says.received
      return { kind: "handed_off", received: says.received }
    }
    return failures.includes(grpcStatus) ? { kind: "failed_status", grpcStatus } : null
  }
}

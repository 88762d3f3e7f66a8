import type { ContinuityMode } from "../../../config/model.ts"
import type { Leg } from "../leg.ts"
import { BackendAccount, NEVER } from "./backend-account.ts"
import { readBackend } from "./fields.ts"
import type { Gap } from "./gap.ts"
import type { Moving } from "./moving.ts"
import type { Refusal } from "./refusal.ts"

/**
 * What a call keeps from when its first leg ends, or it is asked whether that could: most streams have one leg, for days,
 * and none of this.
 */
export class LaterLegs {
  readonly backend = new BackendAccount()
  /** A leg is over, and the next one's stream has not been opened. */
  isBetween = false
  /** Null: no leg has ended. */
  gap: Gap | null = null
  /** How the present leg was opened; null: from the call's beginning. */
  mode: ContinuityMode | null = null
  /** It was sent the call's one request without waiting for its head. */
  isSentAtOnce = false
  refusal: Refusal | null = null
  moving: Moving | null = null

  /** After `first`. `isBegun`: its head has been taken up; `isOneSided`: it served without one. */
  constructor(first: Leg | null, isBegun: boolean, isOneSided: boolean) {
    if (first === null) return
    if (isOneSided && first.connectedMs > 0) this.backend.liveMs = first.connectedMs
    if (!isBegun) return
    this.backend.takeEncoding(first.responseHeaders!)
    this.backend.note(readBackend(first.responseHeaders!))
    this.backend.headCame(first.headersMs)
  }

  /** The present leg's stream is open; `liveMs`: since when it serves, where it needs no head for that. */
  opened(liveMs: number): void {
    this.isBetween = false
    if (liveMs === NEVER) return
    this.backend.liveMs = liveMs
    this.gap?.onLive()
    this.moving?.legLive()
  }

  headCame(nowMs: number): void {
    this.gap?.onHead()
    this.backend.headCame(nowMs)
    this.moving?.legBegun()
  }

  /** The call is over. */
  close(): void {
    this.gap?.close()
    this.moving?.close()
  }
}

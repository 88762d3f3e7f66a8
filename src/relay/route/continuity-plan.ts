import type { ContinuityConfig } from "../../config/model.ts"
import { type FieldPath, parseFieldPath } from "../../grpc/field-path.ts"

/** A route's continuity, compiled: what all its calls share. */
export interface ContinuityPlan {
  readonly config: ContinuityConfig
  /** `continuity-offer`. */
  readonly offer: string
  /** Most octets kept of whole client messages that were sent. */
  readonly keepOctets: number
  /** The client's first message is kept, for as long as the call lasts. */
  readonly keepsFirst: boolean
  /** Its last whole message is kept. */
  readonly keepsLast: boolean
  /** Messages that were answered need not be kept, where the backend does not speak of continuity itself. */
  readonly isLockstep: boolean
  /** Nor need those that a backend has said are in its state. */
  readonly forgetsReceived: boolean
  /** Where more came than is kept, the client waits. */
  readonly isSlow: boolean
  /** Some mode needs nothing of the backend. */
  readonly isOneSided: boolean
  /** Mode `cursor`: the field of responses that holds a resume token, and that of the first request. Null: no such mode. */
  readonly cursor: { readonly from: FieldPath; readonly into: FieldPath } | null
}

/** Null: streams end with their backend. */
export function compileContinuity(config: ContinuityConfig): ContinuityPlan | null {
  const { modes, refused, restartWith, cursorFrom, cursorInto } = config
  if (modes.length === 0) return null
  const restarts = modes.includes("restart") || refused === "restart"
  const asked = modes.filter((mode) => mode === "handoff" || mode === "resume")
  const isAskedOnly = asked.length === modes.length && refused === "end"
  const isBackwards = modes.includes("restart") || modes.includes("replay") || refused === "restart"
  const isWindow = modes.some((mode) => mode !== "restart" && mode !== "cursor")
  return {
    config,
    offer: asked.join(", "),
    keepOctets: isWindow ? config.keepOctets : 0,
    keepsFirst: modes.includes("cursor") || (restarts && restartWith === "first"),
    keepsLast: restarts && restartWith === "last",
    isLockstep: modes.includes("lockstep") && !isBackwards,
    forgetsReceived: isAskedOnly,
    isSlow: config.overflow === "slow" && isWindow,
    isOneSided: asked.length < modes.length,
    cursor: modes.includes("cursor")
      ? { from: parseFieldPath(cursorFrom!), into: parseFieldPath(cursorInto!) }
      : null,
  }
}

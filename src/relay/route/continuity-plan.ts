import type { ContinuityConfig } from "../../config/model.ts"
import { type FieldPath, parseFieldPath } from "../../grpc/field-path.ts"

/** A log that does not stay in a processor's nearest memory. */
const LARGE_OCTETS = 16_384

/** A route's continuity, compiled: what all its calls share. */
export interface ContinuityPlan {
  readonly config: ContinuityConfig
  /** `continuity-offer`. */
  readonly offer: string
  /** Most octets kept of whole client messages that were sent. */
  readonly keepOctets: number
  /** Once they are too many, so many octets more leave at once: one by one, each would be looked up in cold memory. */
  readonly leaveOctets: number
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
  /** More than whole messages is looked at in answers, from the first on: resume tokens, or a digest. */
  readonly looksWithin: boolean
  /** Mode `cursor`: the field of responses that holds a resume token, and that of the first request. Null: no such mode. */
  readonly cursor: CursorFields | null
}

/** Where resume tokens are: in responses, and in the first request. */
export interface CursorFields {
  readonly from: FieldPath
  readonly into: FieldPath
}

/** The same of the method at `path`, by the names of fields; null: its messages have no such fields. */
export type CursorFieldsOf = (path: string, from: string, into: string) => CursorFields | null

/** The plan for the method at `path`; null: its streams end with their backend. */
export type PlanOf = (path: string) => ContinuityPlan | null

/** The fields of its cursor are said by name: they are others for each method. */
export function hasNamedCursor({ cursorFrom, cursorInto, modes }: ContinuityConfig): boolean {
  return (
    modes.includes("cursor") && (parseFieldPath(cursorFrom!) === null || parseFieldPath(cursorInto!) === null)
  )
}

/** The one plan of a route, whatever the method. Null: it has none. */
export function onePlan(config: ContinuityConfig): PlanOf | null {
  const plan = compileContinuity(config)
  return plan === null ? null : () => plan
}

/** The plans of a route where the fields of its cursor are said by name. */
export function compilePlans(config: ContinuityConfig, fieldsOf: CursorFieldsOf): PlanOf {
  const { cursorFrom, cursorInto, modes } = config
  const without = compileContinuity({ ...config, modes: modes.filter((mode) => mode !== "cursor") })
  // As many as there are methods in the descriptors: of others none is kept.
  const plans = new Map<string, ContinuityPlan | null>()
  return (path) => {
    const known = plans.get(path)
    if (known !== undefined) return known
    const cursor = fieldsOf(path, cursorFrom!, cursorInto!)
    if (cursor === null) return without
    const plan = compileContinuity(config, cursor)
    plans.set(path, plan)
    return plan
  }
}

/** Null: streams end with their backend. `cursor`: where tokens are; by default as the configuration has it, by number. */
export function compileContinuity(
  config: ContinuityConfig,
  cursor: CursorFields | null = null,
): ContinuityPlan | null {
  const { modes, refused, restartWith, cursorFrom, cursorInto } = config
  if (modes.length === 0) return null
  const restarts = modes.includes("restart") || refused === "restart"
  const asked = modes.filter((mode) => mode === "handoff" || mode === "resume")
  const isAskedOnly = asked.length === modes.length && refused === "end"
  const isBackwards = modes.includes("restart") || modes.includes("replay") || refused === "restart"
  const isLarge = config.keepOctets >= LARGE_OCTETS
  const isWindow = modes.some((mode) => mode !== "restart" && mode !== "cursor")
  return {
    config,
    offer: asked.join(", "),
    keepOctets: isWindow ? config.keepOctets : 0,
    leaveOctets: isLarge ? config.keepOctets >> 4 : 0,
    keepsFirst: modes.includes("cursor") || (restarts && restartWith === "first"),
    keepsLast: restarts && restartWith === "last",
    isLockstep: modes.includes("lockstep") && !isBackwards,
    forgetsReceived: isAskedOnly,
    isSlow: config.overflow === "slow" && isWindow,
    isOneSided: asked.length < modes.length,
    looksWithin: modes.includes("cursor") || modes.includes("replay"),
    cursor: modes.includes("cursor")
      ? (cursor ?? { from: parseFieldPath(cursorFrom!)!, into: parseFieldPath(cursorInto!)! })
      : null,
  }
}

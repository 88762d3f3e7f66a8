import { defaultContinuity } from "./defaults.ts"
import type { ContinuityAsk, ContinuityConfig, ContinuityMode } from "./model.ts"

export const CONTINUITY_MODES = [
  "handoff",
  "resume",
  "cursor",
  "lockstep",
  "restart",
  "replay",
] as const satisfies readonly ContinuityMode[]
export const CONTINUITY_ASKS = ["none", "half-close", "call"] as const satisfies readonly ContinuityAsk[]
export const RESTARTS_WITH = ["first", "last", "none"] as const
export const REFUSALS = ["end", "restart"] as const
export const OVERFLOWS = ["commit", "slow"] as const
export const CLIENTS = ["ignored", "trusted"] as const

/** What `keep` may be: more for each of ten thousand calls would be no bound. */
export const KEEP_OCTETS = { min: 0, max: 2 ** 24 } as const
export const LEGS_MAX = { min: 2, max: 100 } as const

/**
 * A field by its number or name, within others by theirs: `4`, `2.1`, `page.after`. Names are asked for by reflection, or
 * looked up in a descriptor set.
 */
export const FIELD_PATH = /^(?:[1-9]\d{0,8}|[A-Za-z_]\w{0,99})(?:\.(?:[1-9]\d{0,8}|[A-Za-z_]\w{0,99})){0,7}$/

const UNAVAILABLE = 14

/** Well-known services whose own words say how a call of theirs goes on. */
const presets: Readonly<Record<string, Partial<ContinuityConfig>>> = {
  // grpc.health.v1.Health/Watch: each new watch begins with the present state.
  health: { modes: ["restart"], restartWith: "first", statuses: [UNAVAILABLE] },
  // Server reflection: one answer to each question, nothing remembered between.
  reflection: { modes: ["lockstep"], statuses: [UNAVAILABLE] },
  // google.pubsub.v1.Subscriber/StreamingPull: the first request names the subscription; delivery is at least once.
  pubsub: { modes: ["restart"], restartWith: "first", statuses: [UNAVAILABLE] },
  // google.spanner.v1.Spanner/ExecuteStreamingSql: PartialResultSet.resume_token, ExecuteSqlRequest.resume_token.
  spanner: { modes: ["cursor"], cursorFrom: "4", cursorInto: "6", statuses: [UNAVAILABLE] },
  // StreamingRead of the same: ReadRequest.resume_token.
  "spanner-read": { modes: ["cursor"], cursorFrom: "4", cursorInto: "9", statuses: [UNAVAILABLE] },
}

export const presetNames: readonly string[] = Object.keys(presets)

/** What a preset stands for; null where none has that name. */
export function continuityPreset(name: string): ContinuityConfig | null {
  const preset = Object.hasOwn(presets, name) ? presets[name]! : null
  return preset === null ? null : { ...defaultContinuity(), ...preset }
}

/** How the parts of one must agree; null: they do. */
export function continuityProblem(
  modes: readonly ContinuityMode[],
  from: unknown,
  into: unknown,
  overflow: unknown,
): string | null {
  const isCursor = modes.includes("cursor")
  if (isCursor && (from == null || into == null)) return "mode cursor needs the fields from and into"
  if (!isCursor && (from != null || into != null)) return "from and into are for mode cursor"
  if (modes.includes("replay") && overflow === "slow")
    return "overflow slow would stop a client for good: mode replay needs all that it has sent"
  return null
}

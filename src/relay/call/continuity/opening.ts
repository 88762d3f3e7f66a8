import type { ContinuityConfig, ContinuityMode } from "../../../config/model.ts"

/** What a leg is given when its stream opens. */
export type Opening =
  /** All that the client has sent. */
  | { readonly kind: "begin" }
  /** Nothing, before `resume` says from where. */
  | { readonly kind: "wait" }
  /** `again`, then messages from position `message` on. */
  | { readonly kind: "from"; readonly again: Buffer | null; readonly message: number }

/** The request that the next leg is sent. */
interface Restartable {
  restart(again: ContinuityConfig["restartWith"]): Opening
}

/** What a leg of this mode is sent when it opens. `delivered`: messages that the client has had. */
export function openingOf(
  mode: ContinuityMode,
  request: Restartable,
  delivered: number,
  { restartWith }: ContinuityConfig,
): Opening {
  if (mode === "handoff" || mode === "resume") return { kind: "wait" }
  if (mode === "lockstep") return { kind: "from", again: null, message: delivered }
  if (mode === "replay") return { kind: "from", again: null, message: 0 }
  return request.restart(restartWith)
}

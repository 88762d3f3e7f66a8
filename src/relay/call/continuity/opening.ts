import type { ContinuityConfig, ContinuityMode } from "../../../config/model.ts"
import type { FieldValue } from "../../../grpc/field-path.ts"

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
  readonly sentMessages: number
  restart(again: ContinuityConfig["restartWith"]): Opening
  firstWith(token: FieldValue | null): Buffer | null
}

/** What the client has of the responses. */
interface Delivered {
  /** Whole messages. */
  readonly delivered: number
  readonly token: FieldValue | null
}

/** What a leg of this mode is sent when it opens. `hasOneRequest`: its backend's method reads no head before that. */
export function openingOf(
  mode: ContinuityMode,
  request: Restartable,
  { delivered, token }: Delivered,
  { restartWith }: ContinuityConfig,
  hasOneRequest: boolean,
): Opening {
  switch (mode) {
    case "handoff":
    case "resume":
      return hasOneRequest ? { kind: "from", again: null, message: 0 } : { kind: "wait" }
    case "cursor": {
      const again = request.firstWith(token)
      if (again === null) return request.restart("first")
      return { kind: "from", again, message: Math.max(1, request.sentMessages) }
    }
    case "lockstep":
      return { kind: "from", again: null, message: delivered }
    case "replay":
      return { kind: "from", again: null, message: 0 }
    case "restart":
      return request.restart(restartWith)
  }
}

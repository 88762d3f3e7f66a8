/**
 * Why a message could not be translated.
 *
 * - `malformed`: the text is no JSON, or the octets no protobuf.
 * - `mistyped`: well formed, and not of the type.
 * - `unknown`: a field, an enum value or a type that the descriptors do not have; newer ones may.
 * - `limit`: it would become more than a limit allows.
 */
export type FaultKind = "malformed" | "mistyped" | "unknown" | "limit"

/** A message of a peer's that cannot be translated. Thrown within the translators alone. */
export class MessageFault extends Error {
  readonly kind: FaultKind
  /** The limit that was reached, where that is why. */
  readonly limit: MessageLimit | null

  constructor(kind: FaultKind, message: string, limit: MessageLimit | null = null) {
    super(message)
    this.kind = kind
    this.limit = limit
  }
}

export type MessageLimit = "messageValuesMax" | "messageDepthMax" | "messageGrowthMax"

/** What one message may become. */
export interface MessageBounds {
  /** Values of JSON, or fields and packed elements of protobuf. */
  readonly valuesMax: number
  /** Messages within messages. */
  readonly depthMax: number
  /** Octets of the translation. */
  readonly octetsMax: number
}

export function tooManyValues({ valuesMax }: MessageBounds): MessageFault {
  return new MessageFault("limit", `more than messageValuesMax (${valuesMax} values)`, "messageValuesMax")
}

export function tooDeep({ depthMax }: MessageBounds): MessageFault {
  return new MessageFault("limit", `deeper than messageDepthMax (${depthMax} levels)`, "messageDepthMax")
}

export function tooMuchGrowth({ octetsMax }: MessageBounds): MessageFault {
  const message = `its translation is larger than messageGrowthMax allows (${octetsMax} octets)`
  return new MessageFault("limit", message, "messageGrowthMax")
}

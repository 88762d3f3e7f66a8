import { WireType } from "../../grpc/wire-type.ts"
import type { WireReader } from "./wire-reader.ts"

/** What the syntax or edition of a file says of its fields: google.protobuf.FeatureSet, as far as JSON needs it. */
export interface Features {
  readonly presence: number
  readonly enumType: number
  readonly repeatedEncoding: number
  readonly utf8Validation: number
  readonly messageEncoding: number
}

export const Presence = { EXPLICIT: 1, IMPLICIT: 2, LEGACY_REQUIRED: 3 } as const
export const EnumOpenness = { OPEN: 1, CLOSED: 2 } as const
export const RepeatedEncoding = { PACKED: 1, EXPANDED: 2 } as const
export const Utf8Validation = { VERIFY: 2, NONE: 3 } as const
export const MessageEncoding = { LENGTH_PREFIXED: 1, DELIMITED: 2 } as const

const proto2: Features = {
  presence: Presence.EXPLICIT,
  enumType: EnumOpenness.CLOSED,
  repeatedEncoding: RepeatedEncoding.EXPANDED,
  utf8Validation: Utf8Validation.NONE,
  messageEncoding: MessageEncoding.LENGTH_PREFIXED,
}
const proto3: Features = {
  presence: Presence.IMPLICIT,
  enumType: EnumOpenness.OPEN,
  repeatedEncoding: RepeatedEncoding.PACKED,
  utf8Validation: Utf8Validation.VERIFY,
  messageEncoding: MessageEncoding.LENGTH_PREFIXED,
}
/** Edition 2023, and so far those after it. */
const editions: Features = { ...proto3, presence: Presence.EXPLICIT }

export function featuresOfSyntax(syntax: string): Features {
  if (syntax === "proto3") return proto3
  return syntax === "editions" ? editions : proto2
}

const NAMES = ["presence", "enumType", "repeatedEncoding", "utf8Validation", "messageEncoding"] as const

/** Those of `reader`, a FeatureSet, in place of the inherited ones. */
export function mergeFeatures(inherited: Features, reader: WireReader): Features {
  const features = { ...inherited }
  while (!reader.isAtEnd) {
    const name = NAMES[reader.tag() - 1]
    if (name !== undefined && reader.wireType === WireType.VARINT) {
      reader.varint()
      features[name] = reader.low
    } else reader.skip()
  }
  return features
}

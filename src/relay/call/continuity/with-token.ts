import type { FieldPath, FieldValue } from "../../../grpc/field-path.ts"
import { withField } from "../../../grpc/field-writer.ts"
import { framedMessage } from "../../../grpc/framed-message.ts"

const PREFIX_OCTETS = 5

/** The client's first message, prefix and all, with a resume token in it; null: it is compressed, or no message. */
export function withToken(first: Buffer, into: FieldPath, token: FieldValue): Buffer | null {
  if (first[0] !== 0) return null
  const message = withField(first.subarray(PREFIX_OCTETS), into, token)
  return message === null ? null : framedMessage(message)
}

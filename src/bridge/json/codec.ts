import { BinaryToJson } from "./binary-to-json.ts"
import { type MessageBounds, MessageFault } from "./fault.ts"
import { JsonToBinary } from "./json-to-binary.ts"
import type { MessageType, TypeNames } from "./message-type.ts"

/** The work of one message in one go is at most this; for what is small anyway. */
const WHOLE = Number.MAX_SAFE_INTEGER

/** A message in binary from its JSON, at once. Errors: `MessageFault`. */
export function encodeJson(type: MessageType, json: Buffer, names: TypeNames, bounds: MessageBounds): Buffer {
  return whole(new JsonToBinary(type, json, names, bounds))
}

/** The JSON of a message, at once. Errors: `MessageFault`. */
export function decodeToJson(
  type: MessageType,
  message: Buffer,
  names: TypeNames,
  bounds: MessageBounds,
): Buffer {
  return whole(new BinaryToJson(type, message, names, bounds))
}

function whole(translation: JsonToBinary | BinaryToJson): Buffer {
  if (!translation.step(WHOLE)) throw new MessageFault("malformed", "the translation does not end")
  return translation.finish()
}

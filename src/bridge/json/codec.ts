import {
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Registry,
  toBinary,
  toJson,
} from "@bufbuild/protobuf"
import { mayBeRounded, parseExactly, roundOthers } from "./integers.ts"
import { locateFault } from "./problem.ts"

/** Why a text is not the JSON of a message; names the field, where there is one, and the position. */
export class JsonFault extends Error {}

/** The value of a JSON text, for `encodeJson`. Errors: `JsonFault`. */
export function parseJson(text: string): JsonValue {
  try {
    return mayBeRounded(text) ? parseExactly(text) : (JSON.parse(text) as JsonValue)
  } catch (error) {
    throw new JsonFault(`malformed JSON: ${(error as Error).message}`)
  }
}

/** A message in binary from its JSON, which was read from `text`. Errors: `JsonFault`. */
export function encodeJson(type: DescMessage, json: JsonValue, text: string, registry: Registry): Uint8Array {
  let exact = json
  try {
    if (mayBeRounded(text)) exact = roundOthers(type, json, registry)
    return toBinary(type, fromJson(type, exact, { registry }))
  } catch (error) {
    const { path, offset, reason } = locateFault(type, exact, text, registry, error as Error)
    const field = path === "" ? type.typeName : `field ${path} of ${type.typeName}`
    throw new JsonFault(`${field}, position ${offset}: ${reason}`)
  }
}

/** The JSON of a message in binary. Errors: whatever protobuf-es finds wrong with it. */
export function decodeToJson(type: DescMessage, message: Uint8Array, registry: Registry): JsonValue {
  return toJson(type, fromBinary(type, message), { registry })
}

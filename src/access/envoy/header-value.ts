/** Header fields in Envoy's messages. Source: envoy/config/core/v3/base.proto. */
import type { HeaderChange } from "../../record/header-change.ts"
import { numberField, octetsField, readMessage, textField } from "./wire.ts"

/** `HeaderValue`. */
function readValue(octets: Uint8Array): { name: string; value: string } {
  let name = ""
  let value = ""
  readMessage(octets, {
    1: textField((text) => (name = text.toLowerCase())),
    2: octetsField((raw) => (value = Buffer.from(raw).toString("latin1"))),
    3: octetsField((raw) => (value = Buffer.from(raw).toString("latin1"))),
  })
  return { name, value }
}

/** Of one list of an answer. No server sends so many fields, and each is laid over all before it. */
const CHANGES_MAX = 256

/** Errors: throws where it is one too many. */
export function addChange(change: HeaderChange, into: HeaderChange[]): void {
  if (into.length >= CHANGES_MAX) throw new Error(`more than ${CHANGES_MAX} fields are changed`)
  into.push(change)
}

/** Fields to be added, of `HeaderValue`. */
export function readAdded(octets: Uint8Array): HeaderChange {
  return { ...readValue(octets), action: "append" }
}

/**
 * `HeaderAppendAction`, by number. 0 is also what is not said, and then the service's own value is the only one: a
 * client must not get its own beside it.
 */
const ACTIONS = ["overwrite", "add if absent", "overwrite", "overwrite if there"] as const

/** `HeaderValueOption`; null: an empty value, which is not kept unless the option says so. */
export function readOption(octets: Uint8Array): HeaderChange | null {
  let field = { name: "", value: "" }
  let action = 0
  let append: boolean | null = null
  let keepsEmpty = false
  readMessage(octets, {
    1: octetsField((inner) => (field = readValue(inner))),
    2: octetsField((inner) => {
      append = false
      readMessage(inner, { 1: numberField((value) => (append = value !== 0)) })
    }),
    3: numberField((value) => (action = value)),
    4: numberField((value) => (keepsEmpty = value !== 0)),
  })
  if (field.value === "" && !keepsEmpty) return null
  if (append !== null) return { ...field, action: append ? "append" : "overwrite" }
  return { ...field, action: ACTIONS[action] ?? "overwrite" }
}

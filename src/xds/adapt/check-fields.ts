import { type DescField, type DescMessage, isFieldSet, type Message } from "@bufbuild/protobuf"
import type { Any } from "@bufbuild/protobuf/wkt"
import { typeNameOf, unpack } from "./extensions.ts"
import { FIELD_TABLE } from "./field-table.ts"
import { refuse } from "./refusal.ts"

/** A field without effect, and why. */
export interface Note {
  /** `Cluster.alt_stat_name`: the same for all resources, so that it is said once. */
  readonly field: string
  readonly why: string
}

/** Extensions that are judged by their own reader: where they stand, any type may be. */
const OPEN_ENDED: ReadonlySet<string> = new Set([
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
  "envoy.config.listener.v3.Filter",
  "envoy.config.listener.v3.ListenerFilter",
  "envoy.config.core.v3.TransportSocket",
  // Of a list of policies the first that is known counts.
  "envoy.config.core.v3.TypedExtensionConfig",
])

/** Deeper than any schema that is known goes. */
const DEPTH_MAX = 32

/**
 * Holds every field of a resource that is set against the table of what becomes of it. Errors: throws a `Refusal` at the
 * first that is neither honoured nor harmless.
 */
export function checkFields(desc: DescMessage, message: Message): Note[] {
  const notes = new Map<string, Note>()
  check(desc, message, "", notes, 0)
  return [...notes.values()]
}

function check(
  desc: DescMessage,
  message: Message,
  path: string,
  notes: Map<string, Note>,
  depth: number,
): void {
  // Wrappers, durations, structures.
  if (desc.file.proto.package === "google.protobuf") return
  if (depth > DEPTH_MAX) refuse(path, "it is nested too deep")
  const row = FIELD_TABLE[desc.typeName]
  for (const field of desc.fields) {
    if (!isFieldSet(message, field)) continue
    const place = path === "" ? field.name : `${path}.${field.name}`
    const why = row?.harmless?.[field.name]
    if (why !== undefined) {
      const name = `${desc.name}.${field.name}`
      notes.set(name, { field: name, why })
    } else if (row?.honoured.includes(field.name) === true)
      checkValue(desc, message, field, place, notes, depth + 1)
    else refuse(place, "not supported")
  }
  for (const { no } of message.$unknown ?? []) {
    const name = `${desc.name}, field ${no}`
    notes.set(name, { field: name, why: "unknown: newer than what Sluice has read" })
  }
}

function checkValue(
  desc: DescMessage,
  message: Message,
  field: DescField,
  place: string,
  notes: Map<string, Note>,
  depth: number,
): void {
  const inner = (of: DescMessage, value: Message, at: string): void => {
    if (of.typeName === "google.protobuf.Any") checkAny(desc, value as Any, at, notes, depth)
    else check(of, value, at, notes, depth)
  }
  if (field.fieldKind === "message") inner(field.message, setValue(message, field) as Message, place)
  else if (field.fieldKind === "list" && field.listKind === "message") {
    for (const [index, value] of (setValue(message, field) as Message[]).entries())
      inner(field.message, value, `${place}[${index}]`)
  } else if (field.fieldKind === "map" && field.mapKind === "message") {
    for (const [key, value] of Object.entries(setValue(message, field) as Record<string, Message>))
      inner(field.message, value, `${place}["${key}"]`)
  }
}

/** Of a field that is set. */
function setValue(message: Message, field: DescField): unknown {
  const fields = message as unknown as Record<string, unknown>
  const { oneof } = field
  return oneof === undefined
    ? fields[field.localName]
    : (fields[oneof.localName] as { readonly value: unknown }).value
}

function checkAny(desc: DescMessage, any: Any, place: string, notes: Map<string, Note>, depth: number): void {
  let found: ReturnType<typeof unpack>
  try {
    found = unpack(any)
  } catch {
    refuse(place, `it is no ${typeNameOf(any)}`)
  }
  if (found !== null) check(found.desc, found.message, place, notes, depth)
  else if (!OPEN_ENDED.has(desc.typeName)) refuse(place, `${typeNameOf(any)} is not supported`)
}

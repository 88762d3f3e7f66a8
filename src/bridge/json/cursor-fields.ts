import type { Steps } from "../../base/steps.ts"
import { eachRoute } from "../../config/each-route.ts"
import type { Config, RouteSettings } from "../../config/model.ts"
import type { FieldPath } from "../../grpc/field-path.ts"
import { type CursorFields, type CursorFieldsOf, hasNamedCursor } from "../../relay/route/continuity-plan.ts"
import { descriptorSetOf } from "./check-descriptor-sets.ts"
import { DescriptorIndex, type MethodType } from "./descriptor-index.ts"
import { FieldKind, type FieldType, type MessageType, wireTypeOf } from "./message-type.ts"

/** Where resume tokens are in messages of a method, by the names of fields and a descriptor set. */
export function cursorFieldsBy(descriptorSet: string): CursorFieldsOf {
  let index: DescriptorIndex | null = null
  return (path, from, into) => {
    index ??= DescriptorIndex.of(descriptorSetOf(descriptorSet))
    // No longer path: what is found for one is kept.
    const [, service, name] = /^\/([^/]+)\/([^/]+)$/.exec(path) ?? []
    const method = service === undefined ? undefined : index.method(service, name!)
    const found = method === undefined ? "unknown method" : cursorFieldsIn(method, from, into)
    return typeof found === "string" ? null : found
  }
}

/**
 * Errors: a sentence, where the fields of a cursor are said by name and the route has a descriptor set in which no method
 * has such fields.
 */
export function* checkCursors(config: Config): Steps {
  const checked = new Set<string>()
  const look = ({ continuity, bridge }: RouteSettings): void => {
    const { cursorFrom: from, cursorInto: into } = continuity
    if (from === null || into === null || bridge.descriptorSet === null) return
    const key = `${from} ${into} ${bridge.descriptorSet}`
    if (checked.has(key)) return
    checked.add(key)
    if (hasNamedCursor(continuity)) checkNames(from, into, bridge.descriptorSet)
  }
  for (const { fallback, routes } of config.servers) {
    look(fallback)
    yield* eachRoute(routes, ({ settings }) => look(settings))
  }
}

function checkNames(from: string, into: string, descriptorSet: string): void {
  const problems: string[] = []
  for (const [path, method] of DescriptorIndex.of(descriptorSetOf(descriptorSet)).methods()) {
    const found = cursorFieldsIn(method, from, into)
    if (typeof found !== "string") return
    problems.push(`${path}: ${found}`)
  }
  const why = problems.slice(0, 3).join("; ")
  throw new Error(`continuity: no method of ${descriptorSet} has fields ${from} and ${into}: ${why}`)
}

/** Where the resume tokens of a method are. A text: why it has none. */
export function cursorFieldsIn(
  { input, output }: MethodType,
  from: string,
  into: string,
): CursorFields | string {
  const response = fieldAt(output, from, true)
  if (typeof response === "string") return response
  const request = fieldAt(input, into, false)
  if (typeof request === "string") return request
  if (wireTypeOf(response.field.kind) !== wireTypeOf(request.field.kind))
    return `${from} of ${output.name} and ${into} of ${input.name} are of different types`
  return { from: response.path, into: request.path }
}

function fieldAt(
  type: MessageType,
  text: string,
  mayRepeat: boolean,
): { readonly path: FieldPath; readonly field: FieldType } | string {
  const path: number[] = []
  let within: MessageType | null = type
  let field: FieldType | undefined
  for (const part of text.split(".")) {
    field = within === null ? undefined : (within.byKey.get(part) ?? within.byNumber.get(Number(part)))
    if (field === undefined) return `${type.name} has no field ${text}`
    if (field.isMap || (field.isRepeated && !mayRepeat)) return `${part} of ${text} in ${type.name} is a list`
    path.push(field.number)
    within = field.kind === FieldKind.MESSAGE ? field.message : null
  }
  if (within !== null || field!.kind === FieldKind.GROUP) return `${text} of ${type.name} is a message`
  return { path, field: field! }
}

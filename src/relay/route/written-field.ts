import type { StreamRecord } from "../../record/record.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import {
  isAuthority,
  isWritableTe,
  unwritable,
  type WrittenTo,
  writableValue,
} from "../../record/written-field.ts"

/** A field of the configuration, and its value for a stream as HTTP/2 takes it. */
export class WrittenField {
  readonly name: string
  /** Null: it differs from stream to stream. */
  readonly constant: string | null
  readonly #template: Template

  constructor(name: string, template: string, table: VariableSource) {
    this.name = name
    this.#template = compileTemplate(template, "header", table)
    this.constant = this.#template.constant === null ? null : writableValue(this.#template.constant)
  }

  value(record: StreamRecord, env: TemplateEnvironment): string {
    return this.constant ?? writableValue(this.#template.render(record, env))
  }
}

/** The field, or none where HTTP/2 never takes it; to remove it, any may be named. */
export function writtenField(
  name: string,
  template: string,
  to: WrittenTo,
  table: VariableSource,
): WrittenField[] {
  const lower = name.toLowerCase()
  if (template !== "" && unwritable(lower, to) !== null) return []
  const field = new WrittenField(lower === "host" && to === "request" ? ":authority" : lower, template, table)
  const { constant } = field
  if (field.name === "te" && constant !== null && constant !== "" && !isWritableTe(constant)) return []
  return field.name === ":authority" && constant !== null && !isAuthority(constant) ? [] : [field]
}

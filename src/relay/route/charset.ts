import type { RouteSettings } from "../../config/model.ts"
import type { StreamRecord } from "../../record/record.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { writableValue } from "../../record/written-field.ts"

/** nginx's `charset` of a route: what `Content-Type` says of texts that do not say it themselves. Bodies are not changed. */
export class Charset {
  readonly #name: Template
  readonly #types: ReadonlySet<string>

  constructor(name: string, types: RouteSettings["charsetTypes"], table: VariableSource) {
    this.#name = compileTemplate(name, "header", table)
    this.#types = new Set(types.map((type) => type.toLowerCase()))
  }

  /** @param fields of a head, names and values in turn; changed in place */
  applyTo(fields: string[], status: number, record: StreamRecord, env: TemplateEnvironment): void {
    // As nginx has it: browsers took it for the charset of the page that follows.
    if (status === 301 || status === 302) return
    let at = 0
    while (at < fields.length && fields[at] !== "content-type") at += 2
    if (at >= fields.length) return
    const said = fields[at + 1]!
    const [type] = said.toLowerCase().split(";")
    // Its parts say their own.
    if (type === "multipart/byteranges") return
    const isOne = this.#types.has("*") || this.#types.has(type!.trim())
    if (!isOne || /;\s*charset=/i.test(said)) return
    const name = this.#name.constant ?? this.#name.render(record, env)
    if (name !== "" && name !== "off") fields[at + 1] = `${said}; charset=${writableValue(name)}`
  }
}

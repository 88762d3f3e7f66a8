import type { RouteSettings } from "../../config/model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { ADDED_TO, cleanTrailers, GRPC_STATUS } from "./head-rewrite.ts"
import { type WrittenField, writtenField } from "./written-field.ts"

/** What a route adds to the trailers of its answers. nginx: `add_trailer`; source: ngx_http_headers_filter_module.c. */
export class AddedTrailers {
  readonly #added: readonly { readonly field: WrittenField; readonly always: boolean }[]

  constructor(added: RouteSettings["addTrailers"], table: VariableSource) {
    this.#added = added.flatMap(({ name, template, always }) =>
      writtenField(name, template, "response", table).map((field) => ({ field, always })),
    )
  }

  /** An answer of that status may have some: how it ends is not known from its length. */
  areFor(status: number): boolean {
    return this.#added.some(({ always }) => always || ADDED_TO.has(status))
  }

  /** `list` with them. How a call of gRPC has ended, its endpoint says, where it does. */
  addTo(list: HeaderList, status: number, record: StreamRecord, env: TemplateEnvironment): HeaderList {
    const hasStatus = list.get("grpc-status") !== undefined
    const added: string[] = []
    for (const { field, always } of this.#added) {
      if (!(always || ADDED_TO.has(status)) || (hasStatus && GRPC_STATUS.has(field.name))) continue
      const value = field.value(record, env)
      if (value !== "") added.push(field.name, value)
    }
    const { fields } = cleanTrailers(new HeaderList(added))
    return fields.length === 0 ? list : new HeaderList([...list.fields, ...fields], list.neverIndexed)
  }
}

/** Null: there are none. */
export function compileTrailers({ addTrailers }: RouteSettings, table: VariableSource): AddedTrailers | null {
  return addTrailers.length === 0 ? null : new AddedTrailers(addTrailers, table)
}

import type { Template } from "../../record/template.ts"
import type { ZoneTable } from "./zone-table.ts"

/** A zone as phases and rates use it. */
export interface Zone {
  readonly name: string
  readonly key: Template
  /** Requests a second, in thousandths. */
  readonly rate: number
  readonly table: ZoneTable
}

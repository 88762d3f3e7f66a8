import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { withFieldTables } from "../../../scripts/write-xds.ts"
import { MESSAGES } from "./extensions.ts"
import { FIELD_TABLE } from "./field-table.ts"

test("docs/xds.md has the table of the code: node scripts/write-xds.ts", () => {
  const page = readFileSync(fileURLToPath(new URL("../../../docs/xds.md", import.meta.url)), "utf8")
  expect(withFieldTables(page)).toBe(page)
})

/** Of messages that are reached from those that stand in an Any. */
const messages = new Map<string, ReadonlySet<string>>()
function reach(desc: NonNullable<ReturnType<typeof MESSAGES.getMessage>>): void {
  if (messages.has(desc.typeName)) return
  messages.set(desc.typeName, new Set(desc.fields.map(({ name }) => name)))
  for (const field of desc.fields) if (field.message !== undefined) reach(field.message)
}
for (const type of MESSAGES) if (type.kind === "message") reach(type)

test.each(Object.entries(FIELD_TABLE))(
  "%s: its fields are fields of the message, each in one column",
  (name, row) => {
    const fields = messages.get(name)
    expect(fields).toBeDefined()
    const all = [...row.honoured, ...Object.keys(row.harmless ?? {})]
    expect(all.filter((field) => !fields!.has(field))).toEqual([])
    expect(new Set(all).size).toBe(all.length)
  },
)

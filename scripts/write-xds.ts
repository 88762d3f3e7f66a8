/** The table of docs/xds.md: what becomes of each field of a resource. A test holds the file to it. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { FIELD_TABLE } from "../src/xds/adapt/field-table.ts"

const BEGIN =
  "<!-- fields: written by `node scripts/write-xds.ts`; a test holds them against src/xds/adapt -->\n"

/** The page with its tables as the code has them. */
export function withFieldTables(page: string): string {
  const at = page.indexOf(BEGIN)
  if (at < 0) throw new Error("docs/xds.md has no place for its tables")
  return page.slice(0, at + BEGIN.length) + tables()
}

function tables(): string {
  const rows = Object.entries(FIELD_TABLE).map(([name, { honoured, harmless = {} }]) => {
    const passed = Map.groupBy(Object.entries(harmless), ([, why]) => why)
    const notes = [...passed].map(
      ([why, fields]) => `${fields.map(([field]) => `\`${field}\``).join(", ")}: ${why}`,
    )
    const own = honoured.map((field) => `\`${field}\``).join(", ") || "none has any"
    return `| \`${shortOf(name)}\` | ${own} | ${notes.join("; ")} |\n`
  })
  return `\n| message | honoured | without effect, and why |\n| --- | --- | --- |\n${rows.join("")}`
}

const shortOf = (name: string): string =>
  name.replace(/^envoy\.(?:config|extensions|type)\./, "").replace(/\.v3\./, ".")

if (import.meta.main) {
  const path = join(import.meta.dirname, "../docs/xds.md")
  writeFileSync(path, withFieldTables(readFileSync(path, "utf8")))
}

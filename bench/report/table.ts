/** Rows of cells; the first row is the head. The first column is left-aligned, the others right-aligned. */
export type Table = readonly (readonly string[])[]

/** For a terminal: columns padded, a rule under the head. */
export function plainTable(table: Table): string {
  const widths = columnWidths(table)
  const lines = table.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column]!, column))
      .join("  ")
      .trimEnd(),
  )
  return [lines[0], widths.map((width) => "─".repeat(width)).join("──"), ...lines.slice(1)].join("\n")
}

/** For Markdown. */
export function markdownTable(table: Table): string {
  const escaped = table.map((row) => row.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")))
  const lines = escaped.map((row) => `| ${row.join(" | ")} |`)
  const rule = `| ${table[0]!.map((_, column) => (column === 0 ? "---" : "---:")).join(" | ")} |`
  return [lines[0], rule, ...lines.slice(1)].join("\n")
}

function columnWidths(table: Table): number[] {
  return table[0]!.map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)))
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}

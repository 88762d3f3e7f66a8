/** What commands print for people: numbers, times and tables that fit a terminal. */

/** `3 s`, `5 min`, `2 h`, `9 d`: of the largest unit, rounded down. */
export function ageText(ms: number): string {
  const units = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ] as const
  for (const [size, unit] of units) if (ms >= size) return `${Math.floor(ms / size)} ${unit}`
  return `${Math.floor(ms)} ms`
}

export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"]
  let value = bytes
  let at = 0
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000
    at++
  }
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`
}

export function countText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",")
}

export interface Column<Row> {
  readonly head: string
  readonly isRight?: boolean
  text(row: Row): string
}

/** Lines of a table, without what is right of `width`; control characters of what peers sent are shown as `·`. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width = Infinity,
): string[] {
  const cells = rows.map((row) => columns.map(({ text }) => printable(text(row))))
  const widths = columns.map(({ head }, at) =>
    Math.max(head.length, ...cells.map((line) => line[at]!.length)),
  )
  const lineOf = (texts: readonly string[]): string =>
    texts
      .map((text, at) =>
        columns[at]!.isRight === true ? text.padStart(widths[at]!) : text.padEnd(widths[at]!),
      )
      .join("  ")
      .trimEnd()
      .slice(0, width)
  return [lineOf(columns.map(({ head }) => head)), ...cells.map(lineOf)]
}

export function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "·")
}

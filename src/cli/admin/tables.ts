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
  /** Left out where a terminal is too narrow for all. */
  readonly isMinor?: boolean
  text(row: Row): string
}

/** On a narrow terminal texts are shortened to so many characters; then minor columns go; then texts to the second. */
const SHORT = 16
const SHORTEST = 8

/** Lines of a table that fits `width`; control characters of what peers sent are shown as `·`. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width = Infinity,
): string[] {
  const cells = rows.map((row) => columns.map(({ text }) => printable(text(row))))
  const all = columns.map((column, at) => ({
    column,
    at,
    width: Math.max(column.head.length, ...cells.map((line) => line[at]!.length)),
  }))
  const shown = fitColumns(all, width)
  const lineOf = (texts: readonly string[]): string =>
    shown
      .map(({ column, at, width: most }) => {
        const text = shortened(texts[at]!, most)
        return column.isRight === true ? text.padStart(most) : text.padEnd(most)
      })
      .join("  ")
      .slice(0, width)
      .trimEnd()
  return [lineOf(columns.map(({ head }) => head)), ...cells.map(lineOf)]
}

interface ShownColumn {
  readonly column: Column<never>
  readonly at: number
  width: number
}

function fitColumns(columns: readonly ShownColumn[], width: number): readonly ShownColumn[] {
  let shown = columns
  const excess = (): number => shown.reduce((sum, one) => sum + one.width + 2, -2) - width
  const shrinkTo = (least: number): void => {
    for (;;) {
      const texts = shown.filter((one) => one.column.isRight !== true && one.width > least)
      const [widest] = texts.sort((a, b) => b.width - a.width)
      if (widest === undefined || excess() <= 0) return
      widest.width--
    }
  }
  shrinkTo(SHORT)
  while (excess() > 0) {
    const minor = shown.findLast(({ column }) => column.isMinor === true)
    if (minor === undefined) break
    shown = shown.filter((one) => one !== minor)
  }
  shrinkTo(SHORTEST)
  return shown
}

/** Its middle left out: both ends tell more. */
function shortened(text: string, most: number): string {
  if (text.length <= most) return text
  const start = Math.floor((most - 1) / 2)
  return `${text.slice(0, start)}…${text.slice(text.length - (most - 1 - start))}`
}

export function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "·")
}

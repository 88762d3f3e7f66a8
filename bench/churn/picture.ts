/** One peer in one case: the share of calls answered in each window; null: none was due, or there is no figure. */
export interface Cell {
  readonly shares: readonly (number | null)[]
}

export interface Grid {
  readonly title: string
  readonly says: string
  /** Names of the columns, and of the rows. */
  readonly columns: readonly string[]
  readonly rows: readonly string[]
  /** `cells[row][column]`. */
  readonly cells: readonly (readonly Cell[])[]
  /** Where in each column the trouble begins, as a number of windows. */
  readonly troubleAt: number
}

const LABEL_WIDTH = 70
const CELL_WIDTH = 150
const CELL_HEIGHT = 54
const GAP = 12
const TOP = 70

/** Colours follow the reader's light or dark scheme. */
const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .axis { fill: #59636e }
  .strong { font-weight: 600 }
  .ground { fill: #f6f8fa }
  .answered { fill: #8c959f } .subject { fill: #0969da }
  .trouble { stroke: #d1242f; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .axis { fill: #9198a1 }
    .ground { fill: #151b23 }
    .answered { fill: #656c76 } .subject { fill: #4493f8 }
    .trouble { stroke: #f85149 }
  }`

/** Small multiples as a stand-alone SVG: a full cell is a time in which every call was answered. */
export function pictureOf({ title, says, columns, rows, cells, troubleAt }: Grid): string {
  const width = LABEL_WIDTH + columns.length * (CELL_WIDTH + GAP)
  const height = TOP + rows.length * (CELL_HEIGHT + GAP)
  const left = (column: number): number => LABEL_WIDTH + column * (CELL_WIDTH + GAP)
  const top = (row: number): number => TOP + row * (CELL_HEIGHT + GAP)
  const parts = [
    `<text class="title" x="0" y="18">${title}</text>`,
    `<text class="axis" x="0" y="38">${says}</text>`,
    ...columns.map((name, column) => `<text class="axis" x="${left(column)}" y="${TOP - 8}">${name}</text>`),
  ]
  for (const [row, name] of rows.entries()) {
    const isSubject = name === "sluice"
    const strong = isSubject ? ' class="strong"' : ""
    parts.push(`<text${strong} x="0" y="${top(row) + CELL_HEIGHT / 2 + 5}">${name}</text>`)
    for (const [column, cell] of cells[row]!.entries())
      parts.push(...drawn(cell, left(column), top(row), troubleAt, isSubject ? "subject" : "answered"))
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<style>${STYLE}
</style>
${parts.join("\n")}
</svg>
`
}

function drawn({ shares }: Cell, x: number, y: number, troubleAt: number, tone: string): string[] {
  const ground = `<rect class="ground" x="${x}" y="${y}" width="${CELL_WIDTH}" height="${CELL_HEIGHT}"/>`
  if (shares.length === 0) return [ground, `<text class="axis" x="${x + 8}" y="${y + 20}">no figure</text>`]
  const step = CELL_WIDTH / shares.length
  const path = shares
    .map((share, at) => {
      const from = (x + at * step).toFixed(1)
      const to = (x + (at + 1) * step).toFixed(1)
      const level = (y + CELL_HEIGHT * (1 - (share ?? 0))).toFixed(1)
      return `L${from} ${level}L${to} ${level}`
    })
    .join("")
  const bottom = y + CELL_HEIGHT
  const trouble = (x + troubleAt * step).toFixed(1)
  return [
    ground,
    `<path class="${tone}" d="M${x} ${bottom}${path}L${x + CELL_WIDTH} ${bottom}Z"/>`,
    `<line class="trouble" x1="${trouble}" x2="${trouble}" y1="${y}" y2="${bottom}"/>`,
  ]
}

/** A curve over the x axis; `y` at each of `x`. */
export interface Line {
  readonly label: string
  readonly y: readonly number[]
  readonly tone: "first" | "second" | "pale"
}

export interface LineChart {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly x: readonly number[]
  readonly lines: readonly Line[]
}

const WIDTH = 760
const HEIGHT = 260
const LEFT = 56
const RIGHT = 190
const TOP = 48
const BOTTOM = 34

/** Colours follow the reader's light or dark scheme. */
const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .axis { fill: #59636e; font-size: 11px }
  line { stroke: #c8d0d8 }
  polyline { fill: none; stroke-width: 1.8 }
  .first { stroke: #0969da } .second { stroke: #bc4c00 } .pale { stroke: #8c959f; stroke-dasharray: 4 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .axis { fill: #9198a1 } line { stroke: #3d444d }
    .first { stroke: #4493f8 } .second { stroke: #f0883e } .pale { stroke: #656c76 }
  }`

/** Curves over one axis, from 0, as a stand-alone SVG. */
export function lineChart({ title, xLabel, yLabel, x, lines }: LineChart): string {
  const most = Math.max(...lines.flatMap(({ y }) => y)) * 1.08 || 1
  const last = x.at(-1)!
  const bottom = HEIGHT - BOTTOM
  const xOf = (value: number) => LEFT + (value / last) * (WIDTH - LEFT - RIGHT)
  const yOf = (value: number) => bottom - (value / most) * (bottom - TOP)
  const drawn = lines.flatMap(({ label, y, tone }, index) => {
    const points = y.map((value, at) => `${xOf(x[at]!).toFixed(1)},${yOf(value).toFixed(1)}`)
    const at = TOP + 14 + index * 20
    const from = WIDTH - RIGHT + 12
    return [
      `<polyline class="${tone}" points="${points.join(" ")}"/>`,
      `<polyline class="${tone}" points="${from},${at - 4} ${from + 20},${at - 4}"/>`,
      `<text x="${from + 26}" y="${at}">${label}</text>`,
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${title}">`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="0" y="18">${title}</text>`,
    `<text class="axis" x="0" y="36">${yLabel}</text>`,
    `<text class="axis" x="${LEFT - 8}" y="${bottom + 4}" text-anchor="end">0</text>`,
    `<text class="axis" x="${LEFT - 8}" y="${TOP + 8}" text-anchor="end">${most.toFixed(0)}</text>`,
    `<line x1="${LEFT}" y1="${bottom}" x2="${WIDTH - RIGHT}" y2="${bottom}"/>`,
    `<text class="axis" x="${WIDTH - RIGHT}" y="${HEIGHT - 12}" text-anchor="end">${last} ${xLabel}</text>`,
    ...drawn,
    "</svg>",
    "",
  ].join("\n")
}

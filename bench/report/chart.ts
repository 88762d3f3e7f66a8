/** One bar: a value with its range, or the reason why there is none. */
export interface Bar {
  label: string
  value: number
  min: number
  max: number
  /** Text at the end of the bar. */
  text: string
  /** `subject` stands out, `floor` is pale. */
  tone: "subject" | "rival" | "floor"
}

const WIDTH = 760
const LABEL_WIDTH = 120
/** Of a letter of a label, in bold. */
const LETTER_WIDTH = 8
const TEXT_WIDTH = 150
const BAR_HEIGHT = 22
const ROW_HEIGHT = 34
const TOP = 52
const BOTTOM = 14

/** Colours follow the reader's light or dark scheme. */
const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .axis, .none { fill: #59636e }
  .subject { fill: #0969da } .rival { fill: #8c959f } .floor { fill: #c8d0d8 }
  .strong { font-weight: 600 }
  .range { stroke: #1f2328; stroke-width: 1.5; opacity: .65 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .axis, .none { fill: #9198a1 }
    .subject { fill: #4493f8 } .rival { fill: #656c76 } .floor { fill: #3d444d }
    .range { stroke: #e6edf3 }
  }`

/** A horizontal bar chart as a stand-alone SVG. Bars keep the order given; lower is better. */
export function barChart(title: string, axis: string, bars: readonly Bar[]): string {
  const height = TOP + bars.length * ROW_HEIGHT + BOTTOM
  const largest = Math.max(
    ...bars.map(({ value, max }) => Math.max(finite(value), finite(max))),
    Number.MIN_VALUE,
  )
  const left = Math.max(LABEL_WIDTH, ...bars.map(({ label }) => 10 + LETTER_WIDTH * label.length))
  const scale = (WIDTH - left - TEXT_WIDTH) / largest
  const rows = bars.map((bar, index) => drawBar(bar, left, TOP + index * ROW_HEIGHT, scale))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeText(title)}">
<style>${STYLE}
</style>
<text class="title" x="0" y="18">${escapeText(title)}</text>
<text class="axis" x="0" y="38">${escapeText(axis)}</text>
${rows.join("\n")}
</svg>
`
}

function drawBar(bar: Bar, left: number, top: number, scale: number): string {
  const middle = top + BAR_HEIGHT / 2
  const strong = bar.tone === "subject" ? ' class="strong"' : ""
  const label = `<text${strong} x="${left - 10}" y="${middle + 4.5}" text-anchor="end">${escapeText(bar.label)}</text>`
  if (!Number.isFinite(bar.value)) {
    return `${label}<text class="none" x="${left}" y="${middle + 4.5}">${escapeText(bar.text)}</text>`
  }
  const x = (value: number) => (left + Math.max(0, value) * scale).toFixed(1)
  const width = Math.max(1, bar.value * scale).toFixed(1)
  const rect = `<rect class="${bar.tone}" x="${left}" y="${top}" width="${width}" height="${BAR_HEIGHT}" rx="3"/>`
  const range =
    bar.max > bar.min
      ? `<line class="range" x1="${x(bar.min)}" x2="${x(bar.max)}" y1="${middle}" y2="${middle}"/>`
      : ""
  const end = Number(x(Math.max(bar.value, finite(bar.max)))) + 8
  return `${label}${rect}${range}<text${strong} x="${end}" y="${middle + 4.5}">${escapeText(bar.text)}</text>`
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0
}

function escapeText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
}

import type { Sample } from "./judge.ts"

const MiB = 2 ** 20
const WIDTH = 760
const PANEL_HEIGHT = 110
const LEFT = 130
const RIGHT = 20
const GAP = 16

const panels: readonly { title: string; unit: string; value: (sample: Sample) => number }[] = [
  { title: "memory (RSS)", unit: "MiB", value: ({ rss }) => rss / MiB },
  { title: "heap after collection", unit: "MiB", value: ({ heapUsed }) => heapUsed / MiB },
  { title: "buffers", unit: "MiB", value: ({ external }) => external / MiB },
  { title: "file descriptors", unit: "", value: ({ files }) => files },
  { title: "streams", unit: "", value: ({ streams }) => streams },
]

/** Colours follow the reader's light or dark scheme. */
const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .axis { fill: #59636e; font-size: 11px }
  line { stroke: #c8d0d8 }
  polyline { fill: none; stroke: #0969da; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .axis { fill: #9198a1 } line { stroke: #3d444d } polyline { stroke: #4493f8 }
  }`

/** The curves of a soak as a stand-alone SVG, each from 0, so that flat looks flat. */
export function lineCharts(samples: readonly Sample[]): string {
  const height = panels.length * (PANEL_HEIGHT + GAP) + 24
  const lastMinute = samples.at(-1)?.minutes ?? 0
  const x = (minutes: number) => LEFT + (minutes / lastMinute) * (WIDTH - LEFT - RIGHT)
  const drawn = panels.map(({ title, unit, value }, index) => {
    const top = 8 + index * (PANEL_HEIGHT + GAP)
    const bottom = top + PANEL_HEIGHT
    const most = Math.max(...samples.map(value)) * 1.15 || 1
    const points = samples.map(
      (one) => `${x(one.minutes).toFixed(1)},${(bottom - (value(one) / most) * PANEL_HEIGHT).toFixed(1)}`,
    )
    const last = samples.at(-1)
    const shown = last === undefined ? "" : `${value(last).toFixed(unit === "" ? 0 : 1)} ${unit}`
    return [
      `<text x="0" y="${top + 20}">${title}</text>`,
      `<text class="axis" x="0" y="${top + 38}">at the end ${shown}</text>`,
      `<text class="axis" x="${LEFT - 8}" y="${bottom}" text-anchor="end">0</text>`,
      `<text class="axis" x="${LEFT - 8}" y="${top + 10}" text-anchor="end">${most.toFixed(0)}</text>`,
      `<line x1="${LEFT}" y1="${bottom}" x2="${WIDTH - RIGHT}" y2="${bottom}"/>`,
      `<polyline points="${points.join(" ")}"/>`,
    ].join("\n")
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="What the soak held over time">`,
    `<style>${STYLE}</style>`,
    ...drawn,
    `<text class="axis" x="${WIDTH - RIGHT}" y="${height - 6}" text-anchor="end">${lastMinute.toFixed(0)} minutes</text>`,
    "</svg>",
    "",
  ].join("\n")
}

import { useEffect, useRef } from "preact/hooks"
import uPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import type { AdminEvent } from "./api.ts"
import { bytes, rate, whole } from "./format.ts"
import { frames } from "./frame-queue.ts"
import { type History, SAMPLES_MAX, type Series } from "./history.ts"
import type { Strings } from "./strings.ts"

interface Line {
  readonly series: Series
  readonly name: string
  /** Of the page's colours; dashed, where colour alone would tell lines apart. */
  readonly color: "accent" | "second" | "bad"
  readonly dash?: number[]
}

interface Plot {
  readonly title: string
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** The axis reaches it at least. */
  readonly least: number
}

const HEIGHT = 116

export function Plots(props: {
  history: History
  events: readonly AdminEvent[]
  strings: Strings
  /** Changes with the theme: canvases take their colours once. */
  theme: string
  nowMs: number
}) {
  const { history, events, strings, theme, nowMs } = props
  const { plots } = strings
  const all: Plot[] = [
    {
      title: plots.live,
      format: whole,
      least: 4,
      lines: [{ series: "live", name: plots.live, color: "accent" }],
    },
    {
      title: plots.turnover,
      format: rate,
      least: 1,
      lines: [
        { series: "opened", name: plots.opened, color: "accent" },
        { series: "endedOk", name: plots.endedOk, color: "second", dash: [4, 3] },
        { series: "endedOther", name: plots.endedOther, color: "bad", dash: [1, 3] },
      ],
    },
    {
      title: plots.messages,
      format: rate,
      least: 1,
      lines: [
        { series: "toEndpoint", name: plots.toEndpoint, color: "accent" },
        { series: "toClient", name: plots.toClient, color: "second", dash: [4, 3] },
      ],
    },
    {
      title: plots.turn,
      format: (value) => value.toFixed(1),
      least: 1,
      lines: [{ series: "turnMs", name: plots.turn, color: "accent" }],
    },
    {
      title: plots.inside,
      format: (value) => (value < 1 ? value.toFixed(2) : value.toFixed(1)),
      least: 0.1,
      lines: [
        { series: "insideP50Ms", name: plots.half, color: "accent" },
        { series: "insideP99Ms", name: plots.most, color: "second", dash: [4, 3] },
      ],
    },
    {
      title: plots.held,
      format: bytes,
      least: 1000,
      lines: [{ series: "heldBytes", name: plots.held, color: "accent" }],
    },
  ]
  return (
    <>
      {all
        .filter((plot) => isKnown(plot, history))
        .map((plot) => (
          <PlotFigure
            key={`${plot.title} ${theme}`}
            plot={plot}
            history={history}
            events={events}
            unknown={plots.unknown}
            nowMs={nowMs}
          />
        ))}
    </>
  )
}

function PlotFigure(props: {
  plot: Plot
  history: History
  events: readonly AdminEvent[]
  unknown: string
  nowMs: number
}) {
  const { plot, history, events, unknown, nowMs } = props
  const frame = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | null>(null)
  const isInView = useRef(false)
  const marks = useRef(events)
  const now = useRef(nowMs)
  marks.current = events
  now.current = nowMs
  const draw = () => {
    if (!isInView.current) return
    const host = frame.current!
    if (chart.current === null)
      chart.current = new uPlot(optionsOf(plot, host, { marks, now }), dataOf(plot, history), host)
    else if (chart.current.width === host.clientWidth) chart.current.setData(dataOf(plot, history))
    else chart.current.setSize({ width: host.clientWidth, height: HEIGHT })
  }
  useEffect(() => {
    const host = frame.current!
    const post = () => frames.post(host, draw)
    const views = new IntersectionObserver(
      ([entry]) => {
        isInView.current = entry!.isIntersecting
        post()
      },
      { rootMargin: "300px" },
    )
    const sizes = new ResizeObserver(post)
    views.observe(host)
    sizes.observe(host)
    return () => {
      views.disconnect()
      sizes.disconnect()
      frames.drop(host)
      chart.current?.destroy()
      chart.current = null
    }
  }, [])
  useEffect(() => frames.post(frame.current, draw), [nowMs, events, history.times.at(-1)])
  return (
    <figure class="plot">
      <figcaption>
        {plot.title}
        <span class="legend">
          {plot.lines.map(({ series, name, color, dash }) => (
            <span key={series} class="legend-item">
              {plot.lines.length > 1 && (
                <svg class={`legend-line line-${color}`} viewBox="0 0 16 4" aria-hidden="true">
                  <path d="M0 2h16" stroke-dasharray={dash?.join(" ")} />
                </svg>
              )}
              {plot.lines.length > 1 && name}
              <b>{lastOf(history, series, plot.format) ?? unknown}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div class="plot-frame" ref={frame} />
    </figure>
  )
}

/** Of what this Sluice has no figures there is nothing to plot. */
function isKnown({ lines }: Plot, history: History): boolean {
  return lines.some(({ series }) => history.column(series).some((value) => value !== null))
}

function lastOf(history: History, series: Series, format: (value: number) => string): string | null {
  const value = history.column(series).at(-1)
  return value == null ? null : format(value)
}

function dataOf(plot: Plot, history: History): uPlot.AlignedData {
  return [history.times, ...plot.lines.map(({ series }) => history.column(series))]
}

function optionsOf(
  plot: Plot,
  host: HTMLElement,
  { marks, now }: { marks: { current: readonly AdminEvent[] }; now: { current: number } },
): uPlot.Options {
  const style = getComputedStyle(host)
  const color = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  const axis = {
    stroke: color("quiet-text"),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: color("line"), width: 1 },
    ticks: { show: false },
  }
  return {
    width: host.clientWidth,
    height: HEIGHT,
    // On the right half of a time has room, which stands under its tick.
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "plots" }, points: { size: 5 }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: () => [now.current / 1000 - SAMPLES_MAX, now.current / 1000] },
      y: { range: (_chart, _low, high) => [0, Math.max(plot.least, (high ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, space: 70, size: 22, values: (_chart, ticks) => ticks.map((tick) => timeOf(tick)) },
      {
        ...axis,
        size: 46,
        space: 30,
        values: (_chart, ticks) => ticks.map((tick) => plot.format(tick)),
      },
    ],
    series: [
      {},
      ...plot.lines.map(({ name, color: of, dash }) => ({
        label: name,
        stroke: color(of),
        width: 1.5,
        ...(dash && { dash }),
        points: { show: false },
      })),
    ],
    hooks: { drawClear: [(chart) => drawEvents(chart, marks.current, color("line-strong"))] },
  }
}

/** A thin line through every plot where something has happened. */
function drawEvents({ ctx, bbox, valToPos }: uPlot, events: readonly AdminEvent[], color: string): void {
  ctx.save()
  ctx.strokeStyle = color
  ctx.setLineDash([2, 3])
  ctx.beginPath()
  for (const { at } of events) {
    const x = Math.round(valToPos(Date.parse(at) / 1000, "x", true))
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
  }
  ctx.stroke()
  ctx.restore()
}

function timeOf(seconds: number): string {
  const time = new Date(seconds * 1000)
  return `${time.getHours()}:${String(time.getMinutes()).padStart(2, "0")}`
}

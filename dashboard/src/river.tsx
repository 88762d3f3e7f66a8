import { useEffect, useRef } from "preact/hooks"
import type { Cluster } from "./api.ts"
import { whole } from "./format.ts"
import { frames } from "./frame-queue.ts"
import { type Line, layOut, type River as RiverLayout } from "./river-layout.ts"
import type { Overview } from "./stream-list.ts"
import type { Strings } from "./strings.ts"

/** A line that has moved takes so long to bend into its new lane. */
const BEND_MS = 900
/** Steps of brightness, and lines drawn in one stroke: what overlaps within a stroke is not seen as dense. */
const LEVELS = 4
const STRANDS = 24
const LANE_NAMES_PX = 150
/** Of a narrow canvas, at most this share is for the names of lanes. */
const LANE_NAMES_SHARE = 0.34

interface Bend {
  readonly fromY: number
  readonly atMs: number
}

/** Every live stream as a thin line from its client to the lane of its endpoint, brighter with its messages. */
export function River(props: {
  overview: Overview | null
  clusters: readonly Cluster[]
  /** Streams moved and streams lost since the page was opened. */
  moved: number
  lost: number
  strings: Strings
  theme: string
  height: number
}) {
  const { overview, clusters, moved, lost, strings, theme, height } = props
  const canvas = useRef<HTMLCanvasElement>(null)
  const painter = useRef<Painter | null>(null)
  useEffect(() => {
    const made = new Painter(canvas.current!, strings.river.none)
    painter.current = made
    return () => made.stop()
  }, [theme, strings])
  const endpoints = clusters.flatMap((cluster) =>
    cluster.endpoints.map(({ address, state }) => ({
      address,
      isOut: state === "ejected" || state === "unhealthy",
    })),
  )
  useEffect(() => {
    if (overview !== null) painter.current?.show(overview, endpoints)
  }, [overview, theme, strings])
  const shown = overview?.count ?? 0
  return (
    <div class="river">
      <canvas
        ref={canvas}
        style={{ height: `${height}px` }}
        role="img"
        aria-label={strings.river.label(whole(shown), String(endpoints.length))}
      />
      <p class="river-counts">
        {strings.river.counts(whole(overview?.total ?? 0), whole(moved), whole(lost))}
      </p>
    </div>
  )
}

/** Draws when a list has come, and at each frame only while lines bend and the canvas is in view. */
class Painter {
  readonly #canvas: HTMLCanvasElement
  readonly #noEndpoint: string
  readonly #sizes = new ResizeObserver(() => this.#post())
  readonly #views: IntersectionObserver
  readonly #isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches
  #isInView = true
  #river: RiverLayout = { lanes: [], lines: [], moved: 0 }
  #places = new Map<number, { name: string; toY: number }>()
  #bends = new Map<number, Bend>()
  #frame = 0

  constructor(canvas: HTMLCanvasElement, noEndpoint: string) {
    this.#canvas = canvas
    this.#noEndpoint = noEndpoint
    this.#views = new IntersectionObserver(([entry]) => {
      this.#isInView = entry?.isIntersecting ?? true
      this.#post()
    })
    this.#sizes.observe(canvas)
    this.#views.observe(canvas)
  }

  stop(): void {
    this.#sizes.disconnect()
    this.#views.disconnect()
    frames.drop(this)
    cancelAnimationFrame(this.#frame)
  }

  show({ threads }: Overview, endpoints: readonly { address: string; isOut: boolean }[]): void {
    const names = new Map([...this.#places].map(([key, { name }]) => [key, name]))
    const river = layOut(threads, endpoints, names)
    const nowMs = performance.now()
    const places = new Map<number, { name: string; toY: number }>()
    const bends = new Map<number, Bend>()
    for (const { key, toY, lane } of river.lines) {
      const { name } = river.lanes[lane]!
      const last = this.#places.get(key)
      const bend = this.#bends.get(key)
      if (last !== undefined && last.name !== name && !this.#isCalm)
        bends.set(key, { fromY: last.toY, atMs: nowMs })
      else if (bend !== undefined && nowMs - bend.atMs < BEND_MS) bends.set(key, bend)
      places.set(key, { name, toY })
    }
    this.#river = river
    this.#places = places
    this.#bends = bends
    this.#post()
  }

  #post(): void {
    frames.post(this, () => this.#paint())
  }

  #paint(): void {
    cancelAnimationFrame(this.#frame)
    if (!this.#isInView) return
    const ratio = devicePixelRatio || 1
    const { clientWidth, clientHeight } = this.#canvas
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)]
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width
      this.#canvas.height = height
    }
    const pen = this.#canvas.getContext("2d")!
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    pen.clearRect(0, 0, clientWidth, clientHeight)
    const isBending = this.#drawLines(pen, clientWidth, clientHeight)
    this.#drawBanks(pen, clientWidth, clientHeight)
    if (isBending) this.#frame = requestAnimationFrame(() => this.#paint())
  }

  #drawLines(pen: CanvasRenderingContext2D, width: number, height: number): boolean {
    const { lanes, lines } = this.#river
    const color = this.#color()
    const right = width - namesPx(width)
    const nowMs = performance.now()
    const least = Math.min(0.6, Math.max(0.05, 14 / Math.sqrt(lines.length + 1) / 10))
    let isBending = false
    const strokes = new Map<string, Line[]>()
    for (const [index, line] of lines.entries()) {
      const level = Math.min(LEVELS - 1, Math.ceil(Math.log2(1 + line.messages)))
      const name = `${lanes[line.lane]!.isOut ? "bad" : "accent"} ${level} ${index % STRANDS}`
      const stroke = strokes.get(name)
      if (stroke === undefined) strokes.set(name, [line])
      else stroke.push(line)
    }
    pen.lineWidth = lines.length > 200 ? 1 : lines.length > 20 ? 1.5 : 2
    for (const [name, members] of strokes) {
      const [ink, level] = name.split(" ")
      pen.strokeStyle = color(ink!)
      pen.globalAlpha = least + ((1 - least) * Number(level)) / LEVELS
      pen.beginPath()
      for (const { key, fromY, toY } of members) {
        const bend = this.#bends.get(key)
        const done = bend === undefined ? 1 : Math.min(1, (nowMs - bend.atMs) / BEND_MS)
        if (done < 1) isBending = true
        const eased = 1 - (1 - done) ** 3
        const endY = bend === undefined ? toY : bend.fromY + (toY - bend.fromY) * eased
        pen.moveTo(0, fromY * height)
        pen.bezierCurveTo(right * 0.5, fromY * height, right * 0.45, endY * height, right, endY * height)
      }
      pen.stroke()
    }
    pen.globalAlpha = 1
    return isBending
  }

  #drawBanks(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const color = this.#color()
    const right = width - namesPx(width)
    const { fontFamily } = getComputedStyle(this.#canvas)
    for (const { name, top, bottom, isOut, streams } of this.#river.lanes) {
      pen.fillStyle = color(isOut ? "bad" : "accent")
      pen.fillRect(right, top * height, 3, Math.max(2, (bottom - top) * height))
      const middle = ((top + bottom) / 2) * height
      pen.textBaseline = "middle"
      pen.font = `600 12px ${fontFamily}`
      pen.fillStyle = color(isOut ? "bad" : "text")
      pen.fillText(
        `${isOut ? "▲ " : ""}${name === "" ? this.#noEndpoint : name}`,
        right + 12,
        middle - 8,
        namesPx(width) - 14,
      )
      pen.font = `12px ${fontFamily}`
      pen.fillStyle = color("quiet-text")
      pen.fillText(whole(streams), right + 12, middle + 8)
    }
  }

  #color(): (name: string) => string {
    const style = getComputedStyle(this.#canvas)
    return (name) => style.getPropertyValue(`--${name}`).trim()
  }
}

function namesPx(width: number): number {
  return Math.min(LANE_NAMES_PX, LANE_NAMES_SHARE * width)
}

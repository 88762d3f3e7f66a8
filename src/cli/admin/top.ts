/** `sluice top`: what a running Sluice does, live in a terminal. */
import { type Clock, systemClock } from "../../base/clock.ts"
import type { Clusters, Status, Streams } from "../../control/admin/schema.ts"
import { type AdminClient, CommandError } from "./admin-client.ts"
import { clusterLines, statusLine, statusLines, streamColumns } from "./stream-columns.ts"
import { ageText, tableLines } from "./tables.ts"

const EVERY_MS = 1000
const SORTS = ["-age", "-messages", "-bytes", "idle", "-idle", "-held"] as const

/** They end it as q does: the terminal gets its screen and its cursor back. */
const SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT"] as const

const ENTER = "\x1b[?1049h\x1b[?25l"
const LEAVE = "\x1b[?25h\x1b[?1049l"
const HOME = "\x1b[H"
const CLEAR_LINE = "\x1b[K"
const CLEAR_BELOW = "\x1b[J"

export interface TopOptions {
  readonly filter: string
  readonly client: AdminClient
  readonly clock?: Clock
}

/** Runs until q, Ctrl-C or Ctrl-D. */
export async function top({ filter, client, clock = systemClock }: TopOptions): Promise<void> {
  const { stdin, stdout } = process
  let sort = 0
  let lines: string[] = []
  let seenMs = 0
  let trouble: string | null = null
  let wake: () => void = () => {}
  let isOver = false
  const draw = (): void => {
    const { columns, rows } = stdout
    const head =
      trouble === null ? [] : [`${trouble}; what stands here is ${ageText(clock.now() - seenMs)} old`]
    const keys = `q ends  s sorts (by ${SORTS[sort]})`
    const shown = [...[...head, ...lines].slice(0, rows - 1), keys].map((line) => line.slice(0, columns))
    if (trouble !== null) shown[0] = emphasized(shown[0]!)
    stdout.write(`${HOME}${shown.map((line) => `${line}${CLEAR_LINE}`).join("\r\n")}${CLEAR_BELOW}`)
  }
  // Columns that were left out are made anew.
  const wakeUp = (): void => wake()
  const onKey = (key: Buffer): void => {
    const text = key.toString()
    // What is typed fast comes together.
    if (/[q\x03\x04]/.test(text)) isOver = true
    for (const typed of text) if (typed === "s") sort = (sort + 1) % SORTS.length
    wake()
  }
  const end = (): void => {
    isOver = true
    wake()
  }
  for (const signal of SIGNALS) process.on(signal, end)
  stdin.setRawMode(true).resume().on("data", onKey)
  stdout.on("resize", wakeUp)
  stdout.write(ENTER)
  try {
    while (!isOver) {
      try {
        lines = await look(client, {
          filter,
          sort: SORTS[sort]!,
          rows: stdout.rows,
          width: stdout.columns,
        })
        seenMs = clock.now()
        trouble = null
      } catch (error) {
        // What was never seen has no picture to keep.
        if (!(error instanceof CommandError) || error.exitCode === 2 || seenMs === 0) throw error
        trouble = error.message
      }
      draw()
      if (isOver) break
      await new Promise<void>((resolve) => {
        const timer = clock.after(EVERY_MS, resolve)
        wake = () => {
          timer.cancel()
          resolve()
        }
      })
    }
  } finally {
    stdin.setRawMode(false).pause().off("data", onKey)
    stdout.off("resize", wakeUp)
    for (const signal of SIGNALS) process.off(signal, end)
    stdout.write(LEAVE)
  }
}

/** As what came before is not to be trusted; without colors, by a sign. */
function emphasized(line: string): string {
  return process.env.NO_COLOR ? `! ${line}` : `\x1b[7m${line}\x1b[m`
}

interface Look {
  readonly filter: string
  readonly sort: string
  /** Of the terminal. */
  readonly rows: number
  readonly width: number
}

/** A terminal with fewer has no room for the status as a whole. */
const TALL_ROWS = 40

/** One picture of it. */
export async function look(client: AdminClient, { filter, sort, rows, width }: Look): Promise<string[]> {
  const query = new URLSearchParams({
    sort,
    limit: String(Math.max(1, rows)),
    ...(filter !== "" && { filter }),
  })
  const [status, clusters, streams] = await Promise.all([
    client.get<Status>("/status"),
    client.get<Clusters>("/clusters"),
    client.get<Streams>(`/streams?${query.toString()}`),
  ])
  return [
    ...(rows < TALL_ROWS ? [statusLine(status)] : [...statusLines(status), ""]),
    ...clusterLines(clusters, width),
    "",
    `${streams.matched} of ${streams.total} streams${filter === "" ? "" : `, ${filter}`}, by ${sort}`,
    ...tableLines(streamColumns, streams.streams, width),
  ]
}

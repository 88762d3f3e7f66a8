/** `sluice top`: what a running Sluice does, live in a terminal. */
import { type Clock, systemClock } from "../../base/clock.ts"
import type { Clusters, Status, Streams } from "../../control/admin/schema.ts"
import { type AdminClient, CommandError } from "./admin-client.ts"
import { clusterLines, statusLines, streamColumns } from "./stream-columns.ts"
import { ageText, tableLines } from "./tables.ts"

const EVERY_MS = 1000
const SORTS = ["-age", "-messages", "-bytes", "idle", "-idle", "-held"] as const

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
      trouble === null
        ? []
        : [`\x1b[7m${trouble}; what stands here is ${ageText(clock.now() - seenMs)} old\x1b[m`]
    const shown = [...head, ...lines].slice(0, rows - 1).map((line) => line.slice(0, Math.max(columns, 20)))
    const keys = `q ends  s sorts by the next of ${SORTS.join(" ")} (now ${SORTS[sort]})`.slice(0, columns)
    stdout.write(
      `${HOME}${[...shown, keys].map((line) => `${line}${CLEAR_LINE}`).join("\r\n")}${CLEAR_BELOW}`,
    )
  }
  const onKey = (key: Buffer): void => {
    const text = key.toString()
    if (text === "q" || text === "\x03" || text === "\x04") isOver = true
    if (text === "s") sort = (sort + 1) % SORTS.length
    wake()
  }
  stdin.setRawMode(true).resume().on("data", onKey)
  stdout.on("resize", draw)
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
        if (!(error instanceof CommandError) || error.exitCode === 2) throw error
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
    stdout.off("resize", draw)
    stdout.write(LEAVE)
  }
}

interface Look {
  readonly filter: string
  readonly sort: string
  readonly rows: number
  readonly width: number
}

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
    ...statusLines(status),
    "",
    ...clusterLines(clusters, width),
    "",
    `${streams.matched} of ${streams.total} streams${filter === "" ? "" : `, ${filter}`}, by ${sort}`,
    ...tableLines(streamColumns, streams.streams, width),
  ]
}

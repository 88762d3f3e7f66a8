/** A worker: reads lists of streams and keeps their rows, so that the page is free to scroll. */
import { ApiError, ask, type Stream, type Streams } from "./api.ts"
import { type Overview, StreamList } from "./stream-list.ts"

/** A stream, and the row it was in. */
export interface Anchor {
  readonly id: string
  readonly index: number
}

/** Rows, and the place of the first of them. */
export interface Window {
  readonly from: number
  readonly rows: readonly Stream[]
}

export type ToWorker =
  | { kind: "load"; number: number; url: string; token: string | null; anchor: Anchor | null }
  | { kind: "window"; from: number; to: number }

export type FromWorker =
  /** `byRows`: so much further down the anchor is than it was. The window is that of before, gone with it. */
  | { kind: "loaded"; number: number; overview: Overview; window: Window; byRows: number }
  | { kind: "failed"; number: number; status: number; message: string }
  | { kind: "window"; window: Window }

const list = new StreamList()
let wanted = { from: 0, to: 200 }
const tell = (message: FromWorker): void => postMessage(message)
const windowOf = (from: number, to: number): Window => ({ from, rows: list.window(from, to) })

addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "load") return void load(data)
  wanted = { from: data.from, to: data.to }
  tell({ kind: "window", window: windowOf(data.from, data.to) })
})

async function load({ number, url, token, anchor }: Extract<ToWorker, { kind: "load" }>): Promise<void> {
  try {
    const answer = (await (await ask(url, token)).json()) as Streams
    const overview = list.take(answer)
    const index = anchor === null ? -1 : list.indexOf(anchor.id)
    const byRows = anchor === null || index < 0 ? 0 : index - anchor.index
    const from = Math.max(0, wanted.from + byRows)
    wanted = { from, to: from + wanted.to - wanted.from }
    tell({ kind: "loaded", number, overview, window: windowOf(wanted.from, wanted.to), byRows })
  } catch (error) {
    const status = error instanceof ApiError ? error.status : 0
    tell({ kind: "failed", number, status, message: (error as Error).message })
  }
}

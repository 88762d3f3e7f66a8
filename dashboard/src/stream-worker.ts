/** A worker: reads lists of streams and keeps their rows, so that the page is free to scroll. */
import { ApiError, ask, isTimeout, type Stream, type Streams } from "./api.ts"
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
  | { kind: "failed"; number: number; status: number; isTimeout: boolean; message: string }
  /** `number`: that of the list whose rows they are; 0: there is none yet. */
  | { kind: "window"; number: number; window: Window }

const list = new StreamList()
/** Numbers of the list asked for last, and of the one that is here. */
let [asked, taken] = [0, 0]
let wanted = { from: 0, to: 200 }
const tell = (message: FromWorker): void => postMessage(message)
const windowOf = (from: number, to: number): Window => ({ from, rows: list.window(from, to) })

addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "load") {
    asked = data.number
    return void load(data)
  }
  wanted = { from: data.from, to: data.to }
  tell({ kind: "window", number: taken, window: windowOf(data.from, data.to) })
})

async function load({ number, url, token, anchor }: Extract<ToWorker, { kind: "load" }>): Promise<void> {
  try {
    const answer = (await (await ask(url, token)).json()) as Streams
    // One that took longer than the next.
    if (number !== asked) return
    const overview = list.take(answer)
    taken = number
    const index = anchor === null ? -1 : list.indexOf(anchor.id)
    const byRows = anchor === null || index < 0 ? 0 : index - anchor.index
    const many = wanted.to - wanted.from
    // Of a list that is shorter its last rows are in view.
    const from = Math.max(0, Math.min(wanted.from + byRows, overview.count - many))
    wanted = { from, to: from + many }
    tell({ kind: "loaded", number, overview, window: windowOf(wanted.from, wanted.to), byRows })
  } catch (error) {
    const status = error instanceof ApiError ? error.status : 0
    const { message } = error as Error
    tell({ kind: "failed", number, status, isTimeout: isTimeout(error), message })
  }
}

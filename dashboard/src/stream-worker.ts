/** A worker: reads lists of streams and keeps their rows, so that the page is free to scroll. */
import { ApiError, ask, type Stream, type Streams } from "./api.ts"
import { type Overview, StreamList } from "./stream-list.ts"

export type ToWorker =
  | { kind: "load"; number: number; url: string; token: string | null; anchor: string | null }
  | { kind: "window"; from: number; to: number }

export type FromWorker =
  | { kind: "loaded"; number: number; overview: Overview; anchorIndex: number }
  | { kind: "failed"; number: number; status: number; message: string }
  | { kind: "window"; from: number; rows: readonly Stream[] }

const list = new StreamList()
const tell = (message: FromWorker): void => postMessage(message)

addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "window") tell({ kind: "window", from: data.from, rows: list.window(data.from, data.to) })
  else void load(data)
})

async function load({ number, url, token, anchor }: Extract<ToWorker, { kind: "load" }>): Promise<void> {
  try {
    const answer = (await (await ask(url, token)).json()) as Streams
    const overview = list.take(answer)
    tell({ kind: "loaded", number, overview, anchorIndex: anchor === null ? -1 : list.indexOf(anchor) })
  } catch (error) {
    const status = error instanceof ApiError ? error.status : 0
    tell({ kind: "failed", number, status, message: (error as Error).message })
  }
}

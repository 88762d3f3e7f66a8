import type { Metadata } from "@grpc/grpc-js"

/** What the demo's balancer says in heads: which of its live streams this is, and where the page's server shows them. */
export const STREAM_HEADER = "x-sluice-stream"
export const LIVE_HEADER = "x-sluice-live"

const EVERY_MS = 500

/**
 * Calls back when the stream has been given to another chat server, which a client cannot see otherwise: it is the same
 * stream. Only where the balancer says in the head whom to ask, as the demo's does, and that is this machine.
 * @returns what ends it.
 */
export function watchMoves(head: Metadata, onMove: (from: string, to: string) => void): () => void {
  const said = (name: string): string | undefined => head.get(name)[0]?.toString()
  const stream = said(STREAM_HEADER)
  const live = said(LIVE_HEADER)
  if (stream === undefined || live?.startsWith("http://127.0.0.1:") !== true) return () => {}
  const ask = async <T>(path: string): Promise<T> => {
    const answer = await fetch(live + path, { signal: ended.signal })
    return (await answer.json()) as T
  }
  const ended = new AbortController()
  let present = ""
  const look = async (): Promise<void> => {
    const [{ streams }, { servers }] = await Promise.all([
      ask<{ streams: { endpoint: string }[] }>(`streams?filter=id:${encodeURIComponent(stream)}`),
      ask<{ servers: { name: string; address: string }[] }>("servers"),
    ])
    // Between two servers it has none.
    const address = streams[0]?.endpoint ?? ""
    const name = servers.find((one) => one.address === address)?.name ?? address
    if (name === "") return
    if (present !== "" && name !== present) onMove(present, name)
    present = name
  }
  const again = (): void => {
    if (ended.signal.aborted) return
    void look()
      .catch(() => {})
      .then(() => setTimeout(again, EVERY_MS).unref())
  }
  again()
  return () => ended.abort()
}

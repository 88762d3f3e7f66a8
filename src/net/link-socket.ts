/** As much of `net.Socket` as links and those who keep clients use. */
export interface LinkSocket {
  readonly connecting: boolean
  readonly destroyed: boolean
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  on(event: "error", listener: (this: never, error: Error) => void): unknown
  on(event: "end" | "close", listener: (this: never) => void): unknown
  once(event: "secureConnect", listener: () => void): unknown
  cork(): void
  uncork(): void
  write(octets: Buffer, onWritten?: () => void): unknown
  /** Ends its side, behind what was written. */
  end(): unknown
  pause(): unknown
  resume(): unknown
  setKeepAlive(on: boolean, delayMs: number): unknown
  destroy(error?: Error): unknown
  /** Closes with a reset, where there is one. */
  resetAndDestroy(): unknown
}

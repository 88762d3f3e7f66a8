import { Duplex } from "node:stream"
import type { Link } from "../../net/link.ts"
import type { Http1Connection } from "./connection.ts"

/** Octets read ahead of the parser before the socket is paused. */
const READ_AHEAD_OCTETS = 65_536

/** A link as the stream that Node's HTTP/1 server and `ws` work on. */
export class Http1Socket extends Duplex {
  readonly connection: Http1Connection
  readonly #link: Link
  readonly #graceMs: number
  #isFull = false

  /** After `end`, the peer has `graceMs` to close its side. */
  constructor(connection: Http1Connection, link: Link, graceMs: number) {
    super({ readableHighWaterMark: READ_AHEAD_OCTETS, allowHalfOpen: true })
    this.connection = connection
    this.#link = link
    this.#graceMs = graceMs
    // Node takes its own listener away at an upgrade, and an error that nobody hears ends the process.
    this.on("error", () => {})
  }

  /** Wants no more octets for now. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Octets came; they are copied. */
  receive(octets: Buffer, start: number, end: number): void {
    this.#isFull = !this.push(Buffer.from(octets.subarray(start, end)))
  }

  override _read(): void {
    this.#isFull = false
    this.#link.resumeReading()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#link.socket.write(chunk, callback)
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    const { socket } = this.#link
    socket.cork()
    for (let i = 0; i < chunks.length - 1; i++) socket.write(chunks[i]!.chunk)
    socket.write(chunks[chunks.length - 1]!.chunk, callback)
    socket.uncork()
  }

  override _final(callback: () => void): void {
    this.#link.end(this.#graceMs)
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#link.destroy()
    callback(error)
  }
}

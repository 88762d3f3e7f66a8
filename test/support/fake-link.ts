import { recycleChunk } from "../../src/http2/output.ts"
import type { Role } from "../../src/http2/stream-table.ts"
import type { Link, LinkUser } from "../../src/net/link.ts"
import { describeFrame, FrameLog, type SeenFrame } from "./frame-dsl.ts"

/** A link without a socket: what its user does to it is a line, and the peer is a script of frames. */
export class FakeLink {
  lacksDescriptor = false
  isUp = true
  isPaused = false
  /** What the user does, but for its output. */
  readonly lines: string[] = []
  user: LinkUser | null = null
  /** Of `end`: how long the peer has to read what is left, and what is done when it has not. */
  graceMs = 0
  onTimeout: () => void = () => {}
  readonly #seen: SeenFrame[] = []
  readonly #log: FrameLog

  constructor(role: Role) {
    this.#log = new FrameLog(role, (seen) => this.#seen.push(seen))
  }

  get asLink(): Link {
    return this as unknown as Link
  }

  use(user: LinkUser): void {
    this.user = user
  }

  schedule(): void {
    this.lines.push("schedule")
  }

  flush(): void {
    this.lines.push("flush now")
  }

  end(graceMs: number, onTimeout: () => void): void {
    this.lines.push("end")
    this.graceMs = graceMs
    this.onTimeout = onTimeout
  }

  destroy(): void {
    this.lines.push("destroy")
  }

  received(octets: Buffer, start: number, end: number): void {
    this.user!.receive(octets, start, end)
  }

  /** The peer sends octets in one piece, which others stand around. */
  send(...pieces: (Uint8Array | string)[]): void {
    const octets = Buffer.concat(pieces.map((piece) => Buffer.from(piece as Uint8Array)))
    const around = Buffer.concat([Buffer.from("###"), octets, Buffer.from("###")])
    this.received(around, 3, 3 + octets.length)
  }

  /** Octets that the user wants sent. */
  octets(): Buffer {
    const pieces: Buffer[] = []
    const { output } = this.user!
    while (!output.isEmpty) {
      let taken = 0
      for (const { buffer, length } of output.take()) {
        pieces.push(Buffer.from(buffer.subarray(0, length)))
        taken += length
        recycleChunk(buffer)
      }
      output.sent(taken)
      this.user!.drained()
    }
    return Buffer.concat(pieces)
  }

  /** The frames that the user wants sent, since it was asked last; the peer reads everything. */
  said(): string[] {
    this.#log.push(this.octets())
    return this.#seen.splice(0).map(describeFrame)
  }

  /** What was done since it was asked last. */
  take(): string[] {
    return this.lines.splice(0)
  }
}

import { ClosedStreams } from "./closed-streams.ts"
import { MAX_STREAM_ID } from "./frame/types.ts"
import { IdMap } from "./id-map.ts"
import type { Http2Stream } from "./stream.ts"

export type Role = "server" | "client"

/** The streams of a connection: those that are open, and what must be known of the others. RFC 9113 §5.1, §5.1.1. */
export class StreamTable<Owner> {
  readonly closed = new ClosedStreams()
  /** The highest stream the peer has opened; 0 for none. */
  lastPeerId = 0
  readonly #open = new IdMap<Http2Stream<Owner>>()
  readonly #isServer: boolean
  #nextId = 1

  constructor(role: Role) {
    this.#isServer = role === "server"
  }

  get size(): number {
    return this.#open.size
  }

  get(id: number): Http2Stream<Owner> | undefined {
    return this.#open.get(id)
  }

  /** A copy, in no order. */
  values(): Http2Stream<Owner>[] {
    return this.#open.values()
  }

  add(stream: Http2Stream<Owner>): void {
    this.#open.set(stream)
  }

  delete(id: number): void {
    this.#open.delete(id)
  }

  /** Client: the id of the next stream. */
  takeId(): number {
    const id = this.#nextId
    this.#nextId += 2
    return id
  }

  /** Ids are used up only once. */
  get idsLeft(): number {
    return Math.floor((MAX_STREAM_ID - this.#nextId) / 2) + 1
  }

  /** It was not opened yet. */
  isIdle(id: number): boolean {
    const isPeers = (id & 1) === (this.#isServer ? 1 : 0)
    return isPeers ? id > this.lastPeerId : this.#isServer || id >= this.#nextId
  }
}

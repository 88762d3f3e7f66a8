import type { Connection } from "./connection.ts"
import { PREFIX_OCTETS, writeMessage } from "./message.ts"
import type { Stream } from "./stream.ts"

/** Messages for one stream before the next has its turn. */
const BURST = 8
/** No more than this waits for one socket. */
const UNSENT_OCTETS = 64 * 1024

/** A stream that sends messages as fast as it may. */
export interface Source {
  readonly stream: Stream
  readonly key: number
  readonly octets: number
  number: number
}

/** Keeps one connection's sources sending, in turn, as far as credit and the socket allow. */
export class Flood {
  readonly #connection: Connection
  #sources: Source[] = []
  #turn = 0
  /** Messages written. */
  messages = 0

  constructor(connection: Connection) {
    this.#connection = connection
  }

  add(source: Source): void {
    this.#sources.push(source)
    this.#connection.askForRoom()
  }

  remove(stream: Stream): void {
    this.#sources = this.#sources.filter((source) => source.stream !== stream)
  }

  clear(): void {
    this.#sources = []
  }

  /** To be called whenever there may be room. */
  fill(): void {
    let starved = 0
    while (starved < this.#sources.length && this.#connection.octetsUnsent < UNSENT_OCTETS) {
      this.#turn = (this.#turn + 1) % this.#sources.length
      starved = this.#burst(this.#sources[this.#turn]!) ? 0 : starved + 1
    }
  }

  #burst(source: Source): boolean {
    const { stream, octets } = source
    const framed = PREFIX_OCTETS + octets
    let sent = 0
    while (sent < BURST && stream.sendWindow >= framed && this.#connection.sendWindow >= framed) {
      const { buffer, at } = this.#connection.reserveData(stream, framed, false)
      writeMessage(buffer, at, octets, source.key, source.number++)
      sent++
    }
    this.messages += sent
    return sent > 0
  }
}

/**
 * A backend that can die at any moment: echoes numbered messages, checks each octet that comes, and tells by IPC which
 * streams it has seen, so that nothing of that is lost with it but the last moments.
 * Arguments: the port to listen on, how long to hold back the answer to a call of one message, in milliseconds, and the
 * address of loopback.
 */

import { PATHS, RESPONSE, TRAILERS_BAD, TRAILERS_OK } from "../../bench/load/calls.ts"
import type { ConnectionOwner } from "../../bench/load/connection.ts"
import { Failures } from "../../bench/load/failures.ts"
import { LABEL_OCTETS, MessageChecker, PREFIX_OCTETS } from "../../bench/load/message.ts"
import type { Stream, StreamOwner } from "../../bench/load/stream.ts"
import type { BackendReport } from "./backend-report.ts"
import { listen } from "./sockets.ts"

const REPORT_EVERY_MS = 25
const HEAD_OCTETS = PREFIX_OCTETS + LABEL_OCTETS
const failures = new Failures()
let seen: number[] = []

/** One stream. The key and size of its messages are those of the first. */
class Echo implements StreamOwner {
  #head: Buffer = Buffer.alloc(0)
  #checker: MessageChecker | null = null
  #wasEnded = false

  headers(stream: Stream, _fields: unknown, end: boolean): void {
    stream.connection.headers(stream, RESPONSE, false)
    if (end) this.#end(stream)
  }

  data(stream: Stream, octets: Buffer, from: number, to: number, end: boolean): void {
    if (this.#checker === null) this.#begin(octets.subarray(from, to))
    else this.#check(octets, from, to)
    if (end && holdMs > 0) {
      const held = Buffer.from(octets.subarray(from, to))
      setTimeout(() => this.#answer(stream, held, 0, held.length, true), holdMs)
    } else this.#answer(stream, octets, from, to, end)
  }

  #answer(stream: Stream, octets: Buffer, from: number, to: number, end: boolean): void {
    if (to > from) stream.connection.send(stream, octets, from, to)
    if (end) this.#end(stream)
  }

  #begin(octets: Buffer): void {
    this.#head = Buffer.concat([this.#head, octets])
    if (this.#head.length < HEAD_OCTETS) return
    const key = this.#head.readUInt32BE(PREFIX_OCTETS)
    this.#checker = new MessageChecker(this.#head.readUInt32BE(1), key, 0)
    seen.push(key)
    this.#check(this.#head, 0, this.#head.length)
  }

  #check(octets: Buffer, from: number, to: number): void {
    if (this.#checker!.check(octets, from, to) < 0)
      failures.add(`stream ${this.#checker!.key}: not message ${this.#checker!.next} came`)
  }

  #end(stream: Stream): void {
    if (this.#wasEnded) return
    this.#wasEnded = true
    stream.connection.end(stream, this.#checker?.whole === false ? TRAILERS_BAD : TRAILERS_OK)
  }

  reset(): void {}
}

const owner: ConnectionOwner = {
  open: (_connection, fields) => {
    if (fields.path !== PATHS.echo) failures.add(`a call to "${fields.path}" came`)
    return new Echo()
  },
  lost: () => {},
  room: () => {},
}

function report(): void {
  if (seen.length === 0 && failures.count === 0) return
  const told: BackendReport = { seen, failures: failures.count, first: failures.first }
  process.send!(told)
  seen = []
  failures.count = 0
}

const [port, holdMs] = process.argv.slice(2, 4).map(Number) as [number, number]
process.on("disconnect", () => process.exit())
await listen(port, owner, process.argv[4])
setInterval(report, REPORT_EVERY_MS)
process.send!({ listening: true })

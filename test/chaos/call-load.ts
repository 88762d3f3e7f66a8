import { REQUESTS } from "../../bench/load/calls.ts"
import type { Connection, ConnectionOwner } from "../../bench/load/connection.ts"
import type { Fields } from "../../bench/load/header-reader.ts"
import { MessageChecker, PREFIX_OCTETS, writeMessage } from "../../bench/load/message.ts"
import type { Stream, StreamOwner } from "../../bench/load/stream.ts"
import { dial } from "./sockets.ts"

/** Keys of calls lie above those of live streams, so that a backend's report tells them apart. */
let nextKey = 1 << 24
const CALL_OCTETS = 64
const scratch = Buffer.alloc(PREFIX_OCTETS + CALL_OCTETS)

/** A call that is over. Times are `performance.now()`. */
export interface CallOutcome {
  sentMs: number
  doneMs: number
  /** `ok`, or the status and message, or how else it ended. */
  how: string
}

/** Told of a call that is over. */
interface CallOwner {
  done(outcome: CallOutcome): void
}

/** One message there, one back. */
class Call implements StreamOwner {
  readonly sentMs = performance.now()
  readonly checker: MessageChecker
  readonly #load: CallOwner
  #answers = 0
  #isDone = false

  constructor(load: CallOwner, key: number) {
    this.#load = load
    this.checker = new MessageChecker(CALL_OCTETS, key, 0)
  }

  headers(_stream: Stream, fields: Fields, end: boolean): void {
    if (!end) {
      if (fields.status !== "200") this.#end(`HTTP status ${fields.status}`)
      return
    }
    const isOk = fields.grpcStatus === "0" && this.#answers === 1 && this.checker.whole
    const said = `${fields.grpcStatus || "no status"} ${fields.grpcMessage}`.trimEnd()
    this.#end(isOk ? "ok" : fields.grpcStatus === "0" ? `${this.#answers} answers to a call` : said)
  }

  data(_stream: Stream, octets: Buffer, from: number, to: number, end: boolean): void {
    const answers = this.checker.check(octets, from, to)
    if (answers < 0) this.#end("an answered octet is not the one sent")
    else this.#answers += answers
    if (end) this.#end("an end without trailers")
  }

  reset(_stream: Stream, code: number): void {
    this.#end(`reset ${code}`)
  }

  #end(how: string): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#load.done({ sentMs: this.sentMs, doneMs: performance.now(), how })
  }
}

/** Sends a call; returns when, by `performance.now()`. */
export function callOn(connection: Connection, owner: CallOwner): number {
  const call = new Call(owner, nextKey++)
  const stream = connection.open(REQUESTS.echo, call)
  const to = writeMessage(scratch, 0, CALL_OCTETS, call.checker.key, 0)
  if (stream.sendWindow >= to && connection.sendWindow >= to) {
    const { buffer, at } = connection.reserveData(stream, to, true)
    scratch.copy(buffer, at, 0, to)
  } else {
    connection.send(stream, scratch, 0, to)
    connection.end(stream, "data")
  }
  return call.sentMs
}

/** Calls at a steady rate, whatever becomes of them: what comes due is sent, also while earlier ones are late. */
export class CallLoad implements ConnectionOwner {
  sent = 0
  finished = 0
  /** Calls a second. */
  rate: number
  /** Called when a call is over. */
  onDone: (outcome: CallOutcome) => void = () => {}
  readonly #connections: Connection[] = []
  #ticker: NodeJS.Timeout | null = null
  #lastMs = 0
  #owed = 0
  #isClosing = false

  private constructor(rate: number) {
    this.rate = rate
  }

  static async start(options: { port: number; connections: number; rate: number }): Promise<CallLoad> {
    const load = new CallLoad(options.rate)
    for (let i = 0; i < options.connections; i++) load.#connections.push(await dial(options.port, load))
    load.#lastMs = performance.now()
    load.#ticker = setInterval(() => load.#tick(), 1)
    return load
  }

  get underWay(): number {
    return this.sent - this.finished
  }

  /** Sends no more; resolves when all are over, or after ten seconds. Returns how many are not. */
  async finish(): Promise<number> {
    if (this.#ticker !== null) clearInterval(this.#ticker)
    const deadline = performance.now() + 10_000
    while (this.underWay > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10))
    this.close()
    return this.underWay
  }

  close(): void {
    this.#isClosing = true
    if (this.#ticker !== null) clearInterval(this.#ticker)
    for (const connection of this.#connections) connection.close()
  }

  done(outcome: CallOutcome): void {
    this.finished++
    this.onDone(outcome)
  }

  #tick(): void {
    const nowMs = performance.now()
    this.#owed += ((nowMs - this.#lastMs) * this.rate) / 1000
    this.#lastMs = nowMs
    for (; this.#owed >= 1; this.#owed--) this.fire()
  }

  /** One call now, besides those that the rate brings. */
  fire(): void {
    callOn(this.#connections[this.sent++ % this.#connections.length]!, this)
  }

  // ---- ConnectionOwner ----------------------------------------------------------------------------------------

  /** Counts as a call that failed, also when none was under way: those to come would have no answer. */
  lost(connection: Connection, reason: string): void {
    if (this.#isClosing) return
    const nowMs = performance.now()
    this.onDone({ sentMs: nowMs, doneMs: nowMs, how: `lost: ${reason}` })
    this.#connections.splice(this.#connections.indexOf(connection), 1)
    for (const stream of [...connection.streams.values()]) {
      connection.streams.delete(stream.id)
      this.done({ sentMs: (stream.owner as Call).sentMs, doneMs: performance.now(), how: `lost: ${reason}` })
    }
  }

  open(): StreamOwner {
    throw new Error("a server opened a stream")
  }

  room(): void {}
}

import { WebSocket } from "ws"
import { PATHS } from "../../bench/load/calls.ts"
import { PREFIX_OCTETS, writeMessage } from "../../bench/load/message.ts"
import type { Random } from "../../src/base/random.ts"
import { CallLoad } from "../chaos/call-load.ts"
import { LiveStreams } from "../chaos/live-streams.ts"

const CALLS_PER_SECOND = 300
const STREAMS = 300
const BIG_STREAMS = 10
const BROWSER_OCTETS = 200
const OK_TRAILER = /grpc-status: ?0\r\n/

/** What was done, by kind, and what went wrong. */
export interface Done {
  calls: number
  /** Echoed on live streams. */
  messages: number
  streamsEnded: number
  streamsCancelled: number
  connectionsCut: number
  webCalls: number
  webSockets: number
  failed: number
  firstFailure: string
}

/**
 * The mixed work of a soak: steady calls; live streams of small and of large messages, some of which end, are cancelled
 * or lose their connection all the time; calls over gRPC-Web and WebSockets.
 */
export class Work {
  readonly #done: Done = {
    calls: 0,
    messages: 0,
    streamsEnded: 0,
    streamsCancelled: 0,
    connectionsCut: 0,
    webCalls: 0,
    webSockets: 0,
    failed: 0,
    firstFailure: "",
  }
  readonly #port: number
  readonly #random: Random
  readonly #timers: NodeJS.Timeout[] = []
  readonly #calls: CallLoad
  readonly #small: LiveStreams
  readonly #big: LiveStreams
  #underWay = 0

  private constructor(port: number, random: Random, calls: CallLoad, small: LiveStreams, big: LiveStreams) {
    this.#port = port
    this.#random = random
    this.#calls = calls
    this.#small = small
    this.#big = big
  }

  static async start(port: number, random: Random): Promise<Work> {
    const calls = await CallLoad.start({ port, connections: 10, rate: CALLS_PER_SECOND })
    const small = await LiveStreams.start({
      port,
      connections: 10,
      streams: STREAMS,
      intervalMs: 500,
      random,
    })
    const big = await LiveStreams.start({
      port,
      connections: 2,
      streams: BIG_STREAMS,
      intervalMs: 200,
      octetsMax: 65_000,
      random,
    })
    const work = new Work(port, random, calls, small, big)
    calls.onDone = ({ how }) => {
      work.#done.calls++
      if (how !== "ok") work.#fail(`call: ${how}`)
    }
    for (const live of [small, big]) live.onEnded = ({ ending }) => work.#streamEnded(ending!)
    work.#every(200, () => work.#churn(small))
    work.#every(1000, () => work.#churn(big))
    work.#every(1000, () => work.#briefConnection())
    work.#every(100, () => work.#webCall())
    work.#every(200, () => work.#webSocket())
    return work
  }

  /** Ends everything; resolves when all has its ending. */
  async finish(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    const unanswered = await this.#calls.finish()
    if (unanswered > 0) this.#fail(`${unanswered} calls had no answer`)
    for (const live of [this.#small, this.#big]) {
      await live.finish()
    }
    const deadline = performance.now() + 10_000
    while (this.#underWay > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20))
    if (this.#underWay > 0) this.#fail(`${this.#underWay} calls of browsers had no end`)
  }

  /** Until now. */
  totals(): Done {
    const live = [this.#small, this.#big]
    const messages = live.reduce((sum, one) => sum + one.totals().echoed, this.#done.messages)
    const failed = live.reduce((sum, { failures }) => sum + failures.count, this.#done.failed)
    const firstFailure = this.#done.firstFailure || this.#small.failures.first || this.#big.failures.first
    return { ...this.#done, messages, failed, firstFailure }
  }

  #every(ms: number, act: () => void): void {
    this.#timers.push(setInterval(act, ms))
  }

  #fail(what: string): void {
    this.#done.failed++
    this.#done.firstFailure ||= what
  }

  #streamEnded(how: string): void {
    if (how === "0") this.#done.streamsEnded++
    else if (how === "cancelled") this.#done.streamsCancelled++
    else this.#fail(`stream: ${how}`)
  }

  /** One stream ends, well or by a cancel; another begins. */
  #churn(live: LiveStreams): void {
    const stream = live.oldest
    // The last one's end may still be on its way.
    if (stream === undefined || stream.isHalfClosed) return
    if (this.#random() < 0.5) stream.halfClose()
    else stream.cancel()
    live.openOne()
  }

  /** A client that comes, opens streams, and goes without a word. */
  async #briefConnection(): Promise<void> {
    this.#underWay++
    const random = this.#random
    const live = await LiveStreams.start({
      port: this.#port,
      connections: 1,
      streams: 5,
      intervalMs: 100,
      random,
    })
    if (this.#random() < 0.5) {
      live.close()
      this.#done.connectionsCut++
    } else await live.finish()
    this.#done.messages += live.totals().echoed
    if (live.failures.count > 0) this.#fail(`brief connection: ${live.failures.first}`)
    this.#underWay--
  }

  async #webCall(): Promise<void> {
    this.#underWay++
    try {
      const body = message()
      const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" }
      const url = `http://127.0.0.1:${this.#port}${PATHS.echo}`
      const response = await fetch(url, { method: "POST", headers, body })
      const answer = Buffer.from(await response.arrayBuffer())
      const isSame = answer.subarray(0, body.length).equals(body)
      if (isSame && OK_TRAILER.test(answer.toString("latin1", body.length))) this.#done.webCalls++
      else this.#fail(`gRPC-Web: ${response.status} ${answer.length} octets}`)
    } catch (error) {
      this.#fail(`gRPC-Web: ${(error as Error).message}`)
    }
    this.#underWay--
  }

  /** One call in the subprotocol `grpc-websockets`: head, message, half-close; message and trailers come back. */
  #webSocket(): void {
    this.#underWay++
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}${PATHS.echo}`, "grpc-websockets")
    const body = message()
    let came = Buffer.alloc(0)
    socket.on("open", () => {
      socket.send(Buffer.from("content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n"))
      socket.send(Buffer.concat([Buffer.from([0]), body]))
      socket.send(Buffer.from([1]))
    })
    socket.on("message", (data: Buffer) => (came = Buffer.concat([came, data])))
    socket.on("error", (error) => this.#fail(`WebSocket: ${error.message}`))
    socket.on("close", () => {
      this.#underWay--
      if (came.includes(body) && OK_TRAILER.test(came.toString("latin1"))) this.#done.webSockets++
      else this.#fail(`WebSocket: ${came.length} octets came`)
    })
  }
}

/** A whole message that the backend's checks accept, as a stream of its own. */
function message(): Buffer<ArrayBuffer> {
  const octets = Buffer.alloc(PREFIX_OCTETS + BROWSER_OCTETS)
  writeMessage(octets, 0, BROWSER_OCTETS, 0, 0)
  return octets
}

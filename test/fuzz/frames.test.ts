/**
 * Hostile frames. Sequences of valid frames, mutated, and of octets at random go into a connection of either role, once
 * in one piece and once cut anywhere. It must not throw; must say the same both times; must tell each stream no more
 * than one ending, and nothing after it; must answer with well-formed frames, in proportion to what came; and must
 * either end with GOAWAY or go on and answer a PING.
 *
 * FUZZ_RUNS (default 20,000) is the number of cases, each in both roles. FUZZ_SEED repeats a run: its seed is printed.
 */
import fc from "fast-check"
import { expect, test } from "vitest"
import { FrameType } from "../../src/http2/frame/types.ts"
import { HeaderList } from "../../src/http2/header-list.ts"
import type { RequestHead } from "../../src/http2/message-head.ts"
import type { Http2Stream } from "../../src/http2/stream.ts"
import type { Role } from "../../src/http2/stream-table.ts"
import { seededRandom } from "../../src/random.ts"
import * as dsl from "../support/frame-dsl.ts"
import { EventLog, Lab, randomly } from "../support/memory-link.ts"

const numRuns = Number(process.env.FUZZ_RUNS ?? 20_000)
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
const TIMEOUT_MS = 60_000 + numRuns * 3

const block = dsl.headerBlock(dsl.request)
const answer = dsl.headerBlock(dsl.response)

/** Frames that are valid somewhere; on stream 1, 3 or 5, or on none. */
const CORPUS: Buffer[] = [1, 3, 5].flatMap((id) => [
  dsl.headers(id, dsl.request),
  dsl.headers(id, dsl.request, { endStream: true }),
  dsl.headers(id, dsl.request, { padding: 3, priority: { dependsOn: 0 } }),
  dsl.headers(id, dsl.response),
  dsl.headers(id, [[":status", "100"]]),
  dsl.headers(id, dsl.okTrailers, { endStream: true }),
  dsl.headers(id, block.subarray(0, 20), { endHeaders: false }),
  dsl.continuation(id, block.subarray(20)),
  dsl.continuation(id, block.subarray(20, 40), false),
  dsl.headers(id, Buffer.concat([Buffer.from("3f e1 1f".replaceAll(" ", ""), "hex"), answer])),
  dsl.data(id, "hello"),
  dsl.data(id, "", { endStream: true }),
  dsl.data(id, "hello", { padding: 7 }),
  dsl.data(id, Buffer.alloc(5000)),
  dsl.priority(id),
  dsl.rstStream(id),
  dsl.windowUpdate(id, 100_000),
  dsl.pushPromise(id, id + 1),
])
CORPUS.push(
  dsl.settings(),
  dsl.settings({ INITIAL_WINDOW_SIZE: 0 }),
  dsl.settings({ INITIAL_WINDOW_SIZE: 2 ** 31 - 1, MAX_FRAME_SIZE: 2 ** 24 - 1 }),
  dsl.settings({ HEADER_TABLE_SIZE: 0, MAX_CONCURRENT_STREAMS: 0 }),
  dsl.settingsAck(),
  dsl.ping(),
  dsl.ping("draining", { ack: true }),
  dsl.goaway(3),
  dsl.goaway(2 ** 31 - 1),
  dsl.windowUpdate(0, 1),
  dsl.windowUpdate(0, 2 ** 31 - 1),
  dsl.priorityUpdate(1),
  dsl.frame(0xee, 0xff, 7, Buffer.alloc(20)),
)

interface Step {
  readonly frame: number
  readonly mutation: "none" | "octet" | "cut" | "type" | "flags" | "stream" | "length" | "twice" | "noise"
  readonly at: number
  readonly value: number
}

const step: fc.Arbitrary<Step> = fc.record({
  frame: fc.nat(CORPUS.length - 1),
  mutation: fc.oneof(
    { weight: 3, arbitrary: fc.constant("none" as const) },
    fc.constantFrom(...(["octet", "cut", "type", "flags", "stream", "length", "twice", "noise"] as const)),
  ),
  at: fc.nat(200),
  value: fc.nat(255),
})

function octetsOf({ frame, mutation, at, value }: Step): Buffer {
  const octets = Buffer.from(CORPUS[frame]!)
  switch (mutation) {
    case "none":
      return octets
    case "octet":
      octets[at % octets.length] = value
      return octets
    case "cut":
      return octets.subarray(0, at % octets.length)
    case "type":
      octets[3] = value % 12
      return octets
    case "flags":
      octets[4] = value
      return octets
    case "stream":
      octets.writeUInt32BE(value % 8, 5)
      return octets
    case "length":
      octets.writeUIntBE(Math.max(0, octets.length - 9 + (value % 16) - 8), 0, 3)
      return octets
    case "twice":
      return Buffer.concat([octets, octets])
    case "noise":
      return Buffer.from(Array.from({ length: at }, (_, i) => (value * 31 + i * i * 7 + (i >> 3)) & 0xff))
  }
}

/** Whether the reader can be in the middle of a frame or block afterwards. */
const isWhole = (steps: readonly Step[]): boolean =>
  steps.every(({ mutation }) => ["none", "flags", "stream", "type", "twice"].includes(mutation))

const head = new HeaderList([":status", "200"])
const ask = new HeaderList([":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"])
const body = Buffer.alloc(300, "b")

/** Notes what must not be: anything said of a stream after its end, or of anything after the connection's. */
class StrictLog extends EventLog {
  readonly problems: string[] = []
  readonly #over = new Set<number>()
  readonly #ended = new Set<number>()

  override onRequest(stream: Http2Stream<string>, requestHead: RequestHead, endStream: boolean): void {
    super.onRequest(stream, requestHead, endStream)
    if (endStream) this.#ended.add(stream.id)
    stream.sendHeaders(head, false)
    stream.sendData(body, 0, body.length, stream.id === 3)
  }

  override onData(
    stream: Http2Stream<string>,
    octets: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    this.#check(stream, "onData")
    if (start > end || end > octets.length) this.problems.push("onData beyond its buffer")
    super.onData(stream, octets, start, end, endStream)
    if (endStream) this.#ended.add(stream.id)
    stream.consume(end - start)
  }

  override onResponse(...[stream, responseHead, endStream]: Parameters<EventLog["onResponse"]>): void {
    this.#check(stream, "onResponse")
    super.onResponse(stream, responseHead, endStream)
    if (endStream) this.#ended.add(stream.id)
  }

  override onTrailers(...[stream, trailers]: Parameters<EventLog["onTrailers"]>): void {
    this.#check(stream, "onTrailers")
    super.onTrailers(stream, trailers)
    this.#ended.add(stream.id)
  }

  override onReset(...[stream, end]: Parameters<EventLog["onReset"]>): void {
    if (this.#over.has(stream.id)) this.problems.push(`stream ${stream.id} was reset twice`)
    this.#over.add(stream.id)
    super.onReset(stream, end)
  }

  override onEnd(...[fault]: Parameters<EventLog["onEnd"]>): void {
    if (this.lines.some((line) => line.startsWith("end"))) this.problems.push("the connection ended twice")
    super.onEnd(fault)
  }

  #check(stream: Http2Stream<string>, event: string): void {
    if (this.#over.has(stream.id) || this.#ended.has(stream.id))
      this.problems.push(`${event} after the end of ${stream.id}`)
  }
}

interface Outcome {
  readonly events: readonly string[]
  readonly said: readonly string[]
  readonly limits: readonly string[]
}

function run(role: Role, octets: Buffer, pieces: readonly Buffer[]): { lab: Lab; outcome: Outcome } {
  const lab = new Lab(role, { events: new StrictLog() })
  const { connection } = lab
  if (role === "client")
    for (let i = 0; i < 3; i++) {
      const stream = connection.open(ask, i === 0, i === 2, "test")
      if (i > 0) stream.sendData(body, 0, body.length, false)
    }
  lab.said()
  for (const piece of pieces) lab.send(piece)
  const sentOctets = connection.output.unsentOctets
  const said = lab.said()
  const { lines, problems, fault, limits } = lab.events as StrictLog
  expect(problems).toEqual([])
  expect(sentOctets).toBeLessThan(4000 + 3 * octets.length)
  if (connection.isClosed) {
    expect(lines.at(-1)).toMatch(/^end/)
    expect(connection.streams.size + connection.sender.queuedOctets).toBe(0)
    expect(said.some((line) => line.startsWith("GOAWAY"))).toBe(fault !== null)
  }
  return { lab, outcome: { events: [...lines], said, limits: [...limits] } }
}

test(
  `frames at random (FUZZ_SEED=${seed} FUZZ_RUNS=${numRuns})`,
  () => {
    console.log(`FUZZ_SEED=${seed} FUZZ_RUNS=${numRuns}`)
    let closed = 0
    let alive = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(), (steps, splitSeed) => {
        const octets = Buffer.concat(steps.map(octetsOf))
        const split = randomly(seededRandom(splitSeed), 40)
        for (const role of ["server", "client"] as const) {
          const { lab, outcome } = run(role, octets, [octets])
          const { outcome: again } = run(role, octets, split(octets))
          // DATA that comes in pieces is handed on whole: reads make no difference.
          expect(again).toEqual(outcome)
          if (lab.connection.isClosed) closed++
          else if (isWhole(steps)) {
            lab.send(dsl.ping("are you?"))
            const said = lab.frames()
            const isAnswered = said.some(({ type, flags }) => type === FrameType.PING && flags === 1)
            // An open header block takes no PING: that ends it.
            expect(isAnswered || lab.connection.isClosed).toBe(true)
            alive++
          }
        }
      }),
      { numRuns, seed },
    )
    // The cases are worth something: many connections live through them, and many do not.
    expect(Math.min(closed, alive)).toBeGreaterThan(numRuns / 20)
  },
  TIMEOUT_MS,
)

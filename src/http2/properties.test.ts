import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { headers, request, type SeenFrame, settings, windowUpdate } from "../../test/support/frame-dsl.ts"
import { EventLog, Lab, MemoryLink, randomly, type Splitter, whole } from "../../test/support/memory-link.ts"
import { defaultLimits, type Limits } from "../base/limits.ts"
import { seededRandom } from "../base/random.ts"
import { Http2Connection } from "./connection.ts"
import type { StreamEnd } from "./events.ts"
import { Setting } from "./frame/settings.ts"
import { Flag, FrameType } from "./frame/types.ts"
import { HeaderList } from "./header-list.ts"
import type { RequestHead, ResponseHead } from "./message-head.ts"
import type { Http2Stream } from "./stream.ts"
import type { Role } from "./stream-table.ts"

const requestList = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"])
const responseList = new HeaderList([":status", "200"])
const trailerList = new HeaderList(["grpc-status", "0"])

const NO_FRAME: SeenFrame = {
  type: 0,
  flags: 0,
  streamId: 0,
  payload: Buffer.alloc(0),
  fields: [],
  neverIndexed: [],
}

/** What one half of a stream sends, and how it ends. */
interface Half {
  readonly pieces: readonly number[]
  readonly hasTrailers: boolean
}

interface Plan {
  readonly request: Half
  readonly response: Half
  /** How many octets the receiver takes at a time before it gives credit back. */
  readonly appetite: number
}

/** The windows of one direction, as anyone who sees all frames of both can work them out. RFC 9113 §6.9. */
class WindowWatch {
  #connection = 65_535
  #initial = 65_535
  readonly #streams = new Map<number, number>()
  readonly problems: string[] = []

  data(frame: SeenFrame): void {
    const { streamId, payload } = frame
    this.#connection -= payload.length
    this.#streams.set(streamId, this.#of(streamId) - payload.length)
    if (payload.length === 0) return
    if (this.#connection < 0) this.problems.push("DATA past the connection's window")
    if (this.#of(streamId) < 0) this.problems.push(`DATA past the window of stream ${streamId}`)
  }

  credit({ streamId, payload }: SeenFrame): void {
    const increment = payload.readUInt32BE(0)
    if (streamId === 0) this.#connection += increment
    else this.#streams.set(streamId, this.#of(streamId) + increment)
  }

  /** Only once the other side has acknowledged: until then it may go by the old number. */
  settings({ payload }: SeenFrame): void {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== Setting.INITIAL_WINDOW_SIZE) continue
      const delta = payload.readUInt32BE(at + 2) - this.#initial
      this.#initial += delta
      for (const [id, octets] of this.#streams) this.#streams.set(id, octets + delta)
    }
  }

  #of(id: number): number {
    return this.#streams.get(id) ?? this.#initial
  }
}

/** Watches the wire: windows both ways, and no frame of a stream after the one that ended its half. */
class WireWatch {
  readonly #to: Record<Role, WindowWatch> = { client: new WindowWatch(), server: new WindowWatch() }
  readonly #pending: Record<Role, SeenFrame[]> = { client: [], server: [] }
  readonly #ended = new Set<string>()
  readonly problems: string[] = []

  readonly onFrame = (from: Role, frame: SeenFrame): void => {
    const to: Role = from === "client" ? "server" : "client"
    const { type, flags, streamId } = frame
    if (type === FrameType.DATA || type === FrameType.HEADERS) {
      const half = `${from} ${streamId}`
      if (this.#ended.has(half)) this.problems.push(`a frame after the end of ${half}`)
      if ((flags & Flag.END_STREAM) !== 0) this.#ended.add(half)
    }
    if (type === FrameType.DATA) this.#to[to].data(frame)
    if (type === FrameType.WINDOW_UPDATE) this.#to[from].credit(frame)
    if (type === FrameType.GOAWAY) this.problems.push(`GOAWAY from the ${from}`)
    if (type !== FrameType.SETTINGS) return
    if ((flags & Flag.ACK) === 0) this.#pending[from].push(frame)
    else this.#to[to].settings(this.#pending[to].shift()!)
  }

  get all(): string[] {
    return [...this.problems, ...this.#to.client.problems, ...this.#to.server.problems]
  }
}

/** One end: sends its halves as asked, takes what comes with its appetite, and notes how every stream went. */
class End extends EventLog {
  readonly heard = new Map<number, { octets: Buffer[]; endings: number; owed: number }>()
  readonly #plans: readonly Plan[]

  constructor(plans: readonly Plan[]) {
    super()
    this.#plans = plans
  }

  of(stream: Http2Stream<string>) {
    let entry = this.heard.get(stream.id)
    if (entry === undefined) this.heard.set(stream.id, (entry = { octets: [], endings: 0, owed: 0 }))
    return entry
  }

  planOf(stream: Http2Stream<string>): Plan {
    return this.#plans[(stream.id - 1) / 2]!
  }

  override onRequest(stream: Http2Stream<string>, _head: RequestHead, endStream: boolean): void {
    stream.owner = "test"
    this.#note(stream, endStream)
    sendHalf(stream, this.planOf(stream).response, responseList)
  }

  override onResponse(stream: Http2Stream<string>, _head: ResponseHead, endStream: boolean): void {
    this.#note(stream, endStream)
  }

  override onData(
    stream: Http2Stream<string>,
    octets: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    const entry = this.of(stream)
    entry.octets.push(Buffer.from(octets.subarray(start, end)))
    entry.owed += end - start
    if (entry.owed >= this.planOf(stream).appetite) {
      stream.consume(entry.owed)
      entry.owed = 0
    }
    this.#note(stream, endStream)
  }

  override onTrailers(stream: Http2Stream<string>): void {
    this.#note(stream, true)
  }

  override onReset(stream: Http2Stream<string>, end: StreamEnd): void {
    this.lines.push(`reset ${stream.id} ${end.code} ${end.reason}`)
  }

  /** Everything held back is taken now: without it both would wait without end. */
  takeAll(streams: Iterable<Http2Stream<string>>): boolean {
    let any = false
    for (const stream of streams) {
      const entry = this.of(stream)
      if (entry.owed === 0) continue
      stream.consume(entry.owed)
      entry.owed = 0
      any = true
    }
    return any
  }

  #note(stream: Http2Stream<string>, endStream: boolean): void {
    if (endStream) this.of(stream).endings++
  }
}

/** Octets that say which stream, direction and position they are from. */
function octetsOf(id: number, isRequest: boolean, length: number): Buffer {
  const octets = Buffer.allocUnsafe(length)
  const from = id * 37 + (isRequest ? 101 : 0)
  for (let at = 0; at < length; at++) octets[at] = from + at + (at >>> 8) * 3
  return octets
}

/** Buffers are compared as such: vitest's own way takes seconds for a megabyte. */
const isSame = (pieces: readonly Buffer[], expected: Buffer): boolean =>
  Buffer.concat(pieces).equals(expected)

const totalOf = ({ pieces }: Half): number => pieces.reduce((sum, length) => sum + length, 0)

function sendHalf(stream: Http2Stream<string>, half: Half, head: HeaderList | null): void {
  const { pieces, hasTrailers } = half
  if (head !== null) stream.sendHeaders(head, pieces.length === 0 && !hasTrailers)
  const octets = octetsOf(stream.id, head === null, totalOf(half))
  let at = 0
  pieces.forEach((length, index) => {
    stream.sendData(octets, at, at + length, index === pieces.length - 1 && !hasTrailers)
    at += length
  })
  if (hasTrailers) stream.sendHeaders(trailerList, true)
}

const half: fc.Arbitrary<Half> = fc.record({
  pieces: fc.array(fc.oneof({ weight: 5, arbitrary: fc.nat(300) }, fc.nat(40_000)), { maxLength: 5 }),
  hasTrailers: fc.boolean(),
})
const plans = fc.array(
  fc.record({ request: half, response: half, appetite: fc.integer({ min: 16, max: 70_000 }) }),
  {
    minLength: 1,
    maxLength: 12,
  },
)
const windows = fc.record({
  streamWindowOctets: fc.integer({ min: 16, max: 70_000 }),
  upstreamStreamWindowOctets: fc.integer({ min: 16, max: 70_000 }),
  // Small windows ask for many small credits, which is no attack here.
  windowUpdatesPerDataMax: fc.constant(100_000),
})

interface Pair {
  link: MemoryLink
  client: End
  server: End
  wire: WireWatch
}

function join(all: readonly Plan[], limits: Partial<Limits>, split: Splitter): Pair {
  const [client, server, wire] = [new End(all), new End(all), new WireWatch()]
  const make = (role: Role, events: End): Http2Connection<string> => {
    const connection = new Http2Connection<string>({
      role,
      limits: { ...defaultLimits, ...limits },
      events,
      nowMs: 0,
    })
    connection.start()
    return connection
  }
  const link = new MemoryLink(make("client", client), make("server", server), {
    split,
    onFrame: wire.onFrame,
  })
  link.pump()
  return { link, client, server, wire }
}

describe("two of our connections, joined by a pipe that cuts octets anywhere", () => {
  test("every octet arrives in order, no window is exceeded, every stream ends once", () => {
    fc.assert(
      fc.property(plans, windows, fc.nat(), fc.integer({ min: 1, max: 2000 }), (all, limits, seed, most) => {
        const { link, client, server, wire } = join(all, limits, randomly(seededRandom(seed), most))
        for (const plan of all) {
          const empty = plan.request.pieces.length === 0 && !plan.request.hasTrailers
          const stream = link.client.open(requestList, empty, false, "test")
          if (!empty) sendHalf(stream, plan.request, null)
        }
        do link.pump()
        while (client.takeAll(link.client.streams.values()) || server.takeAll(link.server.streams.values()))

        expect(wire.all).toEqual([])
        expect([client.lines, server.lines]).toEqual([[], []])
        expect([link.client.streams.size, link.server.streams.size]).toEqual([0, 0])
        expect([link.client.sender.queuedOctets, link.server.sender.queuedOctets]).toEqual([0, 0])
        all.forEach((plan, index) => {
          const id = 1 + 2 * index
          const halves = [server.heard.get(id)!, client.heard.get(id)!] as const
          expect(halves.map(({ endings }) => endings)).toEqual([1, 1])
          expect(isSame(halves[0].octets, octetsOf(id, true, totalOf(plan.request)))).toBe(true)
          expect(isSame(halves[1].octets, octetsOf(id, false, totalOf(plan.response)))).toBe(true)
        })
      }),
      { numRuns: 60 },
    )
  }, 60_000)

  test("resets at any moment leave the others whole and nothing behind", () => {
    fc.assert(
      fc.property(
        plans,
        windows,
        fc.nat(),
        fc.array(fc.tuple(fc.nat(11), fc.boolean(), fc.nat(15)), { maxLength: 12 }),
        (all, limits, seed, resets) => {
          const { link, client, server, wire } = join(all, limits, whole)
          const random = seededRandom(seed)
          for (const plan of all)
            sendHalf(
              link.client.open(requestList, false, false, "test"),
              { ...plan.request, hasTrailers: true },
              null,
            )
          const wasReset = new Set<number>()
          for (const [index, byClient, code] of resets) {
            for (let turns = Math.floor(random() * 3); turns > 0; turns--) link.turn()
            const side = byClient ? link.client : link.server
            for (const stream of side.streams.values()) {
              if (stream.id !== 1 + 2 * (index % all.length)) continue
              stream.reset(code)
              wasReset.add(stream.id)
            }
          }
          do link.pump()
          while (client.takeAll(link.client.streams.values()) || server.takeAll(link.server.streams.values()))

          expect(wire.problems.filter((problem) => problem.startsWith("GOAWAY"))).toEqual([])
          expect([link.client.streams.size, link.server.streams.size]).toEqual([0, 0])
          expect([link.client.sender.queuedOctets, link.server.sender.queuedOctets]).toEqual([0, 0])
          all.forEach((plan, index) => {
            const id = 1 + 2 * index
            if (wasReset.has(id)) return
            expect(isSame(client.heard.get(id)!.octets, octetsOf(id, false, totalOf(plan.response)))).toBe(
              true,
            )
            expect([client.heard.get(id)!.endings, server.heard.get(id)!.endings]).toEqual([1, 1])
          })
        },
      ),
      { numRuns: 60 },
    )
  }, 60_000)

  test("SETTINGS and credit that come at any moment: never a window exceeded, never an octet lost", () => {
    const operation = fc.record({
      kind: fc.constantFrom("send", "credit", "credit all", "settings"),
      octets: fc.oneof(fc.nat(100), fc.nat(50_000)),
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const lab = new Lab("server", { limits: { windowUpdatesPerDataMax: 100_000, abuseBurst: 100_000 } })
        lab.send(headers(1, request))
        const stream = lab.events.streams.get(1)!
        stream.sendHeaders(responseList, false)
        const watch = new WindowWatch()
        const came: Buffer[] = []
        const look = (): void => {
          for (const frame of lab.frames()) {
            if (frame.type !== FrameType.DATA) continue
            watch.data(frame)
            came.push(frame.payload)
          }
        }
        const give = (frame: Buffer, note: (seen: SeenFrame) => void): void => {
          note({ ...NO_FRAME, streamId: frame.readUInt32BE(5), payload: frame.subarray(9) })
          lab.send(frame)
        }
        const all = octetsOf(1, false, 2_000_000)
        let sent = 0
        for (const { kind, octets } of operations) {
          if (kind === "send") stream.sendData(all, sent, (sent += octets), false)
          if (kind === "credit" && octets > 0) give(windowUpdate(1, octets), (seen) => watch.credit(seen))
          if (kind === "credit all" && octets > 0) give(windowUpdate(0, octets), (seen) => watch.credit(seen))
          if (kind === "settings")
            give(settings({ INITIAL_WINDOW_SIZE: octets }), (seen) => watch.settings(seen))
          look()
        }
        stream.sendHeaders(trailerList, true)
        give(settings({ INITIAL_WINDOW_SIZE: 4_000_000 }), (seen) => watch.settings(seen))
        give(windowUpdate(0, 4_000_000), (seen) => watch.credit(seen))
        look()
        expect(watch.problems).toEqual([])
        expect(isSame(came, all.subarray(0, sent))).toBe(true)
      }),
      { numRuns: 100 },
    )
  }, 60_000)

  test("reading splits make no difference at all", () => {
    const run = (split: Splitter): string[] => {
      const plan: Plan = {
        request: { pieces: [5, 20_000], hasTrailers: true },
        response: { pieces: [70_000], hasTrailers: true },
        appetite: 1,
      }
      const seen: string[] = []
      const { link, client } = join([plan], {}, split)
      sendHalf(link.client.open(requestList, false, false, "test"), plan.request, null)
      link.pump()
      for (const { octets } of client.heard.values())
        seen.push(...octets.map((piece) => String(piece.length)))
      return seen
    }
    const expected = run(whole)
    for (const most of [1, 2, 9, 10, 1000]) expect(run(randomly(seededRandom(most), most))).toEqual(expected)
  })
})

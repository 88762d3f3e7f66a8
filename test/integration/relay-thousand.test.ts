import { type ClientHttp2Session, connect, createServer, type ServerHttp2Stream } from "node:http2"
import type { AddressInfo } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { expect, test } from "vitest"
import { seededRandom } from "../../src/base/random.ts"
import { TestBed } from "../support/test-bed.ts"

const CONNECTIONS = 10
const STREAMS_EACH = 100
const LARGEST = 1_000_000

type Random = () => number

/** A prime number of octets with no pattern: whatever is cut out of it differs from what stands elsewhere. */
const source = Buffer.alloc(1_000_003)
const octet = seededRandom(1)
for (let i = 0; i < source.length; i++) source[i] = octet() * 256

/** One message as gRPC frames it: a prefix and a piece of `source`. Most are short, some empty, a few a megabyte. */
function message(random: Random): Buffer[] {
  const length = Math.floor(random() < 0.02 ? random() * LARGEST : random() ** 4 * 40_000)
  const start = Math.floor(random() * (source.length - length))
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(length, 1)
  return length === 0 ? [prefix] : [prefix, source.subarray(start, start + length)]
}

/** Looks at octets as they come back, against those that went out. */
class Expected {
  readonly #parts: Buffer[]
  /** Where the next octet should be. */
  #part = 0
  #at = 0
  difference = ""

  constructor(parts: Buffer[]) {
    this.#parts = parts
  }

  take(octets: Buffer): void {
    let at = 0
    while (at < octets.length && this.difference === "") {
      const part = this.#parts[this.#part]
      if (part === undefined) return this.#differ("more came than went out")
      const length = Math.min(octets.length - at, part.length - this.#at)
      if (octets.compare(part, this.#at, this.#at + length, at, at + length) !== 0)
        return this.#differ(`part ${this.#part} differs after octet ${this.#at}`)
      at += length
      this.#at += length
      this.#skip()
    }
  }

  end(): void {
    this.#skip()
    if (this.#part < this.#parts.length)
      this.#differ(`it ended in part ${this.#part} of ${this.#parts.length}`)
  }

  #skip(): void {
    while (this.#part < this.#parts.length && this.#at === this.#parts[this.#part]!.length) {
      this.#part++
      this.#at = 0
    }
  }

  #differ(what: string): void {
    this.difference ||= what
  }
}

/** So many turns of the event loop in which nothing is done. */
async function pause(random: Random): Promise<void> {
  if (random() < 0.5) return
  for (let turns = Math.floor(random() * 20); turns > 0; turns--) await turn()
}

/** Sends what comes back, now and then not reading for a while. */
async function echo(stream: ServerHttp2Stream, random: Random): Promise<void> {
  stream.on("error", () => {})
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
  for await (const octets of stream) {
    if (!stream.write(octets)) await new Promise((resolve) => stream.once("drain", resolve))
    await pause(random)
  }
  stream.end()
}

/** One call: writes and reads each at its own pace. Resolves with what was wrong, or an empty text. */
async function chat(session: ClientHttp2Session, random: Random): Promise<string> {
  const parts = Array.from({ length: Math.floor(random() * 5) }, () => message(random)).flat()
  const stream = session.request({
    ":method": "POST",
    ":path": "/test.Echo/Chat",
    "content-type": "application/grpc",
    te: "trailers",
  })
  const expected = new Expected(parts)
  let status = "no trailers"
  let problem = ""
  stream.on("trailers", (trailers) => (status = String(trailers["grpc-status"])))
  stream.on("error", (error) => (problem = error.message))
  const reading = (async () => {
    for await (const octets of stream) {
      expected.take(octets)
      await pause(random)
    }
    expected.end()
  })().catch(() => {})
  for (const part of parts) {
    if (!stream.write(part))
      await new Promise((resolve) => stream.once("drain", resolve).once("close", resolve))
    await pause(random)
  }
  stream.end()
  await reading
  return problem || expected.difference || (status === "0" ? "" : `grpc-status ${status}`)
}

/**
 * Done-when 7 of the first release. On both outer sides stands nghttp2, by way of node:http2: it ends a connection that
 * sends past one of its windows, and never sends past ours.
 */
test("1,000 streams on 10 connections, messages of 0 B to 1 MB, pauses at will: every octet in order", async (t) => {
  const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`TEST_SEED=${seed}`)
  const random = seededRandom(seed)
  const problems: string[] = []

  const server = createServer({ settings: { maxConcurrentStreams: 300, initialWindowSize: 50_000 } })
  server.on("stream", (stream) => void echo(stream, random))
  server.on("session", (session) =>
    session.on("error", (error) => problems.push(`backend: ${error.message}`)),
  )
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo

  const bed = await TestBed.start(t, { backends: 0, config: { clusters: { echo: [`127.0.0.1:${port}`] } } })
  const sessions = Array.from({ length: CONNECTIONS }, (_, i) => {
    const session = connect(`http://127.0.0.1:${bed.port}`, {
      settings: { initialWindowSize: 20_000 + i * 30_000 },
    })
    session.on("error", (error) => problems.push(`client: ${error.message}`))
    session.on("goaway", (code) => code !== 0 && problems.push(`client: GOAWAY ${code}`))
    return session
  })
  const chats = sessions.flatMap((session) =>
    Array.from({ length: STREAMS_EACH }, () => chat(session, random)),
  )
  for (const problem of await Promise.all(chats)) if (problem !== "") problems.push(problem)
  expect(problems).toEqual([])

  const records = await bed.ended(chats.length)
  expect(records).toHaveLength(CONNECTIONS * STREAMS_EACH)
  for (const record of records) {
    const { grpcStatus, requestOctets, requestMessages, responseOctets, responseMessages } = record
    expect([grpcStatus, responseOctets, responseMessages]).toEqual([0, requestOctets, requestMessages])
  }
  const { counters } = bed.balancer.snapshot()
  // All thousand were open at once, over as many connections as 300 streams each ask for.
  expect(Object.keys(counters).filter((name) => /window|abuse|flood/.test(name))).toEqual([])
  for (const session of sessions) session.destroy()
}, 60_000)

import assert from "node:assert/strict"
import { HeaderList } from "../../../src/http2/header-list.ts"
import type { RequestHead } from "../../../src/http2/message-head.ts"
import type { Http2Stream } from "../../../src/http2/stream.ts"
import type { Role } from "../../../src/http2/stream-table.ts"
import { EventLog, Lab } from "../../support/memory-link.ts"

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
    this.#note(stream.id, octets.toString("latin1", start, end), endStream)
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

  /** DATA that follows DATA of its stream is one: in how many pieces it is handed on depends on how it is read. */
  #note(id: number, payload: string, endStream: boolean): void {
    const follows =
      payload !== "" && this.lines.at(-1)?.startsWith(`data ${id} `) === true && !this.#ended.has(id)
    const before = follows ? this.lines.pop()! : `data ${id} `
    this.lines.push(`${before}${payload}${endStream ? " END_STREAM" : ""}`)
  }

  #check(stream: Http2Stream<string>, event: string): void {
    if (this.#over.has(stream.id) || this.#ended.has(stream.id))
      this.problems.push(`${event} after the end of ${stream.id}`)
  }
}

/** What became of the octets. */
export interface Outcome {
  readonly events: readonly string[]
  readonly said: readonly string[]
  readonly limits: readonly string[]
}

/**
 * A connection of `role`, with three streams open where it is a client, is sent `octets` as these pieces. It must tell
 * each stream no more than one ending, and nothing after it; answer with well-formed frames, in proportion to what came;
 * and say GOAWAY before it ends by itself. Errors: throws when it does not.
 */
export function receive(
  role: Role,
  octets: Buffer,
  pieces: readonly Buffer[],
): { lab: Lab; outcome: Outcome } {
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
  assert.deepEqual(problems, [])
  assert(sentOctets < 4000 + 3 * octets.length, `${sentOctets} octets answer ${octets.length}`)
  if (connection.isClosed) {
    assert.match(lines.at(-1)!, /^end/)
    assert.equal(connection.streams.size + connection.sender.queuedOctets, 0)
    assert.equal(
      said.some((line) => line.startsWith("GOAWAY")),
      fault !== null,
    )
  }
  return { lab, outcome: { events: [...lines], said: byStream(said), limits: [...limits] } }
}

/**
 * What was said on each stream, DATA that follows DATA as one: into how many frames it is cut, and whose turn comes first,
 * depends on how much credit came in one read.
 */
function byStream(said: readonly string[]): string[] {
  const streams = new Map<string, string[]>()
  for (const line of said) {
    const id = /^(?:DATA|HEADERS|RST_STREAM|WINDOW_UPDATE) (\d+)/.exec(line)?.[1] ?? "0"
    const lines = streams.get(id) ?? []
    streams.set(id, lines)
    const before = /^DATA \d+ (\d+)$/.exec(lines.at(-1) ?? "")
    const now = /^DATA \d+ (\d+)(.*)/.exec(line)
    if (before === null || now === null) lines.push(line)
    else lines.splice(-1, 1, `DATA ${id} ${Number(before[1]) + Number(now[1])}${now[2]}`)
  }
  return [...streams.values()].flat()
}

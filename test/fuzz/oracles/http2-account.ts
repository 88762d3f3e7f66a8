import {
  connect,
  type Http2Session,
  type Http2Stream as NodeStream,
  performServerHandshake,
} from "node:http2"
import { type Duplex, duplexPair } from "node:stream"
import { ErrorCode } from "../../../src/http2/error-code.ts"
import { Flag, FrameType } from "../../../src/http2/frame/types.ts"
import { HeaderList } from "../../../src/http2/header-list.ts"
import type { RequestHead, ResponseHead } from "../../../src/http2/message-head.ts"
import type { Http2Stream } from "../../../src/http2/stream.ts"
import type { Role } from "../../../src/http2/stream-table.ts"
import { codeOf, FrameLog, preface, type SeenFrame, settings, settingsAck } from "../../support/frame-dsl.ts"
import { EventLog, Lab, takeOutput } from "../../support/memory-link.ts"

/** What one implementation made of a stream. */
export interface StreamAccount {
  /** Heads in order, informational ones too, each as `name: value` lines. */
  heads: string[]
  data: string
  trailers: string | null
  /** The peer has ended its half. */
  ended: boolean
  /** Closed, by its ends or by a reset from either side. */
  over: boolean
}

/** What one implementation made of all that its peer sent. */
export interface Account {
  readonly streams: Map<number, StreamAccount>
  /** Streams it reset itself, with which code. */
  readonly refused: Map<number, number>
  /** The code of the connection error it found; null: none. */
  fault: number | null
  /** In its own words. */
  reason: string
  /** The limit that was passed; null: none. */
  limit: string | null
  /** Ours took something out of a value, or a field out of a response. */
  isMended: boolean
  readonly pings: string[]
  /** It is over without a fault: the peer had taken leave by GOAWAY, and no stream was left. */
  isOver: boolean
}

const newAccount = (): Account => ({
  streams: new Map(),
  refused: new Map(),
  fault: null,
  reason: "",
  limit: null,
  isMended: false,
  pings: [],
  isOver: false,
})

function streamOf(account: Account, id: number): StreamAccount {
  let stream = account.streams.get(id)
  if (stream === undefined)
    account.streams.set(id, (stream = { heads: [], data: "", trailers: null, ended: false, over: false }))
  return stream
}

function linesOf(fields: readonly string[]): string {
  let lines = ""
  for (let i = 0; i < fields.length; i += 2) lines += `${fields[i]}: ${fields[i + 1]}\n`
  return lines
}

/** Notes what is told to the peer. */
function noteSaid(account: Account, { type, flags, streamId, payload, ...rest }: SeenFrame): void {
  const code = (): number => codeOf({ type, flags, streamId, payload, ...rest })
  if (type === FrameType.RST_STREAM) account.refused.set(streamId, code())
  else if (type === FrameType.GOAWAY && code() !== ErrorCode.NO_ERROR) account.fault ??= code()
  else if (type === FrameType.PING && flags === 1) account.pings.push(payload.toString("latin1"))
}

/** What a client has asked before the octets come: one request that has ended, two that have not. */
const ASKED = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"]
const OPEN_REQUESTS = [true, false, false]

/** Ours, of `octets` that come after the preface and a SETTINGS. */
export function ourAccount(role: Role, octets: Buffer): Account {
  const account = newAccount()
  const handles: Http2Stream<string>[] = []
  class Noting extends EventLog {
    override onRequest(stream: Http2Stream<string>, head: RequestHead, endStream: boolean): void {
      super.onRequest(stream, head, endStream)
      handles.push(stream)
      Object.assign(streamOf(account, stream.id), { heads: [linesOf(head.list.fields)], ended: endStream })
    }
    override onResponse(stream: Http2Stream<string>, head: ResponseHead, endStream: boolean): void {
      streamOf(account, stream.id).heads.push(linesOf(head.list.fields))
      streamOf(account, stream.id).ended = endStream
    }
    override onInformational(stream: Http2Stream<string>, head: ResponseHead): void {
      streamOf(account, stream.id).heads.push(linesOf(head.list.fields))
    }
    override onData(...[stream, from, start, end, endStream]: Parameters<EventLog["onData"]>): void {
      streamOf(account, stream.id).data += from.toString("latin1", start, end)
      streamOf(account, stream.id).ended = endStream
      stream.consume(end - start)
    }
    override onTrailers(stream: Http2Stream<string>, trailers: HeaderList): void {
      Object.assign(streamOf(account, stream.id), { trailers: linesOf(trailers.fields), ended: true })
    }
  }
  const events = new Noting()
  const { connection } = new Lab(role, { events, greeted: false })
  const log = new FrameLog(role, (seen) => noteSaid(account, seen))
  const send = (from: Buffer): void => {
    connection.receive(from, 0, from.length, 0)
    for (const piece of takeOutput(connection)) log.push(piece)
  }
  if (role === "server") send(Buffer.concat([preface, settings(), settingsAck()]))
  else {
    send(Buffer.concat([settings(), settingsAck()]))
    for (const isWhole of OPEN_REQUESTS)
      handles.push(connection.open(new HeaderList(ASKED), isWhole, false, "test"))
  }
  send(octets)
  for (const { id, isClosed } of handles) streamOf(account, id).over = isClosed
  account.isOver = connection.isClosed && events.fault === null
  account.reason = events.fault?.reason ?? ""
  account.limit = events.limits[0] ?? null
  account.isMended = events.limits.includes("header_mended")
  return account
}

/** Node's, of the same. */
export async function nodeAccount(role: Role, octets: Buffer): Promise<Account> {
  const account = newAccount()
  const [near, far] = duplexPair()
  const log = new FrameLog(role, (seen) => noteSaid(account, seen))
  far.on("data", (piece: Buffer) => log.push(piece))
  far.on("error", () => {})
  const session = role === "server" ? serve(near, account) : ask(near, account)
  session.on("error", (error: Error) => void (account.reason ||= error.message))
  await quiet()
  if (role === "server") far.write(preface)
  far.write(Buffer.concat([settings(), settingsAck()]))
  await quiet()
  if (octets.length > 0) far.write(octets)
  await quiet()
  far.removeAllListeners("data")
  session.destroy()
  near.destroy()
  far.destroy()
  return account
}

const TURNS = 4

/** Lets Node's streams hand on what there is. */
async function quiet(): Promise<void> {
  for (let turns = 0; turns < TURNS; turns++) await new Promise((resolve) => setImmediate(resolve))
}

function serve(near: Duplex, account: Account): Http2Session {
  const session = performServerHandshake(near)
  session.on("stream", (stream, _headers, flags, raw) => {
    const own = note(stream, stream.id!, account)
    own.heads.push(linesOf(raw as unknown as string[]))
    own.ended = (flags & Flag.END_STREAM) !== 0
  })
  return session
}

function ask(near: Duplex, account: Account): Http2Session {
  const session = connect("http://a", { createConnection: () => near, settings: { enablePush: false } })
  OPEN_REQUESTS.forEach((endStream, index) => {
    const stream = session.request(Object.fromEntries(pairsOf(ASKED)), { endStream })
    const own = note(stream, 2 * index + 1, account)
    const take = (_headers: unknown, flags: number, raw: string[]): void => {
      own.heads.push(linesOf(raw))
      if ((flags & Flag.END_STREAM) !== 0) own.ended = true
    }
    stream.on("response", take as never)
    stream.on("headers", take as never)
  })
  return session
}

const pairsOf = (fields: readonly string[]): [string, string][] =>
  fields.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, fields[i + 1]!]] : []))

function note(stream: NodeStream, id: number, account: Account): StreamAccount {
  const own = streamOf(account, id)
  stream.on("data", (octets: Buffer) => void (own.data += octets.toString("latin1")))
  stream.on("trailers", ((_headers: unknown, _flags: number, raw: string[]) => {
    own.trailers = linesOf(raw)
  }) as never)
  stream.on("end", () => void (own.ended = true))
  stream.on("close", () => void (own.over = true))
  stream.on("error", () => {})
  return own
}

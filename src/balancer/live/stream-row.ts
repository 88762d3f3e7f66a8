import type { HeaderList } from "../../http2/header-list.ts"
import { maskHeader, maskText } from "../../record/mask.ts"
import type { AttemptRecord, StreamRecord } from "../../record/record.ts"
import type { StreamOwner, WaitsFor } from "../../relay/call/stream-owner.ts"

/** A live stream in a list: plain data. Times are whole milliseconds, of sizes the unit is in the name. */
export interface StreamRow {
  /** Unique in this process: `$connection`, and which request of that connection. */
  id: string
  /** The path that was called, without its query: `/chat.Chat/BidStream`. */
  path: string
  authority: string
  client: string
  listener: string
  /** `HTTP/2.0`, `HTTP/1.1`. */
  protocol: string
  server: string
  /** As the configuration names it: `/`, `= /x`, `~ ^/v[12]/`. Empty: none matched. */
  route: string
  cluster: string
  /** Empty while it waits for one. */
  endpoint: string
  /** From 1. */
  thread: number
  /** Since 1970. */
  startedAtMs: number
  ageMs: number
  /** Since octets last came, from either side. */
  idleMs: number
  /** Until the client no longer waits (`grpc-timeout`); null: it waits as long as it takes. */
  deadlineInMs: number | null
  /** HTTP status sent; 0 before. */
  status: number
  requestMessages: number
  responseMessages: number
  requestBytes: number
  responseBytes: number
  /** Held for it in this process, all together. */
  heldBytes: number
  waitsFor: WaitsFor
  /** Endpoints tried, the present one among them. */
  legs: number
  resumes: number
  /** Of these, those by Sluice's own choice. */
  moves: number
}

/** One thing that happened to a stream. */
export interface TimelineEntry {
  /** Since the stream began. */
  atMs: number
  what: string
  /** The endpoint that it is about; empty: none. */
  endpoint: string
}

/** A row opened: the head as it came, secrets masked, and what has happened so far. */
export interface StreamDetail extends StreamRow {
  method: string
  /** With its query, secrets masked. */
  pathAndQuery: string
  requestHeaders: [name: string, value: string][]
  /** Null before the endpoint's head has come. */
  responseHeaders: [name: string, value: string][] | null
  tls: { protocol: string; cipher: string; clientSubject: string } | null
  timeline: TimelineEntry[]
}

/** What turns the times of a thread's clock, which has a start of its own, into those that all threads share. */
export interface ThreadTime {
  readonly nowMs: number
  /** Of its clock's 0, since 1970. */
  readonly startMs: number
  readonly thread: number
}

export function streamId({ connection, requestNumber }: StreamOwner["record"]): string {
  return `${connection.id}-${requestNumber}`
}

export function clientOf({ connection, state }: StreamRecord): string {
  const { remoteAddress, remotePort, proxied } = connection
  const address = state?.realClient?.address ?? proxied?.sourceAddress ?? remoteAddress
  const port = state?.realClient?.port ?? proxied?.sourcePort ?? remotePort
  if (address.startsWith("unix:")) return address
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`
}

export function withoutQuery(path: string): string {
  const query = path.indexOf("?")
  return query < 0 ? path : path.slice(0, query)
}

export function rowOf(owner: StreamOwner, listener: string, time: ThreadTime): StreamRow {
  const { record } = owner
  const { connection } = record
  const past = (ms: number): number => Math.max(0, Math.floor(time.nowMs - ms))
  return {
    id: streamId(record),
    path: withoutQuery(record.path),
    authority: record.authority,
    client: clientOf(record),
    listener,
    protocol: connection.protocol,
    server: record.serverName,
    route: owner.route.name,
    cluster: owner.cluster?.name ?? "",
    endpoint: owner.endpointAddress,
    thread: time.thread,
    startedAtMs: time.startMs + record.startMs,
    ageMs: past(record.startMs),
    idleMs: past(record.activeMs),
    deadlineInMs: record.deadlineMs === 0 ? null : Math.ceil(record.deadlineMs - time.nowMs),
    status: record.status,
    requestMessages: record.requestMessages,
    responseMessages: record.responseMessages,
    requestBytes: record.requestOctets,
    responseBytes: record.responseOctets,
    heldBytes: owner.bufferedOctets,
    waitsFor: owner.waitsFor,
    legs: record.attempts.length,
    resumes: record.resumes,
    moves: record.continuity?.moves ?? 0,
  }
}

export function detailOf(owner: StreamOwner, listener: string, time: ThreadTime): StreamDetail {
  const { record } = owner
  const { tls } = record.connection
  const responseHeaders = record.responseHeaders ?? record.attempts.at(-1)?.responseHeaders ?? null
  return {
    ...rowOf(owner, listener, time),
    method: record.method,
    pathAndQuery: maskText(record.path),
    requestHeaders: maskedList(record.requestHeaders),
    responseHeaders: responseHeaders && maskedList(responseHeaders),
    tls: tls && { protocol: tls.protocol, cipher: tls.cipher, clientSubject: tls.clientSubject },
    timeline: timelineOf(owner),
  }
}

function maskedList(list: HeaderList): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < list.fields.length; at += 2) {
    const name = list.fields[at]!
    const value = list.fields[at + 1]!
    pairs.push([name, name === ":path" ? maskText(value) : maskHeader(name, value)])
  }
  return pairs
}

function timelineOf({ record }: StreamOwner): TimelineEntry[] {
  const at = (ms: number): number => Math.max(0, ms - record.startMs)
  const entries: TimelineEntry[] = [{ atMs: 0, what: "the request came", endpoint: "" }]
  for (const attempt of record.attempts)
    for (const [ms, what] of stepsOf(attempt)) entries.push({ atMs: at(ms), what, endpoint: attempt.address })
  if (record.activeMs > record.startMs)
    entries.push({ atMs: at(record.activeMs), what: "the last octets came", endpoint: "" })
  const { continuity } = record
  if (continuity !== null && continuity.moveCause !== null)
    entries.push({
      atMs: at(continuity.movedMs),
      what: `it was moved: ${continuity.moveCause}`,
      endpoint: "",
    })
  return entries.sort((one, other) => one.atMs - other.atMs)
}

function stepsOf({ startMs, connectedMs, headersMs, endMs, status }: AttemptRecord): [number, string][] {
  const steps: [number, string][] = [[startMs, "an endpoint was picked"]]
  if (connectedMs > 0) steps.push([connectedMs, "the request went to the endpoint"])
  if (headersMs > 0) steps.push([headersMs, `the endpoint's head came, status ${status}`])
  if (endMs > 0) steps.push([endMs, status === 0 ? "this leg ended" : `this leg ended, status ${status}`])
  return steps
}

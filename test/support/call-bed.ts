import { makeContext, type SharedContext } from "../../src/balancer/context.ts"
import { CachedClock } from "../../src/base/clock.ts"
import { Counters } from "../../src/base/counters.ts"
import { resolveLimits } from "../../src/base/resolve-limits.ts"
import { atOnce } from "../../src/base/steps.ts"
import { Cluster } from "../../src/cluster/cluster.ts"
import { OwnStreamCounts } from "../../src/cluster/counts.ts"
import type { Pool } from "../../src/cluster/pool.ts"
import { configuredEndpoints, layOver } from "../../src/cluster/state.ts"
import {
  defaultCluster,
  defaultContinuity,
  defaultEndpoint,
  defaultRoute,
  defaultRouteSettings,
} from "../../src/config/defaults.ts"
import type { ClusterConfig, ContinuityConfig, RouteAction, RouteSettings } from "../../src/config/model.ts"
import { errorCodeName } from "../../src/http2/error-code.ts"
import type { StreamEnd } from "../../src/http2/events.ts"
import { HeaderList } from "../../src/http2/header-list.ts"
import { makeVariableTable } from "../../src/record/declared/declared.ts"
import type { Failure } from "../../src/record/failure.ts"
import type { ConnectionRecord, StreamRecord } from "../../src/record/record.ts"
import { templatesOf } from "../../src/record/template.ts"
import { Call } from "../../src/relay/call/call.ts"
import type { DownstreamStream } from "../../src/relay/call/stream-owner.ts"
import { Admission } from "../../src/relay/overload/admission.ts"
import { compileRoute } from "../../src/relay/route/compile.ts"
import { HeadRewrites } from "../../src/relay/route/head-rewrites.ts"
import { regexesOf } from "../../src/relay/route/regexes.ts"
import type { Phase, Route } from "../../src/relay/route/route.ts"
import type { RouteMeter } from "../../src/relay/route/route-meter.ts"
import { type RouteCompiler, Router } from "../../src/relay/route/router.ts"
import type { LegConnection, UpstreamStream } from "../../src/relay/upstream/leg-connection.ts"
import type { UpstreamStreamOwner } from "../../src/relay/upstream/stream-owner.ts"
import { LogLines } from "./log-lines.ts"
import { ManualClock } from "./manual-clock.ts"
import { connectionRecord, templateEnvironment } from "./stream-record.ts"

/** One length-prefixed message. */
export function message(text: string): Buffer {
  const octets = Buffer.alloc(5 + text.length)
  octets.writeUInt32BE(text.length, 1)
  octets.write(text, 5, "latin1")
  return octets
}

/** Fields but those that every list has, in a line. */
function lineOf(list: HeaderList): string {
  const shown: string[] = []
  for (let i = 0; i < list.fields.length; i += 2) {
    const [name, value] = [list.fields[i]!, list.fields[i + 1]!]
    if (name === ":status" || name === ":path") shown.push(value)
    else if (!QUIET.has(name)) shown.push(`${name}: ${value}`)
  }
  return shown.join(", ")
}
const QUIET = new Set([":method", ":scheme", ":authority", "content-type", "content-length"])

/** Octets for people: prefixes of messages are left out. */
const textOf = (octets: Buffer, start: number, end: number): string =>
  octets.toString("latin1", start, end).replaceAll(/[^\x20-\x7e]{4,5}[^\x20-\x7e]?/g, "|")

/** What is read stands in a larger buffer, with octets of others before and behind it. */
const AROUND = Buffer.from("###")
const within = (octets: Buffer | string): Buffer => Buffer.concat([AROUND, Buffer.from(octets), AROUND])

/** One side's stream. It takes `room` octets at once, the rest waits until `take`. */
class FakeStream {
  isClosed = false
  localEnded = false
  remoteEnded = false
  queuedOctets = 0
  headerListMax = 65_536
  room = Number.POSITIVE_INFINITY
  readonly #name: string
  readonly #say: (line: string) => void

  constructor(name: string, say: (line: string) => void) {
    this.#name = name
    this.#say = say
  }

  say(what: string): void {
    this.#say(`${this.#name} ${what}`)
  }

  sendHeaders(list: HeaderList, endStream: boolean): void {
    this.say(`headers ${lineOf(list)}${this.ended(endStream)}`)
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    this.say(`data ${textOf(octets, start, end)}${this.ended(endStream)}`)
    const taken = Math.min(this.room, end - start)
    this.room -= taken
    this.queuedOctets += end - start - taken
    return taken
  }

  ended(endStream: boolean): string {
    if (endStream) this.localEnded = true
    return endStream ? " END" : ""
  }

  discardQueued(): void {
    this.queuedOctets = 0
    this.say("discard")
  }

  consume(octets: number): void {
    if (octets !== 0) this.say(`credit ${octets}`)
  }

  reset(code: number): void {
    this.isClosed = true
    this.queuedOctets = 0
    this.say(`reset ${errorCodeName(code)}`)
  }

  endEarly(): void {
    this.isClosed = true
    this.say("end early")
  }

  chargePeer(): void {
    this.say("charge")
  }
}

/** A client's stream, and what its call does to it as lines. */
export class FakeClient extends FakeStream implements DownstreamStream {}

/** A stream at an endpoint, as its call has opened it. */
export class FakeLeg extends FakeStream implements UpstreamStream {
  readonly owner: UpstreamStreamOwner

  constructor(name: string, say: (line: string) => void, owner: UpstreamStreamOwner) {
    super(name, say)
    this.owner = owner
  }

  head(status: number, fields: string[] = [], endStream = false): void {
    if (endStream) this.remoteEnded = true
    const list = new HeaderList([":status", String(status), "content-type", "application/grpc", ...fields])
    this.owner.onResponse({ list, status, contentLength: -1 }, endStream)
  }

  data(octets: Buffer | string, endStream = false): void {
    const all = within(octets)
    if (endStream) this.remoteEnded = true
    this.owner.onResponseData(all, AROUND.length, all.length - AROUND.length, endStream)
  }

  trailers(fields: string[]): void {
    this.remoteEnded = true
    this.owner.onResponseTrailers(new HeaderList(fields))
  }

  /** The endpoint takes octets that wait. */
  take(octets = this.queuedOctets): void {
    this.queuedOctets -= octets
    this.owner.onUpstreamSent(octets)
  }

  breaks(end: Partial<StreamEnd>): void {
    this.isClosed = true
    this.owner.onUpstreamReset({ code: 2, origin: "peer", unprocessed: false, reason: "", ...end })
  }
}

class FakeConnection implements LegConnection {
  streamsOpen = 0
  isUsable = true
  isReady = true
  capacity: number
  readonly startedMs: number
  hasServed = true
  headerListMax = 65_536
  isLeaving = false
  readonly #bed: CallBed
  readonly #address: string
  readonly #pool: Pool<LegConnection>

  constructor(bed: CallBed, address: string, pool: Pool<LegConnection>, capacity: number) {
    this.startedMs = bed.clock.now()
    this.#bed = bed
    this.#address = address
    this.#pool = pool
    this.capacity = capacity
  }

  open(list: HeaderList, endStream: boolean, isHead: boolean, owner: UpstreamStreamOwner): UpstreamStream {
    const leg = new FakeLeg(`leg${this.#bed.legs.length}`, (line) => this.#bed.say(line), owner)
    leg.localEnded = endStream
    leg.room = this.#bed.legRoom
    leg.headerListMax = this.headerListMax
    this.#bed.legs.push(leg)
    leg.say(`open ${this.#address} ${lineOf(list)}${isHead ? " HEAD" : ""}${endStream ? " END" : ""}`)
    this.#bed.onOpen()
    return leg
  }

  /** One that was made later than it was asked for. */
  comesUp(): void {
    this.isReady = true
    this.#pool.settingsReceived(this)
  }

  release(): void {
    this.#bed.say(`release ${this.#address}`)
    this.#pool.release(this)
  }

  prove(): boolean {
    return true
  }

  retire(): void {}
}

export interface CallBedOptions {
  settings?: Partial<RouteSettings>
  continuity?: Partial<ContinuityConfig>
  /** Of a second route, `/page`. */
  pageContinuity?: Partial<ContinuityConfig>
  cluster?: Partial<ClusterConfig>
  action?: RouteAction
  /** Where the action is `files`. */
  content?: Phase
  limits?: Record<string, number>
  /** Endpoints `127.0.0.1:1` and so on. Default: 2. */
  endpoints?: number
  random?: () => number
  /** Where streams are counted by route. */
  meter?: RouteMeter
}

/**
 * Calls over a real route and a real cluster, between a client and endpoints that are scripts: no socket, no HTTP/2, and time
 * that passes when told to. What is done to each side is a line.
 */
export class CallBed {
  readonly clock = new ManualClock()
  readonly counters = new Counters()
  readonly log = new LogLines()
  readonly context: SharedContext
  readonly cluster: Cluster<LegConnection>
  readonly legs: FakeLeg[] = []
  readonly connections: FakeConnection[] = []
  readonly records: StreamRecord[] = []
  /** What a leg takes at once of what it is sent. */
  legRoom = Number.POSITIVE_INFINITY
  /** Connections that are made: with a place for each stream, and at once. */
  capacity = 100
  isReachable: (address: string) => boolean | "later" = () => true
  /** Called while a leg's stream is opened. */
  onOpen = (): void => {}
  readonly #route: Route
  #lines: string[] = []

  constructor(options: CallBedOptions = {}) {
    // A process is never as young as its first call.
    this.clock.advance(1000)
    const { limits } = resolveLimits(options.limits ?? {})
    const clock = new CachedClock(this.clock)
    const { counters } = this
    const { log } = this.log
    const random = options.random ?? (() => 0.5)
    this.context = makeContext({
      clock,
      random,
      limits,
      counters,
      log,
      env: templateEnvironment({ clock: this.clock, random }),
      admission: new Admission({ clock, log, counters, limits }),
      reflectedFields: { find: async () => "nobody is asked" },
      onStreamEnd: (record) => void this.records.push(record),
      onSpans: () => {},
    })
    const config: ClusterConfig = {
      ...defaultCluster("c"),
      endpoints: Array.from({ length: options.endpoints ?? 2 }, (_, at) =>
        defaultEndpoint({ text: `127.0.0.1:${at + 1}`, host: "127.0.0.1", port: at + 1, unixPath: null }),
      ),
      ...options.cluster,
    }
    const endpoints = configuredEndpoints(config).map((known, slot) => layOver(known, slot, [], undefined))
    this.cluster = new Cluster<LegConnection>(config, endpoints, {
      clock,
      random,
      limits,
      log,
      onLimit: () => {},
      counts: new OwnStreamCounts(),
      connect: ({ address }, pool) => this.#connect(address, pool),
    })
    this.#route = this.#makeRoute(options)
  }

  #connect(address: string, pool: Pool<LegConnection>): FakeConnection {
    const connection = new FakeConnection(this, address, pool, this.capacity)
    this.connections.push(connection)
    const is = this.isReachable(address)
    if (is === "later") connection.isReady = false
    else
      queueMicrotask(() => {
        if (is) return pool.settingsReceived(connection)
        connection.isUsable = false
        pool.connectFailed(connection, "ECONNREFUSED", false)
      })
    return connection
  }

  #makeRoute(options: CallBedOptions): Route {
    const { settings, continuity, action } = options
    const variables = makeVariableTable([], new Set(), { stepsMax: 1000 })
    const all: RouteSettings = {
      ...defaultRouteSettings(),
      accessLogs: [],
      ...settings,
      continuity: { ...defaultContinuity(), ...continuity },
    }
    const never = (): never => {
      throw new Error("not of this bed")
    }
    const parts = {
      table: variables,
      stepsMax: 1000,
      regexOf: regexesOf(1000),
      headRewrites: new HeadRewrites(variables),
      templateOf: templatesOf(variables),
      zoneOf: never,
      userFiles: { of: never, named: never, tellUnreadable: never },
      verifierOf: never,
      cursorFieldsOf: () => () => null,
      serviceMessages: { checkRequest: never, readCheck: never, rateRequest: never, readRate: never },
      keepsBody: () => false,
      meterOf: () => options.meter ?? null,
      findCluster: () => this.cluster,
      openLog: () => ({
        write: (_record: StreamRecord, event = "end") => this.say(`log ${event}`),
        release: async () => {},
      }),
      connectAs: never,
      connectHttp1: never,
      serveFiles: () => options.content ?? never,
    }
    const config = {
      match: { kind: "prefix" as const, path: "/", final: false },
      action: action ?? { kind: "cluster" as const, cluster: "c", tls: null },
      settings: all,
      ...defaultRoute(),
    }
    const page = {
      ...config,
      match: { kind: "exact" as const, path: "/page" },
      settings: { ...all, continuity: { ...defaultContinuity(), ...options.pageContinuity } },
    }
    const server = {
      names: [],
      listeners: ["l"],
      defaultFor: [],
      order: "nginx" as const,
      underscoresInHeaders: false,
      mergeSlashes: true,
      routes: options.pageContinuity === undefined ? [config] : [page, config],
      rewrite: [],
      fallback: all,
    }
    const compile: RouteCompiler<Route> = (one, route, host) => compileRoute(one, route, host, parts)
    const router = atOnce(Router.make("l", [server], compile))
    return router.match("a", "/")!
  }

  say(line: string): void {
    this.#lines.push(line)
  }

  /** What was done since it was asked last. */
  take(): string[] {
    return this.#lines.splice(0)
  }

  /** A call that has begun, on a connection that is up. */
  async call(
    options: {
      fields?: string[]
      method?: string
      ended?: boolean
      connection?: Partial<ConnectionRecord>
      contentType?: string
    } = {},
  ): Promise<CallOfBed> {
    const call = this.begin(options)
    await settled()
    return call
  }

  begin({
    fields = [],
    method = "POST",
    ended = false,
    connection = {},
    contentType = "application/grpc",
  }: {
    fields?: string[]
    method?: string
    ended?: boolean
    connection?: Partial<ConnectionRecord>
    contentType?: string
  } = {}): CallOfBed {
    const client = new FakeClient("client", (line) => this.say(line))
    client.remoteEnded = ended
    const list = new HeaderList([
      ":method",
      method,
      ":scheme",
      "http",
      ":path",
      "/s/m",
      ":authority",
      "a",
      "content-type",
      contentType,
      ...fields,
    ])
    const length = list.get("content-length")
    const head = {
      list,
      method,
      scheme: "http",
      authority: "a",
      path: "/s/m",
      contentLength: length === undefined ? -1 : Number(length),
    }
    const call = new Call(this.context, connectionRecord(connection), client, head as never, this.#route)
    const made = new CallOfBed(this, call, client)
    call.start()
    return made
  }
}

export class CallOfBed {
  readonly call: Call
  readonly client: FakeClient
  readonly #bed: CallBed

  constructor(bed: CallBed, call: Call, client: FakeClient) {
    this.#bed = bed
    this.call = call
    this.client = client
  }

  /** The present leg's stream. */
  get leg(): FakeLeg {
    return this.#bed.legs.at(-1)!
  }

  /** The client sends. */
  data(octets: Buffer | string, endStream = false): void {
    const all = within(octets)
    if (endStream) this.client.remoteEnded = true
    this.call.onRequestData(all, AROUND.length, all.length - AROUND.length, endStream)
  }

  trailers(fields: string[]): void {
    this.client.remoteEnded = true
    this.call.onRequestTrailers(new HeaderList(fields))
  }

  cancels(end: Partial<StreamEnd> = {}): void {
    this.client.isClosed = true
    this.call.onDownstreamReset({ code: 8, origin: "peer", unprocessed: false, reason: "", ...end })
  }

  /** The client takes octets that wait. */
  take(octets = this.client.queuedOctets): void {
    this.client.queuedOctets -= octets
    this.call.onDownstreamSent(octets)
  }

  fail(what: Failure): void {
    this.call.fail(what)
  }
}

/** Connections that are up are told so in a microtask. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

import { defaultListener } from "../../src/config/defaults.ts"
import type { ListenerConfig } from "../../src/config/model.ts"
import type { RequestHead } from "../../src/http2/message-head.ts"
import type { Failure } from "../../src/record/failure.ts"
import type { ConnectionRecord } from "../../src/record/record.ts"
import type { DownstreamStream, StreamOwner } from "../../src/relay/call/stream-owner.ts"
import type { DownstreamOptions } from "../../src/relay/downstream/downstream.ts"
import type { OpenListener } from "../../src/relay/downstream/listener-view.ts"
import type { Route } from "../../src/relay/route/route.ts"
import { CallBed } from "./call-bed.ts"
import { FakeLink } from "./fake-link.ts"
import { connectionRecord } from "./stream-record.ts"

export interface ClientBedOptions {
  listener?: Partial<ListenerConfig>
  limits?: Record<string, number>
  record?: Partial<ConnectionRecord>
}

/** The stream of a request, and what its owner is told, as lines of the bed. */
export interface OpenedStream {
  readonly stream: DownstreamStream
  readonly head: RequestHead
  readonly owner: StreamOwner
}

/** What the connections of clients are made from: a listener, a link that is a script, and owners of streams that tell. */
export class ClientBed {
  readonly shared: CallBed
  readonly link = new FakeLink("server")
  readonly listener: OpenListener
  readonly record: ConnectionRecord
  /** What was done with streams and connections. */
  readonly lines: string[] = []
  readonly opened: OpenedStream[] = []
  /** What streams were ended with. */
  readonly failures: Failure[] = []
  /** What the router has for a path; null: it has no meaning. */
  routeOf: (authority: string, path: string) => string | null = () => "route"

  constructor({ listener = {}, limits = {}, record = {} }: ClientBedOptions = {}) {
    this.shared = new CallBed({ limits })
    const address = { text: "127.0.0.1:80", host: "127.0.0.1", port: 80, unixPath: null }
    const named = (name: string | null): Route | null =>
      name === null ? null : ({ name } as unknown as Route)
    this.listener = {
      config: { ...defaultListener(address), ...listener },
      router: {
        match: (authority, path) => named(this.routeOf(authority, path)),
        fallback: (authority) => named(`fallback of ${authority}`)!,
      },
    }
    this.record = connectionRecord({ requests: 0, ...record })
  }

  get options(): DownstreamOptions {
    const { context } = this.shared
    const say = (line: string): void => void this.lines.push(line)
    return {
      context,
      openListener: this.listener,
      listener: this.listener.config,
      record: this.record,
      link: this.link.asLink,
      sinceMs: context.clock.now(),
      firstOctetMs: -1,
      openStream: (_record, stream, head, route, isRefused = false) =>
        this.#open(stream, head, `${route.name}${isRefused ? " refused" : ""}`),
      onClosed: () => say("closed"),
      onReplaced: () => say("replaced"),
    }
  }

  #open(stream: DownstreamStream, head: RequestHead, how: string): StreamOwner & { start(): void } {
    const at = this.opened.length
    const say = (line: string): void => void this.lines.push(`${at} ${line}`)
    const owner = {
      record: {
        connection: this.record,
        deadlineMs: 0,
        startMs: this.shared.context.clock.now(),
        path: head.path,
      },
      endpointAddress: "",
      bufferedOctets: 0,
      paced: null,
      start: () => say(`start ${how} ${head.path}`),
      onRequestData: (octets: Buffer, start: number, end: number, isEnd: boolean) =>
        say(`data ${octets.toString("latin1", start, end)}${isEnd ? " END" : ""}`),
      onRequestTrailers: (list: { fields: string[] }) => say(`trailers ${list.fields.join(" ")}`),
      onDownstreamReset: ({ code, origin }: { code: number; origin: string }) =>
        say(`reset ${code} ${origin}`),
      onDownstreamSent: (octets: number) => say(`sent ${octets}`),
      fail: (what: Failure) => {
        this.failures.push(what)
        say(`fail ${how} ${what.kind} ${what.httpStatus} ${what.message}`)
      },
      shed: () => say("shed"),
    } as unknown as StreamOwner & { start(): void }
    this.opened.push({ stream, head, owner })
    return owner
  }

  /** What was done since it was asked last. */
  take(): string[] {
    return this.lines.splice(0)
  }

  limit(counter: string): number {
    return this.shared.counters.get(counter as "ping_timeout")
  }

  get nowMs(): number {
    return this.shared.context.clock.now()
  }

  advance(ms: number): void {
    this.shared.clock.advance(ms)
  }
}

import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import { expect, test } from "vitest"
import { FakeLink } from "../../../test/support/fake-link.ts"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import type { StreamEnd } from "../../http2/events.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { ResponseHead } from "../../http2/message-head.ts"
import type { UpstreamStream } from "../../relay/upstream/leg-connection.ts"
import type { UpstreamStreamOwner } from "../../relay/upstream/stream-owner.ts"
import { Http1Origin } from "./connection.ts"
import type { ExchangeSettings } from "./exchange.ts"

const SETTINGS: ExchangeSettings = { requestBuffering: true, passTrailers: false, dropsBody: false }
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

/** A connection whose socket is a script, and what the exchange's owner is told. */
class OriginBed {
  readonly link = new FakeLink("client")
  readonly told: string[] = []
  readonly pooled: string[] = []
  readonly budget = new BufferBudget(defaultLimits)
  readonly origin: Http1Origin

  constructor(settings: Partial<ExchangeSettings> = {}) {
    const socket = Object.assign(new EventEmitter(), { destroyed: false, end: () => {} })
    Object.assign(this.link, { socket, resumeReading: () => {} })
    const note = (line: string) => () => void this.pooled.push(line)
    const pool = {
      settingsReceived: note("ready"),
      retired: note("retired"),
      lost: note("lost"),
      release: note("released"),
    }
    const context = {
      clock: { now: () => 0 },
      limits: defaultLimits,
      budget: this.budget,
      counters: { add: () => {} },
    }
    this.origin = new Http1Origin({
      context,
      settings: { ...SETTINGS, ...settings },
      endpoint: { address: "a" },
      pool,
      cluster: { maxRequestsPerConnection: null, maxConnectionAgeMs: null, idleTimeoutMs: null },
      isTls: false,
      dial: () => socket as unknown as Socket,
      link: () => this.link.asLink,
      releaseLater: () => {},
      onClosed: () => {},
    } as never)
    socket.emit("connect")
  }

  open(method: string, endStream: boolean, ...fields: string[]) {
    return this.openFor("a", method, endStream, ...fields)
  }

  openFor(host: string, method: string, endStream: boolean, ...fields: string[]) {
    const authority = host === "" ? [] : [":authority", host]
    const list = new HeaderList([":method", method, ":path", "/", ...authority, ...fields])
    const owner: Partial<Record<keyof UpstreamStreamOwner, unknown>> = {
      record: { connection: {} },
      onResponse: ({ status }: ResponseHead) => void this.told.push(`${status}`),
      onInformational: ({ status }: ResponseHead) => void this.told.push(`${status}`),
      onResponseData: (octets: Buffer, start: number, end: number, isLast: boolean) =>
        void this.told.push(`${octets.toString("latin1", start, end)}${isLast ? "." : ""}`),
      onUpstreamReset: ({ unprocessed, reason }: StreamEnd) =>
        void this.told.push(`${unprocessed ? "unprocessed" : "lost"}: ${reason}`),
      onUpstreamSent: (octets: number) => void this.told.push(`sent ${octets}`),
    }
    return this.origin.open(list, endStream, method === "HEAD", owner as unknown as UpstreamStreamOwner)
  }
}

const send = (
  stream: { sendData(...args: [Buffer, number, number, boolean]): number },
  text: string,
  end = false,
) => stream.sendData(Buffer.from(text, "latin1"), 0, text.length, end)

type Begun = (bed: OriginBed) => void

test.each<[name: string, settings: Partial<ExchangeSettings>, begin: Begun]>([
  ["its body is gathered", {}, (bed) => void send(bed.open("POST", false), "a")],
  ["nothing of its body came", {}, (bed) => void bed.open("POST", false)],
  ["it waits for the turn's end", {}, (bed) => void bed.open("GET", true)],
  ["its body waits for the turn's end", {}, (bed) => void send(bed.open("POST", false), "a", true)],
  [
    "its chunks, the last one too, wait for the turn's end",
    { requestBuffering: false },
    (bed) => void send(bed.open("POST", false), "a", true),
  ],
])(
  "what a backend says is no answer to a request of which nothing has left: %s",
  (_name, settings, begin) => {
    const bed = new OriginBed(settings)
    begin(bed)
    bed.link.send(OK)
    expect([bed.told, bed.pooled]).toEqual([[], ["ready", "retired"]])
    expect(bed.link.take()).toContain("destroy")
    bed.origin.receiveEnd("the connection was closed")
    expect(bed.told).toEqual(["unprocessed: the connection was closed"])
  },
)

test("what a backend says is the answer to a request of which something has left", () => {
  const bed = new OriginBed({ requestBuffering: false })
  send(bed.open("POST", false), "a")
  bed.link.octets()
  bed.link.send(OK)
  expect(bed.told).toEqual(["200", "ok."])
})

test.each<[what: string, begin: Begun, sent: string]>([
  ["", (bed) => void bed.openFor("", "GET", true), "GET / HTTP/1.0\r\nconnection: close\r\n\r\n"],
  [
    ", with a body",
    (bed) => void send(bed.openFor("", "POST", false), "a", true),
    "POST / HTTP/1.0\r\nconnection: close\r\ncontent-length: 1\r\n\r\na",
  ],
  [
    ", of which the length is not known, as HTTP/1.1 nevertheless",
    (bed) => void send(bed.openFor("", "POST", false), "a".repeat(140_000)),
    "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n4000\r\n",
  ],
])("a backend that gets no host is asked as HTTP/1.0 has it%s", (_what, begin, sent) => {
  const bed = new OriginBed()
  begin(bed)
  expect(bed.link.octets().toString("latin1").slice(0, sent.length)).toBe(sent)
})

test("a connection on which a backend got no host carries no other request", () => {
  const bed = new OriginBed()
  bed.openFor("", "GET", true)
  bed.link.octets()
  bed.link.send(OK)
  bed.origin.released()
  expect(bed.link.take()).toContain("destroy")
})

test("a body that is gathered is joined, and counts as the memory that holds it", () => {
  const bed = new OriginBed()
  const stream = bed.open("POST", false)
  send(stream, "a")
  expect([bed.budget.octets, stream.queuedOctets]).toEqual([512, 1])
  for (let i = 1; i < 10_000; i++) send(stream, "a")
  expect([bed.budget.octets, stream.queuedOctets]).toEqual([16_384, 10_000])
  send(stream, "b", true)
  expect([bed.budget.octets, stream.queuedOctets]).toEqual([0, 0])
  expect(bed.told).toEqual(["sent 10000"])
  const sent = bed.link.octets().toString("latin1")
  expect(sent).toBe(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10001\r\n\r\n${"a".repeat(10_000)}b`)
})

test("more than is gathered goes up in chunks, as it was joined", () => {
  const bed = new OriginBed()
  const stream = bed.open("POST", false)
  for (let i = 0; i < defaultLimits.streamWindowOctets / 2; i++) send(stream, "a")
  send(stream, "b", true)
  const [head, body] = bed.link.octets().toString("latin1").split("\r\n\r\n", 2)
  expect(head).toMatch(/transfer-encoding: chunked$/)
  expect(body!.length).toBeLessThan(defaultLimits.streamWindowOctets / 2 + 200)
  expect(bed.budget.octets).toBe(0)
})

test.each<[name: string, end: (bed: OriginBed, stream: UpstreamStream) => void]>([
  ["is reset", (_, stream) => stream.reset(0)],
  ["loses its connection", (bed) => bed.origin.receiveEnd("x")],
])("a gathered body is let go of when its call %s", (_name, end) => {
  const bed = new OriginBed()
  const stream = bed.open("POST", false)
  send(stream, "a")
  end(bed, stream)
  expect(bed.budget.octets).toBe(0)
})

test("a gathered body of no octets says so", () => {
  const bed = new OriginBed()
  send(bed.open("GET", false), "", true)
  expect(bed.link.octets().toString("latin1")).toBe("GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
})

test("octets that wait for the kernel count as what they have become in chunks", () => {
  const bed = new OriginBed({ requestBuffering: false })
  const stream = bed.open("POST", false)
  send(stream, "a".repeat(0x11000))
  const before = bed.budget.octets
  expect(before).toBe("11000\r\n".length + 0x11000 + 2)
  expect(send(stream, "a")).toBe(0)
  expect(bed.budget.octets - before).toBe("1\r\na\r\n".length)
  expect(stream.queuedOctets).toBe(0x11000 + 1)
  bed.link.octets()
  expect(bed.told).toEqual([`sent ${0x11000 + 1}`])
  expect([bed.budget.octets, stream.queuedOctets]).toEqual([0, 0])
})

import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import { expect, test } from "vitest"
import { FakeLink } from "../../../test/support/fake-link.ts"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { HeaderList } from "../../http2/header-list.ts"
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
    const list = new HeaderList([":method", method, ":path", "/", ":authority", "a", ...fields])
    const owner = {
      record: { connection: {} },
      onResponse: ({ status }) => void this.told.push(`${status}`),
      onInformational: ({ status }) => void this.told.push(`${status}`),
      onResponseData: (octets, start, end, isLast) =>
        void this.told.push(`${octets.toString("latin1", start, end)}${isLast ? "." : ""}`),
      onUpstreamReset: ({ unprocessed, reason }) =>
        void this.told.push(`${unprocessed ? "unprocessed" : "lost"}: ${reason}`),
      onUpstreamSent: (octets) => void this.told.push(`sent ${octets}`),
    } as Partial<UpstreamStreamOwner>
    return this.origin.open(list, endStream, method === "HEAD", owner as UpstreamStreamOwner)
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

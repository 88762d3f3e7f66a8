import { describe, expect, test } from "vitest"
import { ClientBed, type ClientBedOptions } from "../../../test/support/client-bed.ts"
import type { LinkUser } from "../../net/link.ts"
import type { ClientConnection } from "./client-connection.ts"
import { ProtocolDetector } from "./protocol-detector.ts"

/** A client whose protocol is to be found, and what is handed on to the connection that speaks it. */
function bedOf(options: ClientBedOptions = {}) {
  const bed = new ClientBed({ limits: { prefaceTimeoutMs: 5000, ...options.limits }, ...options })
  const client = bed.options
  const detector = new ProtocolDetector({
    client,
    choose: (protocol, first) => {
      expect(first.client).toBe(client)
      bed.lines.push(`choose ${protocol}`)
      const chosen = {
        receive: (octets: Buffer, start: number, end: number) =>
          bed.lines.push(JSON.stringify(octets.toString("latin1", start, end))),
        tick: (nowMs: number) => bed.lines.push(`tick ${nowMs - client.sinceMs}`),
        drain: () => bed.lines.push("drain"),
      } as unknown as ClientConnection & LinkUser
      bed.link.use(chosen as LinkUser)
      return chosen
    },
  })
  const held = (): number => bed.shared.context.budget.octets
  return { bed, client, detector, link: bed.link, held }
}

const TOO_LITTLE = "a client said nothing, or not enough to know its protocol"

describe("what a client's first octets begin", () => {
  test.each<[string, string[], string[]]>([
    ["HTTP/2", ["PRI * HTTP/2.0\r\n"], ["choose http2", '"PRI * HTTP/2.0\\r\\n"']],
    ["HTTP/2, octet by octet", ["P", "R", "I", " "], ["choose http2", '"PRI "']],
    ["HTTP/1", ["GET / HTTP/1.1\r\n"], ["choose http1", '"GET / HTTP/1.1\\r\\n"']],
    ["HTTP/1 in pieces", ["GET / HT", "TP/1.1\r\nHost"], ["choose http1", '"GET / HTTP/1.1\\r\\nHost"']],
    ["HTTP/0.9", ["GET /\r\n"], ["choose http1", '"GET /\\r\\n"']],
    ["garbage, answered by GOAWAY", ["\0\0"], ["choose http2", '"\\u0000\\u0000"']],
    ["half a line", ["GET /"], []],
    ["nothing at all", [""], []],
  ])("%s", (_, pieces, expected) => {
    const { bed, link } = bedOf()
    for (const piece of pieces) link.send(piece)
    expect(bed.take()).toEqual(expected)
  })

  test("a line longer than a head may be is refused by HTTP/1", () => {
    const { bed, link } = bedOf({ limits: { http1HeadOctets: 1024 } })
    link.send("a".repeat(1024))
    expect(bed.take()).toEqual([])
    link.send("a")
    expect(bed.take()[0]).toBe("choose http1")
  })

  test("TLS where none is expected is turned away without a word, and logged", () => {
    const { bed, link } = bedOf()
    link.send(Buffer.from([0x16, 0x03, 0x01]))
    expect(bed.take()).toEqual(["closed"])
    expect(link.take()).toEqual(["destroy"])
    expect(bed.limit("preface_malformed")).toBe(1)
    expect(bed.shared.log.saying("TLS on a listener without TLS")).toEqual([
      { listener: "127.0.0.1:80", client: "192.0.2.1:51234", limit: "preface_malformed" },
    ])
  })

  test("when they came is known once, empty reads are none", () => {
    const { bed, client, link } = bedOf()
    bed.advance(10)
    link.send("")
    expect(client.firstOctetMs).toBe(-1)
    bed.advance(10)
    link.send("G")
    expect(client.firstOctetMs).toBe(client.sinceMs + 20)
    bed.advance(10)
    link.send("ET / HTTP/1.1\r\n")
    expect(client.firstOctetMs).toBe(client.sinceMs + 20)
  })
})

describe("what is held", () => {
  test("counts as memory, and no longer once it is handed on", () => {
    const { detector, link, held } = bedOf()
    expect(held()).toBe(0)
    link.send("GET ")
    expect([held(), detector.overflowOctets]).toEqual([4, 4])
    link.send("/")
    expect([held(), detector.overflowOctets]).toEqual([5, 5])
    link.send(" HTTP/1.1\r\n")
    expect([held(), detector.overflowOctets]).toEqual([0, 0])
  })

  test.each<[string, (detector: ProtocolDetector) => void]>([
    ["its end", (detector) => detector.receiveEnd("gone")],
    ["an order", (detector) => detector.abort("stop")],
    ["want of memory", (detector) => detector.cut()],
  ])("is let go by %s, which is told once", (_, end) => {
    const { bed, detector, link, held } = bedOf()
    link.send("GET ")
    end(detector)
    detector.receiveEnd("the socket's end follows")
    expect(held()).toBe(0)
    expect(bed.take()).toEqual(["closed"])
    expect(link.take()).toEqual(["destroy"])
  })
})

describe("a listener that expects the PROXY protocol", () => {
  const proxied = { listener: { proxyProtocol: true } }
  const HEADER = "PROXY TCP4 203.0.113.7 192.0.2.80 4000 80\r\n"

  test("takes the client's address from its header, whole or in pieces", () => {
    for (const pieces of [[`${HEADER}PRI `], [HEADER, "PRI "], ["PRO", HEADER.slice(3), "PR", "I "]]) {
      const { bed, link, held } = bedOf(proxied)
      for (const piece of pieces) link.send(piece)
      expect(bed.take()).toEqual(["choose http2", '"PRI "'])
      expect(bed.record.proxied).toEqual({
        sourceAddress: "203.0.113.7",
        sourcePort: 4000,
        destinationAddress: "192.0.2.80",
        destinationPort: 80,
      })
      expect(held()).toBe(0)
    }
  })

  test("reads one header: a second is no request", () => {
    const { bed, link } = bedOf(proxied)
    link.send(HEADER, HEADER)
    expect(bed.take()[0]).toBe("choose http2")
  })

  test("turns away a client without one", () => {
    const { bed, link } = bedOf(proxied)
    link.send("GET / HTTP/1.1\r\n")
    expect(bed.take()).toEqual(["closed"])
    expect(link.take()).toEqual(["destroy"])
    expect(bed.limit("preface_malformed")).toBe(1)
    expect(bed.shared.log.saying("no PROXY protocol header on a listener that expects one")).toHaveLength(1)
  })

  test("has read it before TLS where there is TLS", () => {
    const listener = { proxyProtocol: true, tls: {} as never }
    const { bed, link } = bedOf({ listener, record: { tls: {} as never } })
    link.send("GET / HTTP/1.1\r\n")
    expect(bed.take()[0]).toBe("choose http1")
  })

  test("expects it of a client whose TLS ended at the listener that passed it on", () => {
    const { bed, link } = bedOf({ ...proxied, record: { tls: {} as never } })
    link.send("GET / HTTP/1.1\r\n")
    expect(bed.take()).toEqual(["closed"])
  })

  test("waits for all of it no longer than for a preface", () => {
    const { bed, detector, link } = bedOf(proxied)
    link.send(HEADER.slice(0, 20))
    bed.advance(5001)
    detector.tick(bed.nowMs)
    expect(bed.take()).toEqual(["closed"])
    expect(bed.limit("preface_timeout")).toBe(1)
    expect(bed.shared.log.saying(TOO_LITTLE)).toHaveLength(1)
  })
})

describe("a client that does not go on", () => {
  test("has the time of a preface", () => {
    const { bed, detector } = bedOf()
    bed.advance(5000)
    detector.tick(bed.nowMs)
    expect(bed.take()).toEqual([])
    bed.advance(1)
    detector.tick(bed.nowMs)
    expect(bed.take()).toEqual(["closed"])
    expect(bed.shared.log.saying(TOO_LITTLE)).toEqual([
      { listener: "127.0.0.1:80", client: "192.0.2.1:51234", limit: "preface_timeout" },
    ])
  })

  test.each([
    ["half a request line is told so in HTTP/1", "GET /a", "http1"],
    ["half a preface is, by GOAWAY", "PRI", "http2"],
    ["the first letter of both is one of a preface", "P", "http2"],
    ["text that is no request is told by GOAWAY", "12", "http2"],
  ])("%s", (_, said, protocol) => {
    const { bed, detector, link, held } = bedOf()
    link.send(said)
    bed.advance(5001)
    detector.tick(bed.nowMs)
    expect(bed.take()).toEqual([`choose ${protocol}`, `"${said}"`, "tick 5001"])
    expect(held()).toBe(0)
    expect(link.take()).toEqual([])
  })
})

describe("a drain", () => {
  test("lets a silent client go after a second: what it sent is on its way", () => {
    const { bed, detector } = bedOf()
    detector.drain()
    bed.advance(1000)
    detector.tick(bed.nowMs)
    expect(bed.take()).toEqual([])
    bed.advance(1)
    detector.tick(bed.nowMs)
    expect(bed.take()).toEqual(["closed"])
    expect(bed.shared.log.lines).toEqual([])
  })

  test("serves what comes in time, and lets the client go then", () => {
    const { bed, detector, link } = bedOf()
    detector.drain()
    bed.advance(900)
    link.send("GET ")
    bed.advance(900)
    detector.tick(bed.nowMs)
    link.send("/ HTTP/1.1\r\n")
    expect(bed.take()).toEqual(["choose http1", '"GET / HTTP/1.1\\r\\n"', "drain"])
  })

  test("of no listener, none: a client that is silent stays", () => {
    const { bed, detector } = bedOf()
    bed.advance(4000)
    detector.tick(bed.nowMs)
    expect(bed.take()).toEqual([])
  })
})

test("until then it has no streams, nothing to say, and is read", () => {
  const { bed, detector } = bedOf()
  expect([...detector.streams]).toEqual([])
  expect(detector.output.isEmpty).toBe(true)
  expect(detector.shouldPauseReading).toBe(false)
  expect(detector.record).toBe(bed.record)
  expect(detector.openListener).toBe(bed.listener)
})

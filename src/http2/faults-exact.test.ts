import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { EventLog, Lab, type LabOptions } from "../../test/support/memory-link.ts"
import { ErrorCode } from "./error-code.ts"
import type { Refusal } from "./events.ts"
import { HeaderList } from "./header-list.ts"
import type { Http2Stream } from "./stream.ts"

/** How a stream ends whose peer is at fault: what its owner may still say, by which code it is reset, what that costs. */

const head = new HeaderList([":status", "200"])
const whole = new HeaderList([":status", "400"])
const ask = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"])
const malformed = dsl.headers(1, [[":method", "GET"]])
const oversized = dsl.headers(1, [...dsl.request, ["x-large", "y".repeat(2000)]])
const limits = { headerListOctets: 1000 }

type Stream = Http2Stream<string>

/** Does as it is told where a request is refused, or a stream is at fault. */
class Owner extends EventLog {
  readonly reasons: string[] = []
  readonly #act: (stream: Stream) => void
  constructor(act: (stream: Stream) => void = () => {}) {
    super()
    this.#act = act
  }
  override onRefusedRequest(stream: Stream, list: HeaderList, why: Refusal): void {
    super.onRefusedRequest(stream, list, why)
    this.reasons.push(why.reason)
    stream.owner = "test"
    this.#act(stream)
  }
  override onRequestFault(stream: Stream, code: number, reason: string): void {
    super.onRequestFault(stream, code, reason)
    this.#act(stream)
  }
}

const answer = (stream: Stream): void => stream.sendHeaders(whole, true)

function refusing(octets: Buffer, act?: (stream: Stream) => void) {
  const events = new Owner(act)
  const lab = new Lab("server", { events, limits })
  lab.send(octets)
  return { lab, events }
}

describe("a request that is refused as it comes", () => {
  test.each<[string, Buffer, ((stream: Stream) => void) | undefined, string[]]>([
    ["malformed, and not answered", malformed, undefined, ["RST_STREAM 1 PROTOCOL_ERROR"]],
    [
      "malformed, and answered",
      malformed,
      answer,
      ["HEADERS 1 END_STREAM :status=400", "RST_STREAM 1 PROTOCOL_ERROR"],
    ],
    ["too large, and not answered", oversized, undefined, ["RST_STREAM 1 ENHANCE_YOUR_CALM"]],
    [
      "too large, and answered: no breach of the protocol",
      oversized,
      answer,
      ["HEADERS 1 END_STREAM :status=400", "RST_STREAM 1 NO_ERROR"],
    ],
    [
      "malformed, and reset by its owner: by the fault's code, once",
      malformed,
      (stream) => stream.reset(ErrorCode.CANCEL),
      ["RST_STREAM 1 PROTOCOL_ERROR"],
    ],
    [
      "too large, and reset by its owner",
      oversized,
      (stream) => stream.reset(ErrorCode.CANCEL),
      ["RST_STREAM 1 NO_ERROR"],
    ],
  ])("%s", (_, octets, act, said) => {
    const { lab, events } = refusing(octets, act)
    expect(lab.said()).toEqual(said)
    expect(lab.connection.streams.size).toBe(0)
    expect(events.limits.filter((limit) => limit === "abuse_made_to_reset")).toHaveLength(1)
  })

  test.each([
    ["malformed", malformed],
    ["too large", oversized],
  ])("%s: is charged once, whatever its owner thinks of it", (_, octets) => {
    const { events } = refusing(octets, (stream) => stream.chargePeer())
    expect(events.limits).not.toContain("abuse_refused")
  })

  test.each([
    ["malformed", malformed],
    ["too large", oversized],
  ])("%s: what other streams are reset by, and cost, is their own", (_, octets) => {
    const { lab, events } = refusing(octets)
    lab.said()
    events.limits.length = 0
    lab.send(dsl.headers(3, dsl.request), dsl.headers(5, dsl.request))
    events.streams.get(3)!.reset(ErrorCode.CANCEL)
    events.streams.get(5)!.chargePeer()
    expect([lab.said(), events.limits]).toEqual([["RST_STREAM 3 CANCEL"], ["abuse_refused"]])
  })

  test.each([
    [
      "too many octets",
      { headerListOctets: 1000 },
      oversized,
      "the request's header list is larger than headerListOctets (1000 octets)",
    ],
    [
      "too many fields",
      { headerFieldsMax: 3 },
      dsl.headers(1, dsl.request),
      "the request's header list is larger than headerFieldsMax (3 fields)",
    ],
    [
      "a length without DATA",
      {},
      dsl.headers(1, [...dsl.request, ["content-length", "5"]], { endStream: true }),
      "content-length without DATA",
    ],
    [
      "no path",
      {},
      dsl.headers(1, [
        [":method", "GET"],
        [":scheme", "http"],
      ]),
      ":path is missing",
    ],
  ])("says why: %s", (_, its, octets, reason) => {
    const events = new Owner()
    const lab = new Lab("server", { events, limits: its })
    lab.send(octets)
    expect(events.reasons).toEqual([reason])
    expect(lab.connection.streams.size).toBe(0)
  })

  test("what is charged from within an event is due with the next request", () => {
    const events = new Owner()
    const lab = new Lab("server", { events, limits: { abuseBurst: 0 } })
    lab.send(dsl.headers(1, dsl.request))
    events.streams.get(1)!.chargePeer()
    expect([lab.connection.isClosed, events.limits]).toEqual([false, ["abuse_refused"]])
    lab.send(dsl.headers(3, dsl.request))
    expect(events.fault?.limit).toBe("abuse_exhausted")
  })
})

describe("a client that breaks the protocol on a stream", () => {
  /** Trailers that do not end the stream. */
  const breach = dsl.headers(1, dsl.okTrailers)

  function open(options: LabOptions & { act?: (stream: Stream) => void } = {}) {
    const events = new Owner(options.act)
    const lab = new Lab("server", { ...options, events })
    lab.send(dsl.headers(1, dsl.request))
    events.take()
    return { lab, events, stream: events.streams.get(1)! }
  }

  test("its owner may answer first, and is told why", () => {
    const { lab, events } = open({ act: answer })
    lab.send(breach)
    expect(lab.said()).toEqual(["HEADERS 1 END_STREAM :status=400", "RST_STREAM 1 PROTOCOL_ERROR"])
    expect(events.take()).toEqual(["fault 1 PROTOCOL_ERROR", "reset 1 PROTOCOL_ERROR local"])
    expect(events.limits).toEqual(["trailers_malformed", "abuse_made_to_reset"])
  })

  test("what its owner resets it by is the fault's code, and no stream after it", () => {
    const { lab, events } = open({ act: (stream) => stream.reset(ErrorCode.CANCEL) })
    lab.send(breach)
    expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
    lab.send(dsl.headers(3, dsl.request))
    events.streams.get(3)!.reset(ErrorCode.CANCEL)
    expect(lab.said()).toEqual(["RST_STREAM 3 CANCEL"])
  })

  test("an answer does not wait behind what waits for credit", () => {
    const { lab, stream } = open({
      act: (one) => one.sendHeaders(new HeaderList(["grpc-status", "3"]), true),
    })
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 0 }))
    stream.sendHeaders(head, false)
    stream.sendData(Buffer.from("abc"), 0, 3, false)
    lab.said()
    lab.send(breach)
    expect(lab.said()).toEqual(["HEADERS 1 END_STREAM grpc-status=3", "RST_STREAM 1 PROTOCOL_ERROR"])
    expect(lab.connection.sender.queuedOctets).toBe(0)
  })

  test("one that has its whole answer owes nothing: it is reset, at no cost", () => {
    const { lab, events, stream } = open()
    stream.sendHeaders(head, true)
    lab.said()
    lab.send(breach)
    expect([lab.said(), events.take()]).toEqual([
      ["RST_STREAM 1 PROTOCOL_ERROR"],
      ["reset 1 PROTOCOL_ERROR local"],
    ])
    expect(events.limits).toEqual([])
  })

  test("one whose answer waits is not asked for another, and pays", () => {
    const { lab, events, stream } = open()
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 0 }))
    stream.sendHeaders(head, false)
    stream.sendData(Buffer.from("abc"), 0, 3, true)
    lab.said()
    events.limits.length = 0
    lab.send(breach)
    expect([lab.said(), events.take()]).toEqual([
      ["RST_STREAM 1 PROTOCOL_ERROR"],
      ["reset 1 PROTOCOL_ERROR local"],
    ])
    expect(events.limits).toEqual(["trailers_malformed", "abuse_made_to_reset"])
  })

  test("one that has said all is asked for no answer either", () => {
    const { lab, events, stream } = open()
    lab.send(dsl.data(1, "", { endStream: true }))
    stream.sendHeaders(head, false)
    lab.said()
    events.take()
    lab.send(dsl.windowUpdate(1, 2 ** 31 - 1))
    expect([lab.said(), events.take()]).toEqual([
      ["RST_STREAM 1 FLOW_CONTROL_ERROR"],
      ["reset 1 FLOW_CONTROL_ERROR local"],
    ])
  })

  test("a stream without an owner has none to ask", () => {
    class Ownerless extends Owner {
      override onRequest(...args: Parameters<EventLog["onRequest"]>): void {
        super.onRequest(...args)
        args[0].owner = null
      }
    }
    const events = new Ownerless()
    const lab = new Lab("server", { events })
    lab.send(dsl.headers(1, dsl.request), breach)
    expect([lab.said(), events.take()]).toEqual([
      ["RST_STREAM 1 PROTOCOL_ERROR"],
      ["request 1 /test.Echo/Chat"],
    ])
  })
})

describe("a backend that breaks the protocol on a stream", () => {
  test("is told of and counted, also where the request has ended", () => {
    for (const hasEnded of [true, false]) {
      const lab = new Lab("client")
      lab.connection.open(ask, hasEnded, false, "test")
      lab.said()
      lab.send(dsl.headers(1, [["x", "y"]]))
      expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
      expect(lab.events.limits).toEqual(["header_malformed", "abuse_made_to_reset"])
      expect(lab.events.take()).toEqual(["reset 1 PROTOCOL_ERROR local"])
    }
  })

  test("interim responses are counted whatever else is known of the stream", () => {
    for (const hasEnded of [true, false])
      for (const isHead of [true, false]) {
        const lab = new Lab("client", { limits: { interimResponsesMax: 2 } })
        lab.connection.open(ask, hasEnded, isHead, "test")
        const interim = dsl.headers(1, [[":status", "103"]])
        lab.send(interim, interim)
        expect(lab.events.limits).toEqual([])
        lab.send(interim)
        expect(lab.events.limits).toContain("interim_responses_exceeded")
      }
  })
})

test("a PING too many is not answered any more", () => {
  const lab = new Lab("server", { limits: { abuseBurst: 0 } })
  lab.send(dsl.headers(1, dsl.request), dsl.ping("11111111"), dsl.ping("22222222"))
  expect(lab.said()).toEqual(["PING ACK 11111111", "GOAWAY 1 ENHANCE_YOUR_CALM"])
})

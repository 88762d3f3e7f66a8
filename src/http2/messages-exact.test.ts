import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { EventLog, Lab } from "../../test/support/memory-link.ts"
import { HeaderList, type RequestHead } from "./header-list.ts"
import type { Http2Stream } from "./stream.ts"

/** Heads and trailers that are mended, too large, or end a stream in a manner of their own. */

const ask = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"])
const GRPC_OK: readonly dsl.Field[] = [["grpc-status", "0"]]

class Heads extends EventLog {
  readonly requests: (readonly string[])[] = []
  override onRequest(stream: Http2Stream<string>, head: RequestHead, endStream: boolean): void {
    super.onRequest(stream, head, endStream)
    this.requests.push(head.list.fields)
  }
}

function asking(limits = {}, isHead = false) {
  const lab = new Lab("client", { limits })
  const stream = lab.connection.open(ask, false, isHead, "test")
  lab.said()
  return { lab, stream }
}

describe("expect: 100-continue (RFC 9110 §10.1.1)", () => {
  const sent = (expectation: string, endStream = false) => {
    const events = new Heads()
    const lab = new Lab("server", { events })
    lab.send(dsl.headers(1, [...dsl.request, ["expect", expectation]], { endStream }))
    return { said: lab.said(), limits: events.limits, fields: events.requests[0]! }
  }

  test.each([
    ["100-continue", false, ["HEADERS 1 :status=100"]],
    ["100-Continue", false, ["HEADERS 1 :status=100"]],
    ["100-continue", true, []],
    ["something-else", false, []],
  ])("%s, and the request has ended: %s", (expectation, endStream, said) => {
    const { fields, ...rest } = sent(expectation, endStream)
    expect(rest).toEqual({ said, limits: [] })
    expect(fields).toEqual(dsl.request.flat())
  })
})

describe("values with blanks at their ends", () => {
  test("of a request are mended, and that is counted", () => {
    const events = new Heads()
    const lab = new Lab("server", { events })
    lab.send(dsl.headers(1, [...dsl.request, ["x-a", " b\t"]]))
    expect(events.requests).toEqual([[...dsl.request.flat(), "x-a", "b"]])
    expect([events.limits, lab.said()]).toEqual([["header_mended"], []])
  })

  test.each([
    ["a response", dsl.headers(1, [...dsl.response, ["x-a", "b "]]), "response 1 200"],
    ["trailers", dsl.headers(1, [["x-a", "b "]], { endStream: true }), "trailers 1 x-a b"],
  ])("of %s are mended, and that is counted", (what, frame, line) => {
    const { lab } = asking()
    if (what === "trailers") lab.send(dsl.headers(1, dsl.response))
    lab.events.take()
    lab.send(frame)
    expect([lab.events.take(), lab.events.limits, lab.said()]).toEqual([[line], ["header_mended"], []])
  })

  test("what needs no mending is not counted", () => {
    const { lab } = asking()
    lab.send(dsl.headers(1, dsl.response), dsl.headers(1, GRPC_OK, { endStream: true }))
    expect(lab.events.limits).toEqual([])
  })
})

describe("header lists of a backend that are too large", () => {
  const limits = { headerListOctets: 1000, responseFieldsMax: 12 }
  const large: dsl.Field = ["x-large", "y".repeat(1000)]

  test.each([
    [
      "trailers: what is known of them is passed on",
      [
        dsl.headers(1, dsl.response),
        dsl.headers(1, [["a", "b"], large, ["grpc-status", "5"], ["grpc-message", "why"]], {
          endStream: true,
        }),
      ],
      ["response 1 200", "trailers 1 a b grpc-status 5 grpc-message why"],
      [],
    ],
    [
      "trailers that do not end the stream",
      [dsl.headers(1, dsl.response), dsl.headers(1, [large, ["grpc-status", "5"]])],
      ["response 1 200", "reset 1 ENHANCE_YOUR_CALM local"],
      ["RST_STREAM 1 ENHANCE_YOUR_CALM"],
    ],
    [
      "a head that is all, with its status",
      [dsl.headers(1, [...dsl.response, large, ["grpc-status", "5"]], { endStream: true })],
      ["response 1 200 END_STREAM"],
      [],
    ],
    [
      "a head that is all, without one",
      [dsl.headers(1, [...dsl.response, large], { endStream: true })],
      ["reset 1 ENHANCE_YOUR_CALM local"],
      ["RST_STREAM 1 ENHANCE_YOUR_CALM"],
    ],
    [
      "a head that is not all",
      [dsl.headers(1, [...dsl.response, large, ["grpc-status", "5"]])],
      ["reset 1 ENHANCE_YOUR_CALM local"],
      ["RST_STREAM 1 ENHANCE_YOUR_CALM"],
    ],
    [
      "an interim head: left out",
      [dsl.headers(1, [[":status", "103"], large]), dsl.headers(1, dsl.response)],
      ["response 1 200"],
      [],
    ],
    [
      "an interim head that ends the stream",
      [dsl.headers(1, [[":status", "103"], large], { endStream: true })],
      ["reset 1 ENHANCE_YOUR_CALM local"],
      ["RST_STREAM 1 ENHANCE_YOUR_CALM"],
    ],
    [
      "a head whose status only looks like an interim one",
      [dsl.headers(1, [[":status", "1000"], large])],
      ["reset 1 ENHANCE_YOUR_CALM local"],
      ["RST_STREAM 1 ENHANCE_YOUR_CALM"],
    ],
    [
      "a head without a status",
      [dsl.headers(1, [large])],
      ["reset 1 ENHANCE_YOUR_CALM local"],
      ["RST_STREAM 1 ENHANCE_YOUR_CALM"],
    ],
    [
      "a status of 1xx where trailers are due",
      [dsl.headers(1, dsl.response), dsl.headers(1, [[":status", "103"], large])],
      ["response 1 200", "reset 1 ENHANCE_YOUR_CALM local"],
      ["RST_STREAM 1 ENHANCE_YOUR_CALM"],
    ],
  ] as const)("%s", (_, frames, lines, said) => {
    const { lab } = asking(limits)
    lab.send(...frames)
    expect([lab.events.take(), lab.said()]).toEqual([lines, said])
    expect(lab.events.limits[0]).toBe("header_list_too_large")
  })

  test("of a client: none is passed on", () => {
    const lab = new Lab("server", { limits: { headerListOctets: 1000 } })
    lab.send(dsl.headers(1, dsl.request), dsl.headers(1, [large, ["grpc-status", "5"]], { endStream: true }))
    expect(lab.said()).toEqual(["RST_STREAM 1 ENHANCE_YOUR_CALM"])
    expect(lab.events.lines).not.toContain("trailers 1 grpc-status 5")
  })

  test("interim heads that are left out are counted with the others", () => {
    const { lab } = asking({ ...limits, interimResponsesMax: 2 })
    const interim = dsl.headers(1, [[":status", "103"]])
    const largeInterim = dsl.headers(1, [[":status", "103"], large])
    lab.send(largeInterim, interim)
    expect(lab.said()).toEqual([])
    lab.send(largeInterim)
    expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
    expect(lab.events.limits).toContain("interim_responses_exceeded")
  })

  test.each([
    ["a server", "server", { headerFieldsMax: 10, responseFieldsMax: 100 }],
    ["a client", "client", { headerFieldsMax: 100, responseFieldsMax: 10 }],
  ] as const)("%s has its own number of fields", (_, role, its) => {
    const many = (count: number): dsl.Field[] => Array.from({ length: count }, (__, at) => [`x-${at}`, "y"])
    const lab = new Lab(role, { limits: its })
    if (role === "client") lab.connection.open(ask, false, false, "test")
    const fields = role === "server" ? dsl.request : dsl.response
    lab.send(dsl.headers(1, [...fields, ...many(10 - fields.length)]))
    expect(lab.events.limits).toEqual([])
    const other = new Lab(role, { limits: its })
    if (role === "client") other.connection.open(ask, false, false, "test")
    other.send(dsl.headers(1, [...fields, ...many(11 - fields.length)]))
    expect(other.events.limits[0]).toBe("header_fields_exceeded")
  })
})

describe("interim responses", () => {
  test("as many as the limit says; the last too many is told of no more", () => {
    const { lab } = asking({ interimResponsesMax: 2 })
    const interim = dsl.headers(1, [[":status", "103"]])
    lab.send(interim, interim)
    expect([lab.said(), lab.events.take()]).toEqual([[], ["informational 1 103", "informational 1 103"]])
    lab.send(interim)
    expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
    expect(lab.events.take()).toEqual(["reset 1 PROTOCOL_ERROR local"])
  })

  test.each([
    [100, "informational 1 100"],
    [199, "informational 1 199"],
    [200, "response 1 200"],
  ])("%i", (status, line) => {
    const { lab } = asking()
    lab.send(dsl.headers(1, [[":status", String(status)]]))
    expect(lab.events.lines).toEqual([line])
  })

  test("one that ends the stream is malformed", () => {
    const { lab } = asking()
    lab.send(dsl.headers(1, [[":status", "103"]], { endStream: true }))
    expect([lab.said(), lab.events.lines]).toEqual([
      ["RST_STREAM 1 PROTOCOL_ERROR"],
      ["reset 1 PROTOCOL_ERROR local"],
    ])
  })
})

describe("a backend's status is worth more than its content-length", () => {
  const length: dsl.Field = ["content-length", "5"]

  test("in trailers", () => {
    const { lab } = asking()
    lab.send(
      dsl.headers(1, [...dsl.response, length]),
      dsl.data(1, "123"),
      dsl.headers(1, GRPC_OK, { endStream: true }),
    )
    expect([lab.said(), lab.events.lines.at(-1)]).toEqual([[], "trailers 1 grpc-status 0"])
    const other = asking().lab
    other.send(
      dsl.headers(1, [...dsl.response, length]),
      dsl.data(1, "123"),
      dsl.headers(1, [["a", "b"]], { endStream: true }),
    )
    expect(other.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
  })

  test("in a head that is all: it is passed on without the length", () => {
    class Lengths extends EventLog {
      readonly lengths: (readonly [number, string | undefined])[] = []
      override onResponse(...args: Parameters<EventLog["onResponse"]>): void {
        super.onResponse(...args)
        this.lengths.push([args[1].contentLength, args[1].list.get("content-length")])
      }
    }
    const events = new Lengths()
    const lab = new Lab("client", { events })
    lab.connection.open(ask, true, false, "test")
    lab.said()
    lab.send(dsl.headers(1, [...dsl.response, length, ["grpc-status", "5"]], { endStream: true }))
    expect([lab.said(), events.lines, events.lengths]).toEqual([
      [],
      ["response 1 200 END_STREAM"],
      [[-1, undefined]],
    ])
  })

  test("not a client's: its trailers must not come short", () => {
    const lab = new Lab("server")
    lab.send(
      dsl.headers(1, [...dsl.request, length]),
      dsl.data(1, "123"),
      dsl.headers(1, GRPC_OK, { endStream: true }),
    )
    expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
  })
})

describe("a stream that ends early (endEarly)", () => {
  /** A client that has queued three octets, on a stream whose response has ended if `isOver`. */
  function queued(isOver: boolean) {
    const { lab, stream } = asking()
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 0 }))
    stream.sendData(Buffer.from("abc"), 0, 3, false)
    lab.send(dsl.headers(1, dsl.response, { endStream: isOver }))
    lab.said()
    return { lab, stream }
  }

  test("by END_STREAM where the peer has said all", () => {
    const { lab, stream } = queued(true)
    stream.endEarly()
    expect([lab.said(), lab.connection.streams.size]).toEqual([["DATA 1 0 END_STREAM"], 0])
    expect(lab.connection.sender.queuedOctets).toBe(0)
    stream.endEarly()
    expect(lab.said()).toEqual([])
  })

  test("by a reset where it has not", () => {
    const { lab, stream } = queued(false)
    stream.endEarly()
    expect([lab.said(), lab.connection.streams.size]).toEqual([["RST_STREAM 1 NO_ERROR"], 0])
    expect(lab.connection.sender.queuedOctets).toBe(0)
  })
})

test("it is known whether our SETTINGS were acknowledged", () => {
  const lab = new Lab("client", { greeted: false })
  lab.send(dsl.settings())
  expect(lab.connection.isSettingsAcked).toBe(false)
  lab.send(dsl.settingsAck())
  expect(lab.connection.isSettingsAcked).toBe(true)
})

import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { Lab } from "../../test/support/memory-link.ts"
import { ErrorCode } from "./error-code.ts"
import { HeaderList } from "./header-list.ts"

const ID = 5

/** How a server's stream gets into each state of RFC 9113 §5.1. */
const states = {
  idle: () => new Lab("server"),
  open: () => opened(),
  "half-closed (remote)": () => opened({ endStream: true }),
  "half-closed (local)": () => {
    const lab = opened()
    lab.events.streams.get(ID)!.sendHeaders(responseHead, true)
    return quiet(lab)
  },
  "closed by END_STREAM both ways": () => {
    const lab = opened({ endStream: true })
    lab.events.streams.get(ID)!.sendHeaders(responseHead, true)
    return quiet(lab)
  },
  "closed by our RST_STREAM": () => {
    const lab = opened()
    lab.events.streams.get(ID)!.reset(ErrorCode.CANCEL)
    return quiet(lab)
  },
  "closed by the peer's RST_STREAM": () => {
    const lab = opened()
    lab.send(dsl.rstStream(ID))
    return quiet(lab)
  },
  "closed, never used": () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(ID + 2, dsl.request))
    return quiet(lab)
  },
} satisfies Record<string, () => Lab>

type State = keyof typeof states

const responseHead = new HeaderList([":status", "200"])

function opened(options: { endStream?: boolean } = {}): Lab {
  const lab = new Lab("server")
  lab.send(dsl.headers(ID, dsl.request, options))
  return quiet(lab)
}

function quiet(lab: Lab): Lab {
  lab.said()
  lab.events.take()
  return lab
}

const frames = {
  DATA: dsl.data(ID, "x"),
  "DATA END_STREAM": dsl.data(ID, "x", { endStream: true }),
  HEADERS: dsl.headers(ID, dsl.request),
  "HEADERS END_STREAM": dsl.headers(ID, [["x-trailer", "1"]], { endStream: true }),
  PRIORITY: dsl.priority(ID),
  RST_STREAM: dsl.rstStream(ID),
  WINDOW_UPDATE: dsl.windowUpdate(ID, 1),
  CONTINUATION: dsl.continuation(ID, Buffer.from("x")),
  PUSH_PROMISE: dsl.pushPromise(ID, 2),
}

type FrameName = keyof typeof frames

/**
 * What comes of each frame: `event` and what it says, `ignored`, `stream CODE` for RST_STREAM, `connection CODE` for
 * GOAWAY. Where the RFC lets one choose between a stream and a connection error, ours is the one that h2spec's strict
 * mode and the abuse limits can live with.
 */
const table: Record<State, Record<FrameName, string>> = {
  idle: {
    DATA: "connection PROTOCOL_ERROR",
    "DATA END_STREAM": "connection PROTOCOL_ERROR",
    HEADERS: "event request 5 /test.Echo/Chat",
    // What opens a stream and is no request: its owner may answer it before it is reset.
    "HEADERS END_STREAM": "event refused 5 header_malformed",
    PRIORITY: "ignored",
    RST_STREAM: "connection PROTOCOL_ERROR",
    WINDOW_UPDATE: "connection PROTOCOL_ERROR",
    CONTINUATION: "connection PROTOCOL_ERROR",
    PUSH_PROMISE: "connection PROTOCOL_ERROR",
  },
  open: {
    DATA: "event data 5 x",
    "DATA END_STREAM": "event data 5 x END_STREAM",
    HEADERS: "event fault 5 PROTOCOL_ERROR",
    "HEADERS END_STREAM": "event trailers 5 x-trailer 1",
    PRIORITY: "ignored",
    RST_STREAM: "event reset 5 CANCEL peer",
    WINDOW_UPDATE: "ignored",
    CONTINUATION: "connection PROTOCOL_ERROR",
    PUSH_PROMISE: "connection PROTOCOL_ERROR",
  },
  "half-closed (remote)": {
    DATA: "connection STREAM_CLOSED",
    "DATA END_STREAM": "connection STREAM_CLOSED",
    HEADERS: "connection STREAM_CLOSED",
    "HEADERS END_STREAM": "connection STREAM_CLOSED",
    PRIORITY: "ignored",
    RST_STREAM: "event reset 5 CANCEL peer",
    WINDOW_UPDATE: "ignored",
    CONTINUATION: "connection PROTOCOL_ERROR",
    PUSH_PROMISE: "connection PROTOCOL_ERROR",
  },
  "half-closed (local)": {
    DATA: "event data 5 x",
    "DATA END_STREAM": "event data 5 x END_STREAM",
    HEADERS: "event reset 5 PROTOCOL_ERROR local",
    "HEADERS END_STREAM": "event trailers 5 x-trailer 1",
    PRIORITY: "ignored",
    RST_STREAM: "event reset 5 CANCEL peer",
    WINDOW_UPDATE: "ignored",
    CONTINUATION: "connection PROTOCOL_ERROR",
    PUSH_PROMISE: "connection PROTOCOL_ERROR",
  },
  "closed by END_STREAM both ways": {
    DATA: "connection STREAM_CLOSED",
    "DATA END_STREAM": "connection STREAM_CLOSED",
    HEADERS: "connection STREAM_CLOSED",
    "HEADERS END_STREAM": "connection STREAM_CLOSED",
    PRIORITY: "ignored",
    // Both may have been under way when we ended our half.
    RST_STREAM: "ignored",
    WINDOW_UPDATE: "ignored",
    CONTINUATION: "connection PROTOCOL_ERROR",
    PUSH_PROMISE: "connection PROTOCOL_ERROR",
  },
  "closed by our RST_STREAM": {
    // All of it may have been under way when we sent ours.
    DATA: "ignored",
    "DATA END_STREAM": "ignored",
    HEADERS: "ignored",
    "HEADERS END_STREAM": "ignored",
    PRIORITY: "ignored",
    RST_STREAM: "ignored",
    WINDOW_UPDATE: "ignored",
    CONTINUATION: "connection PROTOCOL_ERROR",
    PUSH_PROMISE: "connection PROTOCOL_ERROR",
  },
  "closed by the peer's RST_STREAM": {
    DATA: "connection STREAM_CLOSED",
    "DATA END_STREAM": "connection STREAM_CLOSED",
    HEADERS: "connection STREAM_CLOSED",
    "HEADERS END_STREAM": "connection STREAM_CLOSED",
    PRIORITY: "ignored",
    RST_STREAM: "ignored",
    WINDOW_UPDATE: "ignored",
    CONTINUATION: "connection PROTOCOL_ERROR",
    PUSH_PROMISE: "connection PROTOCOL_ERROR",
  },
  "closed, never used": {
    DATA: "stream STREAM_CLOSED",
    "DATA END_STREAM": "stream STREAM_CLOSED",
    HEADERS: "connection PROTOCOL_ERROR",
    "HEADERS END_STREAM": "connection PROTOCOL_ERROR",
    PRIORITY: "ignored",
    RST_STREAM: "ignored",
    WINDOW_UPDATE: "ignored",
    CONTINUATION: "connection PROTOCOL_ERROR",
    PUSH_PROMISE: "connection PROTOCOL_ERROR",
  },
}

function outcome(lab: Lab, frame: Buffer): string {
  lab.send(frame)
  const [event] = lab.events.lines
  if (lab.events.fault !== null) return `connection ${lab.said().at(-1)!.split(" ").at(-1)}`
  if (event !== undefined) return `event ${event}`
  const [said] = lab.said()
  return said === undefined ? "ignored" : `stream ${said.split(" ").at(-1)}`
}

describe.each(Object.keys(states) as State[])("a stream that is %s", (state) => {
  test.each(Object.entries(table[state]))("%s: %s", (name, expected) => {
    const lab = states[state]()
    expect(outcome(lab, frames[name as FrameName])).toBe(expected)
    if (expected.startsWith("connection")) return
    // Whatever became of it, its neighbours go on.
    quiet(lab).send(dsl.headers(ID + 10, dsl.request))
    expect(lab.events.lines).toEqual([`request ${ID + 10} /test.Echo/Chat`])
  })
})

describe("a client's stream", () => {
  const list = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"])

  function asked(endStream = false): Lab {
    const lab = new Lab("client")
    lab.events.streams.set(1, lab.connection.open(list, endStream, false, "test"))
    return quiet(lab)
  }

  test("takes its response in every legal order", () => {
    const lab = asked(true)
    lab.send(
      dsl.headers(1, [[":status", "103"]]),
      dsl.headers(1, dsl.response),
      dsl.data(1, "x"),
      dsl.headers(1, dsl.okTrailers, { endStream: true }),
    )
    expect(lab.events.lines).toEqual([
      "informational 1 103",
      "response 1 200",
      "data 1 x",
      "trailers 1 grpc-status 0",
    ])
    expect(lab.connection.streams.size).toBe(0)
  })

  test.each([
    ["DATA before the head", dsl.data(1, "x"), "reset 1 PROTOCOL_ERROR local"],
    [
      "an interim response that ends it",
      dsl.headers(1, [[":status", "100"]], { endStream: true }),
      "reset 1 PROTOCOL_ERROR local",
    ],
    [
      "101, which HTTP/2 has no use for",
      dsl.headers(1, [[":status", "101"]]),
      "reset 1 PROTOCOL_ERROR local",
    ],
    ["a head without :status", dsl.headers(1, [["x", "y"]]), "reset 1 PROTOCOL_ERROR local"],
  ])("%s is malformed", (_what, frame, expected) => {
    const lab = asked()
    lab.send(frame)
    expect(lab.events.lines).toEqual([expected])
    expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
  })

  test("16 interim responses are let by, the next one ends the stream", () => {
    const lab = asked()
    for (let i = 0; i < 16; i++) lab.send(dsl.headers(1, [[":status", "103"]]))
    expect(lab.said()).toEqual([])
    lab.send(dsl.headers(1, [[":status", "103"]]))
    expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
    expect(lab.events.limits).toContain("interim_responses_exceeded")
  })

  test("a second head is trailers, and those must end the stream", () => {
    const lab = asked()
    lab.send(dsl.headers(1, dsl.response), dsl.headers(1, dsl.response))
    expect(lab.events.lines.at(-1)).toBe("reset 1 PROTOCOL_ERROR local")
    expect(lab.events.limits).toContain("trailers_malformed")
  })

  test.each([
    ["HEADERS on a stream it never opened", dsl.headers(7, dsl.response), "PROTOCOL_ERROR"],
    ["HEADERS on a stream of the server's", dsl.headers(2, dsl.response), "PROTOCOL_ERROR"],
    ["DATA on a stream it never opened", dsl.data(7, "x"), "PROTOCOL_ERROR"],
    ["RST_STREAM on a stream it never opened", dsl.rstStream(7), "PROTOCOL_ERROR"],
    ["WINDOW_UPDATE on a stream it never opened", dsl.windowUpdate(7, 1), "PROTOCOL_ERROR"],
    ["a push", dsl.pushPromise(1, 2), "PROTOCOL_ERROR"],
  ])("%s ends the connection", (_what, frame, code) => {
    const lab = asked()
    lab.send(frame)
    expect(lab.said().at(-1)).toBe(`GOAWAY 0 ${code}`)
    expect(lab.events.lines).toEqual([`reset 1 ${code} connection`, `end ${code}`])
  })

  test("what arrives after our RST_STREAM is counted against the windows and ignored", () => {
    const lab = asked()
    lab.events.streams.get(1)!.reset(ErrorCode.CANCEL)
    quiet(lab).send(
      dsl.headers(1, dsl.response),
      dsl.data(1, "late"),
      dsl.headers(1, dsl.okTrailers, { endStream: true }),
    )
    expect([lab.events.lines, lab.said()]).toEqual([[], []])
  })

  test("what a backend that was frozen says of streams given up thousands of streams ago is ignored too", () => {
    const lab = new Lab("client")
    const streams = Array.from({ length: 3000 }, () => lab.connection.open(list, false, false, "test"))
    for (const stream of streams) stream.reset(ErrorCode.CANCEL)
    quiet(lab)
    for (const { id } of streams)
      lab.send(
        dsl.headers(id, dsl.response),
        dsl.data(id, "x"),
        dsl.headers(id, dsl.okTrailers, { endStream: true }),
      )
    expect([lab.events.lines, lab.said()]).toEqual([[], []])
  })
})

describe("stream ids", () => {
  test("even ones are not a client's to open", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(2, dsl.request))
    expect(lab.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"])
  })

  test("they only rise", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(7, dsl.request), dsl.headers(3, dsl.request))
    expect(lab.said()).toEqual(["GOAWAY 7 PROTOCOL_ERROR"])
  })

  test("a client counts how many it has left", () => {
    expect(new Lab("client").connection.streamIdsLeft).toBe(2 ** 30)
  })

  test("past MAX_CONCURRENT_STREAMS: REFUSED_STREAM, and a place that is free again is taken", () => {
    const lab = new Lab("server", { maxConcurrentStreams: 2 })
    lab.send(dsl.headers(1, dsl.request), dsl.headers(3, dsl.request), dsl.headers(5, dsl.request))
    expect(lab.said()).toEqual(["RST_STREAM 5 REFUSED_STREAM"])
    expect(lab.events.limits).toEqual(["streams_refused"])
    lab.send(dsl.rstStream(1), dsl.headers(7, dsl.request))
    expect(lab.events.lines.at(-1)).toBe("request 7 /test.Echo/Chat")
  })

  test("a header block that is refused still counts for the table that all share", () => {
    // A literal with indexing on the refused stream, referred to by the next: RFC 7541 §2.2.
    const lab = new Lab("server", { maxConcurrentStreams: 1 })
    const named = Buffer.concat([dsl.headerBlock(dsl.request), Buffer.from("4003782d610162", "hex")])
    const indexed = Buffer.concat([dsl.headerBlock(dsl.request), Buffer.from([0xbe])])
    lab.send(dsl.headers(1, dsl.request), dsl.headers(3, named), dsl.rstStream(1), dsl.headers(5, indexed))
    expect(lab.events.fault).toBeNull()
    expect(lab.events.lines.at(-1)).toBe("request 5 /test.Echo/Chat")
  })
})

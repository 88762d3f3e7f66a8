import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { EventLog, Lab } from "../../test/support/memory-link.ts"
import { HeaderList } from "./header-list.ts"
import { readRequestHead, readResponseHead, readTrailers } from "./message-head.ts"

const list = (fields: readonly dsl.Field[]): HeaderList => new HeaderList(fields.flat())
const get: readonly dsl.Field[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/a?b=c"],
  [":authority", "test.example:8080"],
]
const readWith = (changes: Record<string, string | undefined>) =>
  readRequestHead(list(dsl.withFields(get, changes)))

describe("request pseudo-headers (RFC 9113 §8.3.1)", () => {
  test("what they say", () => {
    expect(readRequestHead(list(get))).toMatchObject({
      method: "GET",
      scheme: "https",
      path: "/a?b=c",
      authority: "test.example:8080",
      contentLength: -1,
    })
  })

  test.each([
    ["host stands in for :authority", { ":authority": undefined, host: "h" }, { authority: "h" }],
    [
      "both may stand there when they agree",
      { host: "Test.Example:8080" },
      { authority: "test.example:8080" },
    ],
    ["neither need be there", { ":authority": undefined }, { authority: "" }],
    ["OPTIONS *", { ":method": "OPTIONS", ":path": "*" }, { path: "*" }],
    ["CONNECT", { ":method": "CONNECT", ":scheme": undefined, ":path": undefined }, { path: "", scheme: "" }],
    ["an IPv6 authority", { ":authority": "[::1]:80" }, { authority: "[::1]:80" }],
    ["octets above 127 in a path", { ":path": "/\xe4\xbd\xa0" }, { path: "/\xe4\xbd\xa0" }],
    ["a method of one's own", { ":method": "PROP-find" }, { method: "PROP-find" }],
    ["te: trailers", { te: "trailers" }, {}],
    ["an empty value", { x: "" }, {}],
    ["a tab within a value", { x: "a\tb" }, {}],
    ["obs-text in a value", { x: "\xff" }, {}],
  ])("%s", (_what, changes, expected) => {
    expect(readWith(changes)).toMatchObject(expected)
  })

  test.each([
    ["no :method", { ":method": undefined }],
    ["no :scheme", { ":scheme": undefined }],
    ["no :path", { ":path": undefined }],
    ["an empty :method", { ":method": "" }],
    ["an empty :scheme", { ":scheme": "" }],
    ["a URL for a :scheme", { ":scheme": "http://other/a?" }],
    ["a :scheme that begins with a digit", { ":scheme": "2http" }],
    ["an octet above 127 in :scheme", { ":scheme": "htt\u00ff" }],
    ["an empty :path", { ":path": "" }],
    [":status in a request", { ":status": "200" }],
    [":protocol, which nobody offered", { ":protocol": "websocket" }],
    ["a path that is not absolute", { ":path": "a" }],
    ["a whole URL as path", { ":path": "http://evil/" }],
    ["* for anything but OPTIONS", { ":path": "*" }],
    ["a fragment", { ":path": "/a#b" }],
    ["white space in a path", { ":path": "/a b" }],
    ["a control character in a path", { ":path": "/a\x01" }],
    ["DEL in a path", { ":path": "/a\x7f" }],
    ["userinfo in :authority", { ":authority": "user@test.example" }],
    ["a path in :authority", { ":authority": "test.example/a" }],
    ["white space in :authority", { ":authority": "test. example" }],
    ["userinfo in host alone", { ":authority": undefined, host: "user@test.example" }],
    ["host against :authority", { host: "evil.example" }],
    ["host against an empty :authority", { ":authority": "", host: "evil.example" }],
    ["a method with a space", { ":method": "GET /" }],
    ["CONNECT with a path", { ":method": "CONNECT", ":scheme": undefined }],
    [
      "CONNECT without :authority",
      { ":method": "CONNECT", ":scheme": undefined, ":path": undefined, ":authority": undefined },
    ],
  ])("%s is malformed", (_what, changes) => {
    expect(readWith(changes as Record<string, string | undefined>)).toEqual(expect.any(String))
  })

  test.each([
    ["a pseudo-header twice", [...get, [":path", "/b"]]],
    ["a pseudo-header twice in a row", [[":path", "/b"], ...get]],
    ["a pseudo-header after a field", [...get.slice(1), ["x", "y"], get[0]!]],
    ["host twice, whatever they say", [...get, ["host", "test.example:8080"], ["host", "evil.example"]]],
    ["nothing at all", []],
  ] as [string, dsl.Field[]][])("%s is malformed", (_what, fields) => {
    expect(readRequestHead(list(fields))).toEqual(expect.any(String))
  })
})

describe("fields (RFC 9113 §8.2)", () => {
  const names: [string, string][] = [
    ["upper case", "X-Upper"],
    ["an empty name", ""],
    ["a space", "x y"],
    ["a colon within", "x:y"],
    ["a control character", "x\x01"],
    ["an octet above 127", "x\xff"],
    ["a line feed", "x\ny"],
  ]
  const values: [string, string][] = [
    ["NUL", "a\0b"],
    ["CR", "a\rb"],
    ["LF", "a\nb"],
    ["a leading space", " a"],
    ["a trailing space", "a "],
    ["a leading tab", "\ta"],
    ["a trailing tab", "a\t"],
    ["nothing but a space", " "],
  ]
  const connection: dsl.Field[] = [
    ["connection", "close"],
    ["proxy-connection", "close"],
    ["keep-alive", "timeout=5"],
    ["transfer-encoding", "chunked"],
    ["upgrade", "h2c"],
    ["te", "gzip"],
    ["te", "trailers, deflate"],
    ["te", ""],
  ]
  const read = {
    request: (field: dsl.Field) => readRequestHead(list([...get, field])),
    response: (field: dsl.Field) => readResponseHead(list([[":status", "200"], field])),
    requestTrailers: (field: dsl.Field) => readTrailers(list([field]), false),
    responseTrailers: (field: dsl.Field) => readTrailers(list([field]), true),
  }
  /** What a field has become; null: it is left out. A string begins with what is wrong. */
  const become = (how: keyof typeof read, field: dsl.Field): string | null => {
    const result = read[how](field)
    if (typeof result === "string") return `malformed: ${result}`
    const { fields } = result instanceof HeaderList ? result : result.list
    const at = fields.indexOf(field[0])
    return at < 0 ? null : `value ${fields[at + 1]}`
  }
  const all = ["request", "requestTrailers", "response", "responseTrailers"] as const
  const malformed = expect.stringMatching(/^malformed: /)

  test.each(names)("a name with %s is malformed", (_what, name) => {
    for (const how of all) expect(become(how, [name, "v"])).toEqual(malformed)
  })

  test.each([
    ["a leading space", " a", "a"],
    ["a trailing space", "a ", "a"],
    ["a leading tab", "\ta", "a"],
    ["a trailing tab", "a\t", "a"],
    ["many of both, at both ends", " \t a\tb \t ", "a\tb"],
    ["nothing but blanks", " \t ", ""],
    ["a space that is none of HTTP's", "\xa0a\xa0", "\xa0a\xa0"],
  ])("a value with %s goes without, in either direction", (_what, value, expected) => {
    for (const how of all) {
      expect(become(how, ["x", value])).toBe(`value ${expected}`)
      expect(become(how, ["grpc-message", value])).toBe(`value ${expected}`)
    }
  })

  test.each([
    ["NUL", "a\0b", "a b", "a%00b"],
    ["CR", "a\rb", "a b", "a%0Db"],
    ["LF", "a\nb", "a b", "a%0Ab"],
    ["CR LF and what looks like a field", "a\r\nx-admin: yes", "a  x-admin: yes", "a%0D%0Ax-admin: yes"],
    ["LF at its end", "a\n", "a", "a%0A"],
    ["blanks before a LF", "a \n", "a", "a %0A"],
  ])(
    "a value with %s: a request's is malformed, an answer's goes without",
    (_what, value, mended, message) => {
      expect(become("request", ["x", value])).toEqual(malformed)
      expect(become("requestTrailers", ["x", value])).toEqual(malformed)
      for (const how of ["response", "responseTrailers"] as const) {
        expect(become(how, ["x", value])).toBe(`value ${mended}`)
        expect(become(how, ["grpc-message", value])).toBe(`value ${message}`)
      }
    },
  )

  test.each(connection)("%s: %s of a request is malformed, of an answer left out", (name, value) => {
    expect(become("request", [name, value])).toEqual(malformed)
    expect(become("requestTrailers", [name, value])).toEqual(malformed)
    expect(become("response", [name, value])).toBeNull()
    expect(become("responseTrailers", [name, value])).toBeNull()
  })

  test("an answer's :status may have blanks too", () => {
    expect(readResponseHead(list([[":status", " 200 "]]))).toMatchObject({ status: 200 })
  })

  test("what may not be indexed stays so, wherever its place is afterwards", () => {
    const fields = [":status", "200", "connection", "close", "x-a", "1 ", "authorization", "t "]
    const head = readResponseHead(new HeaderList(fields, new Set([1, 3]))) as { list: HeaderList }
    expect(head.list.fields).toEqual([":status", "200", "x-a", "1", "authorization", "t"])
    expect(head.list.neverIndexed).toEqual(new Set([2]))
  })

  test("a list with nothing to mend stays the very same, so that codecs know it again", () => {
    const fields = list([...get, ["x", "a"]])
    expect(readRequestHead(fields)).toHaveProperty("list", fields)
    const answer = list([[":status", "200"]])
    expect(readResponseHead(answer)).toHaveProperty("list", answer)
    const trailers = list([["grpc-status", "0"]])
    expect(readTrailers(trailers, true)).toBe(trailers)
  })

  test("expect is left out of a request, for it is met here", () => {
    const head = readRequestHead(list([...get, ["expect", "100-continue"], ["x", "a"]]))
    expect((head as { list: HeaderList }).list.fields.slice(8)).toEqual(["x", "a"])
  })

  test.each(values)("pseudo-header with %s", (_what, value) => {
    expect(readWith({ ":authority": value })).toEqual(expect.any(String))
  })

  test.each(["__proto__", "constructor", "hasownproperty"])("%s is a name like any other", (name) => {
    const head = readRequestHead(list([...get, [name, "v"]]))
    expect(head).toMatchObject({ method: "GET" })
    expect((head as { list: HeaderList }).list.get(name)).toBe("v")
  })
})

describe("content-length (RFC 9110 §8.6)", () => {
  test.each([
    ["0", 0],
    ["5", 5],
    ["0005", 5],
    ["999999999999999", 999_999_999_999_999],
  ])("%s", (text, expected) => {
    expect(readWith({ "content-length": text })).toMatchObject({ contentLength: expected })
  })

  test.each(["", "-1", "+1", "5.0", "5 5", "0x5", "5, 5", "١", "9999999999999999", "NaN"])(
    "%j is malformed",
    (text) => {
      expect(readWith({ "content-length": text })).toEqual(expect.any(String))
    },
  )

  test("twice the same is one; twice another is malformed", () => {
    const twice = (a: string, b: string) =>
      readRequestHead(list([...get, ["content-length", a], ["content-length", b]]))
    expect(twice("5", "5")).toMatchObject({ contentLength: 5 })
    expect(twice("5", "6")).toEqual(expect.any(String))
  })
})

describe("responses (RFC 9113 §8.3.2)", () => {
  test.each([
    ["100", 100],
    ["204", 204],
    ["999", 999],
  ])(":status %s", (text, status) =>
    expect(readResponseHead(list([[":status", text]]))).toMatchObject({ status }),
  )

  test.each(["", "20", "2000", "099", "abc", "2x0", "101"])(":status %j is malformed", (text) => {
    expect(readResponseHead(list([[":status", text]]))).toEqual(expect.any(String))
  })

  test.each([
    [
      "twice",
      [
        [":status", "200"],
        [":status", "200"],
      ],
    ],
    [
      "after a field",
      [
        ["x", "y"],
        [":status", "200"],
      ],
    ],
    [
      "with a request's beside it",
      [
        [":status", "200"],
        [":path", "/"],
      ],
    ],
    ["missing", [["x", "y"]]],
  ] as [string, dsl.Field[]][])(":status %s is malformed", (_what, fields) => {
    expect(readResponseHead(list(fields))).toEqual(expect.any(String))
  })
})

describe("DATA against content-length", () => {
  const asking = (length: string): dsl.Field[] => dsl.withFields(dsl.request, { "content-length": length })

  test.each([
    [
      "as much as was said",
      [dsl.headers(1, asking("5")), dsl.data(1, "He"), dsl.data(1, "llo", { endStream: true })],
      null,
    ],
    ["none, as was said", [dsl.headers(1, asking("0"), { endStream: true })], null],
    [
      "padding does not count",
      [dsl.headers(1, asking("5")), dsl.data(1, "Hello", { padding: 7, endStream: true })],
      null,
    ],
    [
      "then trailers",
      [dsl.headers(1, asking("5")), dsl.data(1, "Hello"), dsl.headers(1, [["x", "y"]], { endStream: true })],
      null,
    ],
    ["more", [dsl.headers(1, asking("5")), dsl.data(1, "Hello!")], "RST_STREAM 1 PROTOCOL_ERROR"],
    [
      "less",
      [dsl.headers(1, asking("5")), dsl.data(1, "Hell", { endStream: true })],
      "RST_STREAM 1 PROTOCOL_ERROR",
    ],
    [
      "less, before trailers",
      [dsl.headers(1, asking("5")), dsl.headers(1, [["x", "y"]], { endStream: true })],
      "RST_STREAM 1 PROTOCOL_ERROR",
    ],
    [
      "none though some were said",
      [dsl.headers(1, asking("5"), { endStream: true })],
      "RST_STREAM 1 PROTOCOL_ERROR",
    ],
  ] as [string, Buffer[], string | null][])("%s", (_what, frames, expected) => {
    const lab = new Lab("server")
    lab.send(...frames)
    expect(lab.said()).toEqual(expected === null ? [] : [expected])
  })

  test.each([
    [
      "an answer to HEAD",
      true,
      [
        [":status", "200"],
        ["content-length", "5"],
      ],
      "response 1 200 END_STREAM",
    ],
    [
      "304",
      false,
      [
        [":status", "304"],
        ["content-length", "5"],
      ],
      "response 1 304 END_STREAM",
    ],
    ["204", false, [[":status", "204"]], "response 1 204 END_STREAM"],
    [
      "gRPC's Trailers-Only",
      false,
      [
        [":status", "200"],
        ["content-length", "12"],
        ["grpc-status", "5"],
      ],
      "response 1 200 END_STREAM",
    ],
    [
      "any other",
      false,
      [
        [":status", "200"],
        ["content-length", "5"],
      ],
      "reset 1 PROTOCOL_ERROR local",
    ],
  ] as [string, boolean, dsl.Field[], string][])(
    "a length with nothing behind it: %s",
    (_what, isHead, fields, expected) => {
      const lab = new Lab("client")
      lab.connection.open(list(get), true, isHead, "test")
      lab.send(dsl.headers(1, fields, { endStream: true }))
      expect(lab.events.lines).toEqual([expected])
    },
  )

  test.each([
    ["HEAD", true, "200"],
    ["204", false, "204"],
    ["304", false, "304"],
  ] as [string, boolean, string][])("DATA in an answer that has none: %s", (_what, isHead, status) => {
    const lab = new Lab("client")
    lab.connection.open(list(get), true, isHead, "test")
    lab.send(dsl.headers(1, [[":status", status]]), dsl.data(1, "x"))
    expect(lab.events.lines.at(-1)).toBe("reset 1 PROTOCOL_ERROR local")
  })

  test.each([
    ["HEAD", true, "200"],
    ["204", false, "204"],
  ] as [string, boolean, string][])(
    "an empty DATA frame may end an answer that has none: %s",
    (_what, isHead, status) => {
      const lab = new Lab("client")
      lab.connection.open(list(get), true, isHead, "test")
      lab.send(dsl.headers(1, [[":status", status]]), dsl.data(1, "", { endStream: true }))
      expect(lab.events.lines.at(-1)).toBe("data 1  END_STREAM")
    },
  )
})

describe("a malformed message", () => {
  test("ends its stream, is counted, and leaves the others alone", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, [...dsl.request, ["connection", "close"]]), dsl.headers(3, dsl.request))
    expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
    expect(lab.events.lines).toEqual([
      "refused 1 header_malformed application/grpc",
      "request 3 /test.Echo/Chat",
    ])
    expect(lab.events.limits).toEqual(["header_malformed", "abuse_made_to_reset"])
  })

  const answer = new HeaderList([":status", "400"])
  const answering = (): EventLog => {
    const events = new EventLog()
    events.onRefusedRequest = (stream, list) => {
      stream.owner = "test"
      events.lines.push(`refused ${stream.id} ${list.get(":path")}`)
      stream.sendHeaders(answer, true)
      // What owners do with a client that goes on: the fault's code goes out all the same, and once.
      if (!stream.remoteEnded) stream.reset(0)
      stream.chargePeer()
    }
    events.onRequestFault = (stream, code) => {
      events.lines.push(`fault ${stream.id} ${code} ${stream.queuedOctets}`)
      stream.sendHeaders(answer, true)
    }
    return events
  }

  test.each([
    ["that is whole", { endStream: true }],
    ["that goes on", {}],
  ])("a request %s is answered before its reset, and charged once", (_what, options) => {
    const lab = new Lab("server", { events: answering() })
    lab.send(dsl.headers(1, [...dsl.request, ["connection", "close"]], options))
    expect(lab.said()).toEqual(["HEADERS 1 END_STREAM :status=400", "RST_STREAM 1 PROTOCOL_ERROR"])
    expect(lab.events.lines).toEqual(["refused 1 /test.Echo/Chat"])
    expect(lab.events.limits).toEqual(["header_malformed", "abuse_made_to_reset"])
    // What was on its way is no fault.
    lab.send(dsl.data(1, "more"), dsl.headers(3, dsl.request))
    expect([lab.said(), lab.events.fault, lab.connection.streams.size]).toEqual([[], null, 1])
  })

  test.each([
    ["a body past its length", dsl.data(1, "123456"), 1],
    ["a body short of it", dsl.data(1, "1", { endStream: true }), 1],
    ["trailers short of it", dsl.headers(1, [["x", "y"]], { endStream: true }), 1],
    ["trailers that end nothing", dsl.headers(1, [["x", "y"]]), 1],
    ["trailers with LF", dsl.headers(1, [["x", "a\nb"]], { endStream: true }), 1],
  ])("%s is answered too, where there was no answer yet", (_what, frame, code) => {
    const lab = new Lab("server", { events: answering() })
    lab.send(dsl.headers(1, dsl.withFields(dsl.request, { "content-length": "5" })), frame)
    expect(lab.said()).toEqual(["HEADERS 1 END_STREAM :status=400", "RST_STREAM 1 PROTOCOL_ERROR"])
    expect(lab.events.lines).toEqual([
      "request 1 /test.Echo/Chat",
      `fault 1 ${code} 0`,
      "reset 1 PROTOCOL_ERROR local",
    ])
  })

  test("what waits for credit goes before the answer does, and the stream after it", () => {
    const lab = new Lab("server", { events: answering() })
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 0 }), dsl.headers(1, dsl.request))
    const stream = lab.events.streams.get(1)!
    stream.sendHeaders(new HeaderList([":status", "200"]), false)
    stream.sendData(Buffer.from("waits"), 0, 5, false)
    lab.said()
    lab.send(dsl.headers(1, [["x", "y"]]))
    expect(lab.said()).toEqual(["HEADERS 1 END_STREAM :status=400", "RST_STREAM 1 PROTOCOL_ERROR"])
    expect([lab.events.lines.at(-2), lab.connection.sender.queuedOctets]).toEqual(["fault 1 1 0", 0])
  })

  test("one whose answer was whole already is only reset", () => {
    const lab = new Lab("server", { events: answering() })
    lab.send(dsl.headers(1, dsl.request))
    lab.events.streams.get(1)!.sendHeaders(new HeaderList([":status", "200"]), true)
    lab.said()
    lab.send(dsl.headers(1, [["x", "y"]]))
    expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
    expect(lab.events.lines.at(-1)).toBe("reset 1 PROTOCOL_ERROR local")
  })

  test("a client of a request that is charged too often is told so at its next", () => {
    const events = new EventLog()
    events.onRequest = (stream) => {
      stream.owner = "test"
      stream.sendHeaders(answer, true)
      stream.chargePeer()
    }
    const lab = new Lab("server", { events })
    for (let i = 0; i < 200; i++) lab.send(dsl.headers(2 * i + 1, dsl.request, { endStream: true }))
    expect(lab.events.fault).toBeNull()
    lab.send(dsl.headers(1001, dsl.request, { endStream: true }))
    expect(lab.said().at(-1)).toBe("GOAWAY 1001 ENHANCE_YOUR_CALM")
    expect(new Set(lab.events.limits)).toEqual(new Set(["abuse_refused", "abuse_exhausted"]))
  })

  test("is not remembered as well formed: the same block again is refused again", () => {
    const lab = new Lab("server")
    for (const id of [1, 3, 5]) lab.send(dsl.headers(id, [...dsl.request, ["upgrade", "h2c"]]))
    expect(lab.said()).toEqual([1, 3, 5].map((id) => `RST_STREAM ${id} PROTOCOL_ERROR`))
  })
})

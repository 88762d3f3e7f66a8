import { describe, expect, test } from "vitest"
import { streamRecord, templateEnvironment } from "../../../test/support/stream-record.ts"
import { defaultRouteSettings } from "../../config/defaults.ts"
import type { RouteSettings } from "../../config/model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { cleanTrailers, RequestRewrite, ResponseRewrite } from "./head-rewrite.ts"

const env = templateEnvironment()
const record = streamRecord()
const settingsOf = (changes: Partial<RouteSettings>): RouteSettings => ({
  ...defaultRouteSettings(),
  ...changes,
})
const request = new HeaderList(
  [
    ":method",
    "POST",
    ":scheme",
    "http",
    ":path",
    "/a",
    ":authority",
    "x",
    "authorization",
    "secret",
    "x-a",
    "1",
    "x-a",
    "2",
  ],
  new Set([4]),
)

const sent = (changes: Partial<RouteSettings>, isTls = false, list = request): HeaderList =>
  new RequestRewrite(settingsOf(changes), isTls).apply(list, record, env)

describe("a request's head on its way up", () => {
  test("nothing to change: the very same list, so that HPACK knows it again", () => {
    expect(sent({})).toBe(request)
  })

  test("the same change gives the same list again", () => {
    const rewrite = new RequestRewrite(settingsOf({ setHeaders: [["x-b", "1"]] }), false)
    expect(rewrite.apply(request, record, env)).toBe(rewrite.apply(request, record, env))
  })

  test("a list of more than 4096 octets is not remembered", () => {
    const rewrite = new RequestRewrite(settingsOf({ setHeaders: [["x-b", "1"]] }), false)
    const kept = new HeaderList([...request.fields, "x-c", "y".repeat(3000)])
    const large = new HeaderList([...request.fields, "x-c", "y".repeat(4096)])
    expect(rewrite.apply(kept, record, env)).toBe(rewrite.apply(kept, record, env))
    expect(rewrite.apply(large, record, env)).not.toBe(rewrite.apply(large, record, env))
  })

  test.each([
    ["adds", [["X-B", "new"]], "x-a 1 x-a 2 x-b new"],
    ["replaces every one of a name by one", [["x-a", "3"]], "x-a 3"],
    ["removes by an empty value", [["x-a", ""]], ""],
    ["adds nothing by an empty value", [["x-b", ""]], "x-a 1 x-a 2"],
    [
      "sends both of a name twice",
      [
        ["x-b", "1"],
        ["x-c", "2"],
        ["X-B", "$request_method"],
      ],
      "x-a 1 x-a 2 x-b 1 x-c 2 x-b POST",
    ],
    [
      "replaces by both of a name twice",
      [
        ["x-a", "3"],
        ["x-a", "4"],
      ],
      "x-a 3 x-a 4",
    ],
    [
      "leaves out the empty one of two",
      [
        ["x-a", ""],
        ["x-a", "4"],
        ["x-b", "5"],
        ["x-b", ""],
      ],
      "x-b 5 x-a 4",
    ],
    ["renders templates", [["x-b", "$request_method"]], "x-a 1 x-a 2 x-b POST"],
  ] as [string, [string, string][], string][])("%s", (_what, setHeaders, expected) => {
    expect(sent({ setHeaders }).fields.slice(10).join(" ")).toBe(expected)
  })

  test("host sets :authority, and host itself goes", () => {
    const list = new HeaderList([
      ":method",
      "GET",
      ":scheme",
      "http",
      ":path",
      "/",
      ":authority",
      "x",
      "host",
      "x",
    ])
    expect(sent({ setHeaders: [["Host", "backend"]] }, false, list).fields).toEqual([
      ":method",
      "GET",
      ":scheme",
      "http",
      ":path",
      "/",
      ":authority",
      "backend",
    ])
  })

  test("where only host stood, :authority comes first, and what is never indexed stays so", () => {
    const list = new HeaderList(
      [":method", "GET", ":scheme", "http", ":path", "/", "host", "x", "authorization", "s"],
      new Set([4]),
    )
    const { fields, neverIndexed } = sent({ setHeaders: [["host", "backend"]] }, false, list)
    expect(fields.slice(0, 2)).toEqual([":authority", "backend"])
    expect([...neverIndexed!].map((at) => fields[at * 2])).toEqual(["authorization"])
    expect(fields).not.toContain("host")
  })

  test("of two hosts the last is :authority", () => {
    const rewritten = sent({
      setHeaders: [
        ["host", "a"],
        ["Host", "b"],
      ],
    })
    expect(rewritten.fields.filter((_, i) => rewritten.fields[i - 1] === ":authority")).toEqual(["b"])
  })

  test(":scheme says what the upstream's connection is", () => {
    expect(sent({}, true).get(":scheme")).toBe("https")
    expect([...sent({}, true).neverIndexed!].map((at) => sent({}, true).fields[at * 2])).toEqual([
      "authorization",
    ])
  })
})

describe("what HTTP/2 takes of a request", () => {
  const pathOnly = [":method", "GET", ":scheme", "http", ":path", "/"]
  const named = (set: [string, string][], fields: string[] = []): readonly string[] =>
    sent({ setHeaders: set }, false, new HeaderList([...pathOnly, ...fields])).fields.slice(pathOnly.length)

  test.each<[string, [string, string][], string[], string[]]>([
    ["a field of the connection is never written", [["Connection", "close"]], ["a", "b"], ["a", "b"]],
    ["it may be removed", [["connection", ""]], ["connection", "x", "a", "b"], ["a", "b"]],
    ["te is trailers", [["te", "trailers"]], [], ["te", "trailers"]],
    ["any other te is not written", [["TE", "gzip"]], ["te", "trailers"], ["te", "trailers"]],
    ["te may be removed", [["te", ""]], ["te", "trailers"], []],
    [
      "te by a variable that is trailers",
      [["te", "$http_x_te"]],
      ["x-te", "trailers"],
      ["x-te", "trailers", "te", "trailers"],
    ],
    ["te by an empty variable is removed", [["te", "$http_x_te"]], ["te", "trailers"], []],
    [
      "te by a variable that is something else",
      [["te", "$http_x_te"]],
      ["te", "trailers", "x-te", "gzip"],
      ["te", "trailers", "x-te", "gzip"],
    ],
    ["white space at the ends goes, line breaks become spaces", [["x", " a\nb "]], [], ["x", "a b"]],
  ])("%s", (_, set, fields, expected) => {
    const list = new HeaderList([...pathOnly, ...fields])
    const ofRequest = streamRecord({ requestHeaders: list })
    const rewritten = new RequestRewrite(settingsOf({ setHeaders: set }), false).apply(list, ofRequest, env)
    expect(rewritten.fields.slice(pathOnly.length)).toEqual(expected)
  })

  test("a host that is none stays the client's", () => {
    const list = new HeaderList([...pathOnly, ":authority", "x", "host", "x"])
    for (const set of [[["Host", "a b"]], [["host", "$http_x_none/"]]] as [string, string][][])
      expect(sent({ setHeaders: set }, false, list).get(":authority")).toBe("x")
  })

  test("an empty host stays the client's, and so does its host field", () => {
    const list = new HeaderList([...pathOnly, ":authority", "x", "host", "x"])
    const { fields } = sent(
      {
        setHeaders: [
          ["host", ""],
          ["x-a", "1"],
        ],
      },
      false,
      list,
    )
    expect(fields.slice(pathOnly.length)).toEqual([":authority", "x", "host", "x", "x-a", "1"])
  })

  test("where :authority is not written host stays", () => {
    expect(named([["x-a", "1"]], ["host", "x"])).toEqual(["host", "x", "x-a", "1"])
  })

  test("one variable is enough to render anew for every stream", () => {
    const rewrite = new RequestRewrite(
      settingsOf({
        setHeaders: [
          ["x-b", "1"],
          ["x-c", "$http_x_a"],
        ],
      }),
      false,
    )
    const list = new HeaderList([...pathOnly, "x-a", "1"])
    const of = (value: string): string | undefined =>
      rewrite
        .apply(list, streamRecord({ requestHeaders: new HeaderList([...pathOnly, "x-a", value]) }), env)
        .get("x-c")
    expect([of("1"), of("2")]).toEqual(["1", "2"])
  })

  test("a memory that two lists share a slot of tells neither the other's", () => {
    const rewrite = new RequestRewrite(settingsOf({ setHeaders: [["x-b", "1"]] }), false)
    const lists = Array.from({ length: 100 }, (_, at) => new HeaderList([...pathOnly, "x-n", `${at}`]))
    for (let round = 0; round < 2; round++)
      for (const [at, list] of lists.entries())
        expect(rewrite.apply(list, record, env).get("x-n")).toBe(`${at}`)
  })

  test("the largest list that is remembered has 4,096 octets", () => {
    const rewrite = new RequestRewrite(settingsOf({ setHeaders: [["x-b", "1"]] }), false)
    const empty = new HeaderList([...pathOnly, "x-c", ""])
    const of = (octets: number): HeaderList =>
      new HeaderList([...pathOnly, "x-c", "y".repeat(octets - empty.octets)])
    const isKnown = (list: HeaderList): boolean => {
      const first = rewrite.apply(list, record, env)
      return rewrite.apply(list, record, env) === first
    }
    expect([isKnown(of(4096)), isKnown(of(4097))]).toEqual([true, false])
  })

  test("a list without fields that may not be indexed has none afterwards", () => {
    expect(sent({ setHeaders: [["x-b", "1"]] }, false, new HeaderList(pathOnly)).neverIndexed).toBeNull()
  })
})

describe("a response's head on its way down", () => {
  const response = new HeaderList([":status", "200", "server", "x", "x-secret", "1"])
  const got = (changes: Partial<RouteSettings>, status = 200): string =>
    new ResponseRewrite(settingsOf(changes)).apply(response, status, record, env).fields.slice(2).join(" ")

  test("nothing to change: the very same list", () => {
    expect(new ResponseRewrite(settingsOf({})).apply(response, 200, record, env)).toBe(response)
  })

  test.each([
    [{ hideHeaders: ["X-Secret"] }, 200, "server x"],
    [{ hideHeaders: ["x-secret"], passHeaders: ["X-Secret"] }, 200, "server x x-secret 1"],
    [{ addHeaders: [{ name: "X-B", template: "y", always: false }] }, 200, "server x x-secret 1 x-b y"],
    [{ addHeaders: [{ name: "x-b", template: "y", always: false }] }, 500, "server x x-secret 1"],
    [{ addHeaders: [{ name: "x-b", template: "y", always: true }] }, 500, "server x x-secret 1 x-b y"],
    [{ addHeaders: [{ name: "x-b", template: "", always: true }] }, 200, "server x x-secret 1"],
  ])("%j with status %i", (changes, status, expected) => expect(got(changes, status)).toBe(expected))

  test.each<[string, Partial<RouteSettings>, string]>([
    [
      "te has no meaning in a response",
      { addHeaders: [{ name: "te", template: "trailers", always: true }] },
      "server x x-secret 1",
    ],
    [
      "nor has a field of the connection",
      { addHeaders: [{ name: "Upgrade", template: "h2c", always: true }] },
      "server x x-secret 1",
    ],
    [
      "host is a field like others",
      { addHeaders: [{ name: "Host", template: "a b", always: true }] },
      "server x x-secret 1 host a b",
    ],
    [":status cannot be hidden", { hideHeaders: [":status"] }, "server x x-secret 1"],
    [
      "hidden and added",
      { hideHeaders: ["x-secret"], addHeaders: [{ name: "x-b", template: "y", always: true }] },
      "server x x-b y",
    ],
  ])("%s", (_, changes, expected) => {
    const rewritten = new ResponseRewrite(settingsOf(changes)).apply(response, 200, record, env)
    expect(rewritten.get(":status")).toBe("200")
    expect(got(changes)).toBe(expected)
  })

  test.each<[what: string, added: [name: string, template: string][], expected: string]>([
    ["is replaced where it stands", [["ETag", "b"]], "etag b x 1 last-modified c"],
    ["is removed by nothing", [["etag", ""]], "x 1 last-modified c"],
    ["is added where there is none, and others stay", [["x", "2"]], "etag a x 1 last-modified c x 2"],
    [
      "the last one counts",
      [
        ["Last-Modified", ""],
        ["last-modified", "d"],
      ],
      "etag a x 1 last-modified d",
    ],
    ["what it was is known until then", [["etag", "$sent_http_etag-z"]], "etag a-z x 1 last-modified c"],
  ])("an answer has one etag and one last-modified, which %s", (_what, added, expected) => {
    const list = new HeaderList([":status", "200", "etag", "a", "x", "1", "last-modified", "c"], new Set([2]))
    const addHeaders = added.map(([name, template]) => ({ name, template, always: true }))
    const rewritten = new ResponseRewrite(settingsOf({ addHeaders })).apply(list, 200, record, env)
    const { fields, neverIndexed } = rewritten
    expect(fields.slice(2).join(" ")).toBe(expected)
    expect([...neverIndexed!].map((at) => fields[2 * at])).toEqual(["x"])
  })

  test.each<[string, Partial<RouteSettings>, string]>([
    [
      "what the backend said",
      { addHeaders: [{ name: "x-b", template: "[$sent_http_server]", always: false }] },
      "x-b [x]",
    ],
    [
      "what is hidden is not sent",
      {
        hideHeaders: ["server"],
        addHeaders: [{ name: "x-b", template: "[$sent_http_server]", always: false }],
      },
      "x-b []",
    ],
    [
      "what was added before",
      {
        addHeaders: [
          { name: "x-a", template: "1", always: false },
          { name: "x-b", template: "[$sent_http_x_a$sent_http_x_b]", always: false },
        ],
      },
      "x-b [1]",
    ],
    ["the time that it is good for", { expires: "$sent_http_x_secret" }, "cache-control max-age=1"],
  ])("$sent_http_NAME while it is made: %s", (_, changes, expected) => {
    const before = record.responseHeaders
    expect(got(changes)).toContain(expected)
    expect(record.responseHeaders).toBe(before)
  })

  test("what is hidden is remembered; what is added is made anew", () => {
    const hides = new ResponseRewrite(settingsOf({ hideHeaders: ["x-secret"] }))
    expect(hides.apply(response, 200, record, env)).toBe(hides.apply(response, 200, record, env))
    const adds = new ResponseRewrite(
      settingsOf({
        hideHeaders: ["x-secret"],
        addHeaders: [{ name: "x-b", template: "$status", always: true }],
      }),
    )
    const of = (status: number): string | undefined =>
      adds.apply(response, status, streamRecord({ status }), env).get("x-b")
    expect([of(200), of(503)]).toEqual(["200", "503"])
  })

  test.each<[string, string[], string, string | undefined]>([
    [
      "a head that has a grpc-status keeps it, and its message",
      [":status", "200", "grpc-status", "5"],
      "5",
      undefined,
    ],
    ["one that has none is given both", [":status", "200"], "0", "fine"],
  ])("%s", (_, fields, status, message) => {
    const addHeaders = [
      { name: "x-b", template: "y", always: true },
      { name: "grpc-status", template: "0", always: true },
      { name: "grpc-message", template: "fine", always: true },
    ]
    const { fields: added } = new ResponseRewrite(settingsOf({ addHeaders })).addTo(
      new HeaderList(fields),
      200,
      record,
      env,
    )
    const list = new HeaderList(added)
    expect([list.get("grpc-status"), list.get("grpc-message"), list.get("x-b")]).toEqual([
      status,
      message,
      "y",
    ])
    expect(added.filter((name) => name === "grpc-status")).toHaveLength(1)
  })

  test("nothing to add: the very same list", () => {
    expect(
      new ResponseRewrite(settingsOf({ hideHeaders: ["server"] })).addTo(response, 200, record, env),
    ).toBe(response)
  })

  test("without always it is added to nginx's statuses only", () => {
    const addHeaders = [{ name: "x-b", template: "y", always: false }]
    const statuses = Array.from({ length: 400 }, (_, i) => 200 + i)
    const added = statuses.filter((status) => got({ addHeaders }, status).endsWith("x-b y"))
    expect(added).toEqual([200, 201, 204, 206, 301, 302, 303, 304, 307, 308])
  })
})

describe("trailers", () => {
  test("nothing to take out: the very same list", () => {
    const list = new HeaderList(["grpc-status", "0"])
    expect(cleanTrailers(list)).toBe(list)
  })

  test("fields that frame a message go", () => {
    const list = new HeaderList([
      "grpc-status",
      "0",
      "content-length",
      "5",
      "te",
      "trailers",
      "host",
      "evil",
      "x",
      "y",
    ])
    expect(cleanTrailers(list).fields).toEqual(["grpc-status", "0", "x", "y"])
  })

  const secret = new HeaderList(["grpc-status", "0", "x-secret", "1", "te", "trailers"])
  test.each([
    [{}, "grpc-status 0 x-secret 1"],
    [{ hideHeaders: ["X-Secret"] }, "grpc-status 0"],
    [{ hideHeaders: ["x-secret"], passHeaders: ["X-Secret"] }, "grpc-status 0 x-secret 1"],
  ])("with %j they are %s", (changes, expected) =>
    expect(new ResponseRewrite(settingsOf(changes)).trailers(secret).fields.join(" ")).toBe(expected),
  )

  test("the same trailers become the same list again; with nothing to hide they are the very same", () => {
    const rewrite = new ResponseRewrite(settingsOf({ hideHeaders: ["x-secret"] }))
    const plain = new HeaderList(["grpc-status", "0"])
    expect(rewrite.trailers(secret)).toBe(rewrite.trailers(secret))
    expect(rewrite.trailers(plain)).toBe(plain)
  })
})

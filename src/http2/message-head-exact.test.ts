import { describe, expect, test } from "vitest"
import { authorityProblem, clientAuthorityProblem } from "./authority.ts"
import { HeaderList } from "./header-list.ts"
import {
  headAsFarAsKnown,
  readRequestHead,
  readResponseHead,
  readTrailers,
  withoutLength,
} from "./message-head.ts"
import { requestHeadOf, responseHeadOf } from "./message-heads.ts"

/** What is allowed in a message, octet by octet, and what is said of what is not. */

type Fields = readonly (readonly [string, string])[]
const REQUEST: Fields = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "a.example"],
]
const RESPONSE: Fields = [[":status", "200"]]
const listOf = (fields: Fields): HeaderList => new HeaderList(fields.flat())

/** The request with some fields changed or left out, and others behind it. */
function request(changes: Readonly<Record<string, string | null>>, ...more: Fields): HeaderList {
  const pseudo = REQUEST.map(([name, value]) => [name, name in changes ? changes[name]! : value] as const)
  return listOf([...pseudo.filter(([, value]) => value !== null), ...more])
}

const problemOf = (list: HeaderList): string | null => {
  const head = readRequestHead(list)
  return typeof head === "string" ? head : null
}

/** The octets, of all there are, that may stand in the middle of a text, as a text. */
function allowed(isAllowed: (octet: string) => boolean): string {
  return Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet))
    .filter(isAllowed)
    .join("")
}

const ALPHA = "abcdefghijklmnopqrstuvwxyz"
const DIGITS = "0123456789"
const sorted = (text: string): string => text.split("").sort().join("")

describe("octets that may stand in", () => {
  const tokens = "!#$%&'*+-.^_`|~"

  test("a field name (RFC 9110 §5.6.2, RFC 9113 §8.2.1), at either end too", () => {
    const expected = sorted(tokens + DIGITS + ALPHA)
    expect(allowed((octet) => problemOf(request({}, [`x${octet}x`, ""])) === null)).toBe(expected)
    expect(allowed((octet) => problemOf(request({}, [`${octet}x`, ""])) === null)).toBe(expected)
    expect(allowed((octet) => problemOf(request({}, [`x${octet}`, ""])) === null)).toBe(expected)
  })

  test("a field value: all but NUL, CR and LF", () => {
    const wrong = allowed((octet) => problemOf(request({}, ["x", `a${octet}b`])) !== null)
    expect(wrong).toBe("\0\n\r")
    expect(problemOf(request({}, ["x", "\0"]))).toBe("the value of x has octet 0x0")
    expect(problemOf(request({}, ["x", "a\r"]))).toBe("the value of x has octet 0xd")
  })

  test("a method", () => {
    const expected = sorted(tokens + DIGITS + ALPHA + ALPHA.toUpperCase())
    expect(allowed((octet) => problemOf(request({ ":method": `A${octet}B` })) === null)).toBe(expected)
    expect(allowed((octet) => problemOf(request({ ":method": octet })) === null)).toBe(expected)
  })

  test("a path: no blank, no control character, no fragment", () => {
    const wrong = allowed((octet) => problemOf(request({ ":path": `/${octet}x` })) !== null)
    const controls = Array.from({ length: 0x21 }, (_, octet) => String.fromCharCode(octet)).join("")
    expect(wrong).toBe(`${controls}#\x7f`)
  })

  test("an authority: what no other parser reads otherwise", () => {
    const wrong = allowed((octet) => authorityProblem(`a${octet}b`) !== null)
    const controls = Array.from({ length: 0x21 }, (_, octet) => String.fromCharCode(octet)).join("")
    const high = Array.from({ length: 0x81 }, (_, at) => String.fromCharCode(0x7f + at)).join("")
    expect(wrong).toBe(`${controls}#/:?@[\\]${high}`)
    for (const at of ["@", "a@"]) expect(authorityProblem(at)).toBe(":authority has octet 0x40")
    expect(authorityProblem("")).toBeNull()
  })

  test.each([
    ...[
      "a",
      "A.b-c_d.example.",
      "a:",
      "a.:80",
      "127.0.0.1:65535",
      "a:00080",
      "[::1]",
      "[::ffff:192.0.2.1]:1",
    ],
    ...["outbound_.80_._.a", "%2Frun%2Fa.sock", "[v7.a]", "a|b", ".a"],
  ])("an authority that is a host: %s", (authority) => {
    expect([authorityProblem(authority), clientAuthorityProblem(authority)]).toEqual([null, null])
  })

  test.each([
    "10.0.0.1:50051,10.0.0.2:50051",
    "[::1]:5,[::2]:6",
    "a:1,b",
    "2001:db8::1",
    "::1",
    "fe80::1%eth0",
    "unix:%2F%2F%2Frun%2Fa.sock",
  ])("what only gRPC clients say, over HTTP/2: %s", (authority) => {
    expect(problemOf(request({ ":authority": authority }))).toBeNull()
    expect(readRequestHead(request({ ":authority": authority }), authorityProblem)).toBeTypeOf("string")
  })

  test.each([
    ["a..b", ":authority has an empty label"],
    ["a..", ":authority has an empty label"],
    ["[::1..2]", ":authority has an empty label"],
    [".", ":authority has no host"],
    [".:80", ":authority has no host"],
    [":80", ":authority has no host"],
    ["[::1", ":authority has no ]"],
    ["a[::1]", ":authority has octet 0x5b"],
    ["[[::1]", ":authority has octet 0x5b"],
    ["a]", ":authority has octet 0x5d"],
    ["a\\b", ":authority has octet 0x5c"],
    ["[::1]a", ":authority has no port after its host"],
    ["[::1].:80", ":authority has no port after its host"],
    ["a:80:90", ":authority has no port after its host"],
    ["a:8o", ":authority has no port after its host"],
    ["a:65536", ":authority has no port after its host"],
    [`a:${"9".repeat(400)}`, ":authority has no port after its host"],
    ["a:1,", ":authority has no port after its host"],
    ["a:1,,b:2", ":authority has no port after its host"],
    ["a:1,:2", ":authority has no port after its host"],
    ["a:1,b:65536", ":authority has no port after its host"],
    ["a:1,b..c", ":authority has an empty label"],
    ["a:1,.", ":authority has no port after its host"],
    ["a:1,me@b", ":authority has octet 0x40"],
    ["a:1,[::1", ":authority has octet 0x5b"],
    ["2001:db8::1::2", ":authority has no port after its host"],
    ["::1:80x", ":authority has no host"],
    ["unix:/run/a.sock", ":authority has octet 0x2f"],
    ["unix:%2", ":authority has no port after its host"],
    ["unix:%2F..%2Fa", ":authority has an empty label"],
    ["unix:%2F@a", ":authority has octet 0x40"],
    ["tcp:%2Fa", ":authority has no port after its host"],
  ])("an authority that is none: %s", (authority, why) => {
    expect([authorityProblem(authority), clientAuthorityProblem(authority)]).toEqual([why, why])
  })
})

describe("what is said of a malformed request", () => {
  test.each<[string, HeaderList, string]>([
    ["an empty name", request({}, ["", "x"]), "a field name is empty"],
    ["an upper-case name", request({}, ["Ab", "x"]), "a field name has octet 0x41"],
    ["an octet past 0x7f", request({}, ["a\x9f", "x"]), "a field name has octet 0x9f"],
    [
      "a name that begins as a pseudo-header nearly does",
      request({}, [";x", "y"]),
      "a field name has octet 0x3b",
    ],
    [
      "a pseudo-header behind a field",
      request({ ":path": null }, ["x", "y"], [":path", "/"]),
      ":path stands after a regular field or is not known",
    ],
    [
      "no pseudo-header, behind a field",
      request({}, ["x", "y"], [":", "/"]),
      ": stands after a regular field or is not known",
    ],
    ["an unknown pseudo-header", listOf([[":what", "x"], ...REQUEST]), ":what is repeated or not known"],
    [
      "a response's pseudo-header",
      listOf([...REQUEST, [":status", "200"]]),
      ":status is repeated or not known",
    ],
    ["a blank before a path", request({ ":path": " /" }), "the value of :path has white space at its edge"],
    ["a tab behind a path", request({ ":path": "/\t" }), "the value of :path has white space at its edge"],
    ["a line end in a path", request({ ":path": "/\n/" }), "the value of :path has octet 0xa"],
    ["a field of HTTP/1.1", request({}, ["connection", "close"]), "connection belongs to HTTP/1.1"],
    ["te of 40 octets", request({}, ["te", "x".repeat(40)]), `te is "${"x".repeat(40)}", not trailers`],
    ["te of more", request({}, ["te", "x".repeat(50)]), `te is "${"x".repeat(40)}", not trailers`],
    ["no method", request({ ":method": null }), ":method is missing"],
    ["an empty method", request({ ":method": "" }), ":method is empty"],
    ["a blank in the method", request({ ":method": "G T" }), ":method has octet 0x20"],
    ["an octet past 0x7f in the method", request({ ":method": "G\x9f" }), ":method has octet 0x9f"],
    ["no scheme", request({ ":scheme": null }), ":scheme is missing"],
    ["an empty scheme", request({ ":scheme": "" }), ":scheme is missing"],
    ["a scheme that begins with a digit", request({ ":scheme": "1http" }), ':scheme is "1http"'],
    ["a long one", request({ ":scheme": "1".repeat(30) }), `:scheme is "${"1".repeat(20)}"`],
    ["no path", request({ ":path": null }), ":path is missing"],
    ["an empty path", request({ ":path": "" }), ":path is missing"],
    ["a path that is none", request({ ":path": "x/" }), ":path does not start with /"],
    ["* for GET", request({ ":path": "*" }), ":path does not start with /"],
    ["*x for OPTIONS", request({ ":method": "OPTIONS", ":path": "*x" }), ":path does not start with /"],
    ["a blank in the path", request({ ":path": "/a b" }), ":path has octet 0x20"],
    ["DEL in the path", request({ ":path": "/\x7f" }), ":path has octet 0x7f"],
    ["a user in the authority", request({ ":authority": "me@a" }), ":authority has octet 0x40"],
    ["an octet past 0x7f in it", request({ ":authority": "a\x9f" }), ":authority has octet 0x9f"],
    ["the same in host", request({ ":authority": null }, ["host", "me@a"]), ":authority has octet 0x40"],
    ["host twice", request({ ":authority": null }, ["host", "a"], ["host", "a"]), "host is repeated"],
    ["host of another name", request({}, ["host", "b.example"]), "host and :authority differ"],
    [
      "CONNECT with a path",
      request({ ":method": "CONNECT", ":scheme": null }),
      "CONNECT takes :authority alone",
    ],
    [
      "CONNECT with a scheme",
      request({ ":method": "CONNECT", ":path": null }),
      "CONNECT takes :authority alone",
    ],
    [
      "CONNECT of nothing",
      request({ ":method": "CONNECT", ":path": null, ":scheme": null, ":authority": null }),
      "CONNECT takes :authority alone",
    ],
    ["a length that is none", request({}, ["content-length", "1x"]), "content-length is not one number"],
  ])("%s", (_, list, problem) => {
    expect(problemOf(list)).toBe(problem)
  })

  test.each([":method", ":scheme", ":path", ":authority"])("%s twice", (name) => {
    const value = REQUEST.find(([one]) => one === name)![1]
    expect(problemOf(listOf([...REQUEST, [name, value]]))).toBe(`${name} is repeated or not known`)
  })
})

describe("what a request says", () => {
  const said = (list: HeaderList): unknown => {
    const head = readRequestHead(list)
    return typeof head === "string"
      ? head
      : [head.method, head.scheme, head.authority, head.path, head.contentLength]
  }

  test.each<[string, HeaderList, unknown[]]>([
    ["all of it", request({}), ["GET", "http", "a.example", "/", -1]],
    ["https", request({ ":scheme": "https" }), ["GET", "https", "a.example", "/", -1]],
    ["another scheme", request({ ":scheme": "coap+tcp.1-x" }), ["GET", "coap+tcp.1-x", "a.example", "/", -1]],
    [
      "host in place of the authority",
      request({ ":authority": null }, ["host", "b"]),
      ["GET", "http", "b", "/", -1],
    ],
    [
      "host beside it, in other letters",
      request({}, ["host", "A.Example"]),
      ["GET", "http", "a.example", "/", -1],
    ],
    [
      "an authority in other letters",
      request({ ":authority": "A.EXAMPLE" }, ["host", "a.example"]),
      ["GET", "http", "A.EXAMPLE", "/", -1],
    ],
    ["neither", request({ ":authority": null }), ["GET", "http", "", "/", -1]],
    [
      "* for OPTIONS",
      request({ ":method": "OPTIONS", ":path": "*" }),
      ["OPTIONS", "http", "a.example", "*", -1],
    ],
    [
      "CONNECT",
      request({ ":method": "CONNECT", ":path": null, ":scheme": null }),
      ["CONNECT", "", "a.example", "", -1],
    ],
    ["te: trailers", request({}, ["te", "trailers"]), ["GET", "http", "a.example", "/", -1]],
    ["an empty value", request({}, ["x", ""]), ["GET", "http", "a.example", "/", -1]],
  ])("%s", (_, list, expected) => {
    expect(said(list)).toEqual(expected)
  })

  test.each(["authorization", "if-match", "x-a"])("%s may stand there twice: metadata may", (name) => {
    const list = request({}, [name, "a"], [name, "b"])
    expect(readRequestHead(list)).toMatchObject({ list })
  })

  test("its list is the one that came, where there is nothing to mend", () => {
    const list = request({}, ["x", "y"])
    const head = readRequestHead(list)
    expect(typeof head !== "string" && head.list === list).toBe(true)
  })

  test("its list is mended of blanks, and without expect, and is read as such", () => {
    const head = readRequestHead(request({}, ["content-length", " 5 "], ["expect", "x"], ["y", "z"]))
    expect(head).toMatchObject({ contentLength: 5 })
    expect(typeof head !== "string" && head.list.fields).toEqual([
      ...REQUEST.flat(),
      "content-length",
      "5",
      "y",
      "z",
    ])
  })

  test("which fields no hop may index is known of the rest", () => {
    const fields = [...REQUEST.flat(), "expect", "x", "a", "b", "c", "d"]
    const head = readRequestHead(new HeaderList(fields, new Set([1, 6])))
    expect(typeof head !== "string" && head.list.neverIndexed).toEqual(new Set([1, 5]))
    const other = readRequestHead(new HeaderList(fields, new Set([4])))
    expect(typeof other !== "string" && other.list.neverIndexed).toBeNull()
  })
})

describe("content-length (RFC 9110 §8.6)", () => {
  const lengthOf = (...values: string[]): unknown => {
    const head = readRequestHead(request({}, ...values.map((value) => ["content-length", value] as const)))
    return typeof head === "string" ? head : head.contentLength
  }
  const WRONG = "content-length is not one number"

  test.each<[string[], unknown]>([
    [["0"], 0],
    [["9"], 9],
    [["007"], 7],
    [["1234567890"], 1_234_567_890],
    [["999999999999999"], 999_999_999_999_999],
    [["1000000000000000"], WRONG],
    [[""], WRONG],
    [["/"], WRONG],
    [[":"], WRONG],
    [["1:"], WRONG],
    [["-1"], WRONG],
    [["1,1"], WRONG],
    [["5", "5"], 5],
    [["0", "0"], 0],
    [["0", "1"], WRONG],
    [["5", "6"], WRONG],
    [["5", "05"], 5],
  ])("%j: %s", (values, expected) => {
    expect(lengthOf(...values)).toBe(expected)
  })
})

describe("what a response says", () => {
  const said = (fields: Fields): unknown => {
    const head = readResponseHead(listOf(fields))
    return typeof head === "string" ? head : [head.status, head.contentLength]
  }

  test.each<[Fields, unknown]>([
    [RESPONSE, [200, -1]],
    [[[":status", "100"]], [100, -1]],
    [[[":status", "999"]], [999, -1]],
    [
      [
        [":status", "200"],
        ["content-length", "7"],
      ],
      [200, 7],
    ],
    [[[":status", "101"]], ":status 101 has no meaning in HTTP/2"],
    [[[":status", "099"]], ':status is "099"'],
    [[[":status", "20"]], ':status is "20"'],
    [[[":status", "2000"]], ':status is "2000"'],
    [[[":status", "20a"]], ':status is "20a"'],
    [[[":status", ""]], ':status is ""'],
    [[[":status", "2".repeat(30)]], `:status is "${"2".repeat(20)}"`],
    [[["x", "200"]], ":status is missing"],
    [
      [
        ["x", "y"],
        [":status", "200"],
      ],
      ":status is missing",
    ],
    [[], ":status is missing"],
    [
      [
        [":status", "200"],
        [":status", "200"],
      ],
      ":status stands after a regular field or is not known",
    ],
    [
      [
        [":status", "200"],
        ["content-length", "x"],
      ],
      "content-length is not one number",
    ],
  ])("%j", (fields, expected) => {
    expect(said(fields)).toEqual(expected)
  })

  test("is mended, and read as such", () => {
    const list = listOf([
      [":status", "200"],
      ["connection", "close"],
      ["content-length", "7 "],
      ["x", "a\nb"],
    ])
    const head = readResponseHead(list)
    expect(head).toMatchObject({ status: 200, contentLength: 7 })
    expect(typeof head !== "string" && head.list.fields).toEqual([
      ":status",
      "200",
      "content-length",
      "7",
      "x",
      "a b",
    ])
    const fine = listOf([...RESPONSE, ["x", "y"]])
    expect((readResponseHead(fine) as { list: HeaderList }).list).toBe(fine)
  })

  test("what cannot be mended is refused", () => {
    expect(readResponseHead(listOf([...RESPONSE, ["X", "y "]]))).toBe("a field name has octet 0x58")
  })

  test("without a length it says nothing else of itself", () => {
    const list = listOf([...RESPONSE, ["content-length", "7"], ["x", "y"]])
    const head = withoutLength({ list, status: 200, contentLength: 7 })
    expect([head.status, head.contentLength, head.list.fields]).toEqual([
      200,
      -1,
      [":status", "200", "x", "y"],
    ])
  })
})

describe("trailers", () => {
  test("that need no mending are the list that came", () => {
    const list = listOf([["grpc-status", "0"]])
    expect([readTrailers(list, true), readTrailers(list, false)]).toEqual([list, list])
  })

  test.each<[string, Fields, boolean, readonly string[] | string]>([
    ["blanks", [["x", " y "]], false, ["x", "y"]],
    ["blanks of a response", [["x", " y "]], true, ["x", "y"]],
    ["line ends of a request", [["x", "a\nb"]], false, "the value of x has octet 0xa"],
    ["line ends of a response", [["x", "a\nb"]], true, ["x", "a b"]],
    ["pseudo-headers", [[":status", "200"]], true, ":status stands after a regular field or is not known"],
    ["what stays wrong when it is mended", [["X", " y"]], true, "a field name has octet 0x58"],
  ])("%s", (_, fields, isResponse, expected) => {
    const read = readTrailers(listOf(fields), isResponse)
    expect(typeof read === "string" ? read : read.fields).toEqual(expected)
  })
})

describe("a malformed request, as far as it is known", () => {
  test("says what it seems to say", () => {
    const list = listOf([
      [":path", "/p"],
      [":method", "M"],
      [":scheme", "s"],
      [":authority", "a"],
      ["host", "h"],
    ])
    expect(headAsFarAsKnown(list)).toEqual({
      list,
      method: "M",
      scheme: "s",
      authority: "a",
      path: "/p",
      contentLength: -1,
    })
    const other = listOf([["host", "h"]])
    expect(headAsFarAsKnown(other)).toEqual({
      list: other,
      method: "",
      scheme: "",
      authority: "h",
      path: "",
      contentLength: -1,
    })
    const none = listOf([])
    expect(headAsFarAsKnown(none)).toEqual({
      list: none,
      method: "",
      scheme: "",
      authority: "",
      path: "",
      contentLength: -1,
    })
  })
})

describe("heads are read once per list", () => {
  test("and the very same then", () => {
    const ask = request({})
    const answer = listOf(RESPONSE)
    expect(requestHeadOf(ask)).toMatchObject({ method: "GET" })
    expect(requestHeadOf(ask)).toBe(requestHeadOf(ask))
    expect(responseHeadOf(answer)).toMatchObject({ status: 200 })
    expect(responseHeadOf(answer)).toBe(responseHeadOf(answer))
  })

  test("what is wrong stays wrong", () => {
    const ask = request({ ":path": null })
    expect([requestHeadOf(ask), requestHeadOf(ask), ask.head]).toEqual([
      ":path is missing",
      ":path is missing",
      null,
    ])
    const answer = listOf([["x", "y"]])
    expect([responseHeadOf(answer), responseHeadOf(answer), answer.head]).toEqual([
      ":status is missing",
      ":status is missing",
      null,
    ])
  })
})

import { describe, expect, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { type Expected, type ResponseEvents, ResponseReader } from "./response-reader.ts"

const GET: Expected = { isHead: false, maySwitch: false }
const HEAD: Expected = { isHead: true, maySwitch: false }
const UPGRADE: Expected = { isHead: false, maySwitch: true }
const OK = "HTTP/1.1 200 OK\r\n"
const CHUNKED = "Transfer-Encoding: chunked\r\n"

/** What was told, a word each, data in one; whether the connection may be used again. */
function readIn(pieces: readonly string[], expected: Expected, thenEnds: boolean): string {
  const reader = new ResponseReader(defaultLimits)
  const told: string[] = []
  let body = ""
  const events: ResponseEvents = {
    onInterim: ({ list }) => void told.push(`interim ${list.fields.join(" ")}`),
    onHead: ({ list, contentLength }, isLast) =>
      void told.push(`${list.fields.join(" ")} (${contentLength})`, ...(isLast ? ["[]"] : [])),
    onSwitch: ({ list }) => void told.push(list.fields.join(" ")),
    onBody(octets, start, end, isLast) {
      body += octets.toString("latin1", start, end)
      if (isLast) told.push(`[${body}]`)
    },
    onTrailers: (fields) => void told.push(`[${body}] ${fields.join(" ")}`),
    onMalformed: (reason) => void told.push(`malformed: ${reason}`),
  }
  reader.expect(expected, events)
  let rest = ""
  for (const piece of pieces) {
    if (reader.isOver) rest += piece
    const octets = Buffer.from(piece, "latin1")
    reader.read(octets, 0, octets.length)
  }
  if (thenEnds && !reader.ended()) told.push("cut short")
  if (!reader.isOver) told.push("…")
  return [...told, ...(reader.isReusable && rest === "" ? ["reusable"] : [])].join(", ")
}

function readAllWays(text: string, expected: Expected, thenEnds: boolean): string {
  const whole = readIn([text], expected, thenEnds)
  for (let cut = 1; cut < text.length; cut++)
    expect(readIn([text.slice(0, cut), text.slice(cut)], expected, thenEnds), `cut at ${cut}`).toBe(whole)
  expect(readIn(text.split(""), expected, thenEnds)).toBe(whole)
  return whole
}

describe("a response that", () => {
  test.each<[name: string, text: string, told: string, expected?: Expected]>([
    ["has a length", `${OK}Content-Length: 2\r\n\r\nok`, ":status 200 content-length 2 (2), [ok], reusable"],
    ["has no octets", `${OK}Content-Length: 0\r\n\r\n`, ":status 200 content-length 0 (0), [], reusable"],
    ["is followed by more", `${OK}Content-Length: 2\r\n\r\nokmore`, ":status 200 content-length 2 (2), [ok]"],
    ["is chunked", `${OK}${CHUNKED}\r\n2\r\nok\r\n0\r\n\r\n`, ":status 200 (-1), [ok], reusable"],
    [
      "has trailers",
      `${OK}${CHUNKED}\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n`,
      ":status 200 (-1), [ok] x 1, reusable",
    ],
    ["is chunked and followed by more", `${OK}${CHUNKED}\r\n0\r\n\r\nmore`, ":status 200 (-1), []"],
    [
      "has no reason",
      "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
      ":status 200 content-length 0 (0), [], reusable",
    ],
    ["closes", `${OK}Connection: close\r\nContent-Length: 0\r\n\r\n`, ":status 200 content-length 0 (0), []"],
    [
      "names fields of the connection",
      `${OK}Connection: X-A\r\nX-A: 1\r\nKeep-Alive: 5\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n`,
      ":status 200 x-b 2 content-length 0 (0), [], reusable",
    ],
    [
      "is of HTTP/1.0",
      "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
      ":status 200 content-length 2 (2), [ok]",
    ],
    [
      "is of HTTP/1.0 and keeps the connection",
      "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
      ":status 200 content-length 2 (2), [ok], reusable",
    ],
    [
      "has more fields than a client may send",
      `${OK}${"A: b\r\n".repeat(199)}Content-Length: 0\r\n\r\n`,
      `:status 200${" a b".repeat(199)} content-length 0 (0), [], reusable`,
    ],
    [
      "has as many trailers",
      `${OK}${CHUNKED}\r\n0\r\n${"A: b\r\n".repeat(200)}\r\n`,
      `:status 200 (-1), []${" a b".repeat(200)}, reusable`,
    ],
    ["is 204", "HTTP/1.1 204 X\r\n\r\n", ":status 204 (-1), [], reusable"],
    ["is 204 and says a length", "HTTP/1.1 204 X\r\nContent-Length: 2\r\n\r\n", ":status 204 (-1), []"],
    ["is 204 and chunked", `HTTP/1.1 204 X\r\n${CHUNKED}\r\n`, ":status 204 (-1), []"],
    ["is 304", "HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", ":status 304 content-length 9 (9), []"],
    ["is 304 and chunked", `HTTP/1.1 304 X\r\n${CHUNKED}\r\n`, ":status 304 (-1), []"],
    ["is 304 and says no length", "HTTP/1.1 304 X\r\n\r\n", ":status 304 (-1), [], reusable"],
    [
      "is 304 and says that it has no octets",
      "HTTP/1.1 304 X\r\nContent-Length: 0\r\n\r\n",
      ":status 304 content-length 0 (0), [], reusable",
    ],
    ["is to HEAD", `${OK}Content-Length: 9\r\n\r\n`, ":status 200 content-length 9 (9), []", HEAD],
    ["is to HEAD, chunked", `${OK}${CHUNKED}\r\n`, ":status 200 (-1), []", HEAD],
    ["is to HEAD and says no length", `${OK}\r\n`, ":status 200 (-1), []", HEAD],
    [
      "is to HEAD and says that it has no octets",
      `${OK}Content-Length: 0\r\n\r\n`,
      ":status 200 content-length 0 (0), [], reusable",
      HEAD,
    ],
    ["is to HEAD and 204", "HTTP/1.1 204 X\r\n\r\n", ":status 204 (-1), [], reusable", HEAD],
    [
      "begins by empty lines",
      `\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
      ":status 200 content-length 0 (0), [], reusable",
    ],
    [
      "is interim and says that it has no octets",
      `HTTP/1.1 103 X\r\nContent-Length: 0\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
      "interim :status 103, :status 200 content-length 0 (0), [], reusable",
    ],
    [
      "follows others",
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: a\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
      "interim :status 100, interim :status 103 link a, :status 200 content-length 0 (0), [], reusable",
    ],
    [
      "switches",
      "HTTP/1.1 101 X\r\nUpgrade: a\r\nConnection: Upgrade\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello",
      ":status 101 connection upgrade upgrade a x 1, …",
      UPGRADE,
    ],
  ])("%s", (_name, text, told, expected = GET) => {
    expect(readAllWays(text, expected, false)).toBe(told)
  })

  test.each<[name: string, text: string, told: string, expected?: Expected]>([
    ["that has no length", `${OK}\r\nall`, ":status 200 (-1), [all]"],
    [
      "that is not whole",
      `${OK}Content-Length: 3\r\n\r\nok`,
      ":status 200 content-length 3 (3), cut short, …",
    ],
    ["within its chunks", `${OK}${CHUNKED}\r\n2\r\nok\r\n`, ":status 200 (-1), cut short, …"],
    ["within its head", OK, "cut short, …"],
    ["behind an interim one", "HTTP/1.1 100 X\r\n\r\n", "interim :status 100, cut short, …"],
    [
      "of another protocol",
      "HTTP/1.1 101 X\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\nhello",
      ":status 101 connection upgrade upgrade a, [hello]",
      UPGRADE,
    ],
  ])("ends with its connection, %s", (_name, text, told, expected = GET) => {
    expect(readAllWays(text, expected, true)).toBe(told)
  })

  test.each<[name: string, text: string, reason: string, expected?: Expected]>([
    ["no status line", "<html>\r\n\r\n", 'its first line is "<html>"'],
    ["another version", "HTTP/1.9 200 OK\r\n\r\n", 'its first line is "HTTP/1.9 200 OK"'],
    ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", 'its first line is "HTTP/1.1 2000 OK"'],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", 'its first line is "HTTP/1.1 20 OK"'],
    ["a status below 100", "HTTP/1.1 099 OK\r\n\r\n", 'its first line is "HTTP/1.1 099 OK"'],
    ["a length and chunks", `${OK}Content-Length: 2\r\n${CHUNKED}\r\n`, "it says a length and a coding"],
    ["another coding", `${OK}Transfer-Encoding: zip\r\n\r\n`, "of transfer codings chunked alone is known"],
    [
      "an interim one with a length",
      "HTTP/1.1 103 X\r\nContent-Length: 1\r\n\r\n",
      "an interim response has a body",
    ],
    ["an interim one with chunks", `HTTP/1.1 103 X\r\n${CHUNKED}\r\n`, "an interim response has a body"],
    [
      "a switch unasked",
      "HTTP/1.1 101 X\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n",
      "it switches protocols, which was not asked for",
    ],
    [
      "a switch to none",
      "HTTP/1.1 101 X\r\nConnection: upgrade\r\n\r\n",
      "it switches protocols without saying to which",
      UPGRADE,
    ],
    [
      "a switch that does not say so",
      "HTTP/1.1 101 X\r\nUpgrade: a\r\n\r\n",
      "it switches protocols without saying to which",
      UPGRADE,
    ],
  ])("is %s: malformed", (_name, text, reason, expected = GET) => {
    expect(readAllWays(text, expected, false)).toBe(`malformed: ${reason}`)
  })

  test("breaks a chunk: malformed behind its head", () => {
    expect(readAllWays(`${OK}${CHUNKED}\r\n2\r\nokmore`, GET, false)).toBe(
      ":status 200 (-1), malformed: a chunk is longer than its size",
    )
  })

  test("has more fields than it may: malformed", () => {
    const text = `${OK}${"A:\r\n".repeat(1025)}\r\n`
    expect(readIn([text], GET, false)).toBe("malformed: it has more than 1024 fields")
  })
})

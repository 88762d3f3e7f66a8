import { describe, expect, test } from "vitest"
import { writableValue, writtenFieldProblem } from "./written-field.ts"

test.for([
  ["a b", "a b"],
  ["a ", "a"],
  [" \t a\t", "a"],
  ["  ", ""],
  ["", ""],
  ["a\r\n  b", "a b"],
  ["a\nb\0c\rd", "a b c d"],
  ["a\r\n", "a"],
  ["\xa0a\xa0", "\xa0a\xa0"],
  ["a\x07\x7fb", "a\x07\x7fb"],
])("%j is sent as %j", ([value, expected]) => {
  expect(writableValue(value!)).toBe(expected)
})

describe("what a configuration writes and is not sent so", () => {
  test.for<[name: string, template: string, to: "request" | "response", said: string | null]>([
    ["Connection", "upgrade", "request", "belongs to HTTP/1.1"],
    ["connection", "close", "response", "belongs to HTTP/1.1"],
    ["Connection", "", "request", null],
    ["Upgrade", "$http_upgrade", "request", "belongs to HTTP/1.1"],
    ["Keep-Alive", "timeout=5", "response", "belongs to HTTP/1.1"],
    ["Proxy-Connection", "keep-alive", "request", "belongs to HTTP/1.1"],
    ["Transfer-Encoding", "chunked", "request", "belongs to HTTP/1.1"],
    ["Content-Length", "$content_length", "request", "is what the body says"],
    ["content-length", "0", "response", "is what the body says"],
    [":path", "/x", "request", "is no field"],
    ["TE", "trailers", "request", null],
    ["te", "Trailers ", "request", "begins or ends in white space"],
    ["te", "deflate", "request", "HTTP/2 allows only trailers"],
    ["te", "$http_te", "request", null],
    ["te", "trailers", "response", "has no meaning in a response"],
    ["Host", "a.example:80", "request", null],
    ["host", "a b", "request", "is no host: the client's is sent"],
    ["host", "$host", "request", null],
    ["host", "a b", "response", null],
    ["x-a", "a ", "request", "begins or ends in white space"],
    ["x-a", " $host", "response", "begins or ends in white space"],
    ["x-a", "a\n  b", "response", "holds a line break"],
    ["x-a", "a", "request", null],
    ["trailer", "x", "response", null],
  ])("%s: %j in a %s", ([name, template, to, said]) => {
    const problem = writtenFieldProblem(name, template, to)
    expect(problem?.message ?? null).toEqual(said === null ? null : expect.stringContaining(said))
  })
})

import { METHODS } from "node:http"
import { expect, test } from "vitest"
import { readRequestLine, requestLineProblem } from "./request-line.ts"

test.each<[line: string, method: string, target: string, minorVersion: 0 | 1]>([
  ["GET / HTTP/1.1", "GET", "/", 1],
  ["GET / HTTP/1.0", "GET", "/", 0],
  ["OPTIONS * HTTP/1.1", "OPTIONS", "*", 1],
  ["M-SEARCH /a?b=c HTTP/1.1", "M-SEARCH", "/a?b=c", 1],
  ["GET http://a/b HTTP/1.1", "GET", "http://a/b", 1],
  ["CONNECT a:80 HTTP/1.1", "CONNECT", "a:80", 1],
  ["GET  /a   HTTP/1.1", "GET", "/a", 1],
  // What these mean is for others to say.
  ["GET /a#b HTTP/1.1", "GET", "/a#b", 1],
  ["GET /../a HTTP/1.1", "GET", "/../a", 1],
  ["GET a HTTP/1.1", "GET", "a", 1],
  ["GET HTTP/1.1 HTTP/1.1", "GET", "HTTP/1.1", 1],
])("%j", (line, method, target, minorVersion) => {
  expect(readRequestLine(line)).toEqual({ method, target, minorVersion })
  expect(requestLineProblem(line)).toBeNull()
})

test.each<[line: string, status: 400 | 505, method: string, target: string]>([
  ["", 400, "", ""],
  ["GET", 400, "GET", ""],
  ["GET ", 400, "GET", ""],
  [" GET / HTTP/1.1", 400, "", ""],
  ["BREW /pot HTTP/1.1", 400, "BREW", "/pot"],
  ["get / HTTP/1.1", 400, "get", "/"],
  ["GET\t/ HTTP/1.1", 400, "GET", ""],
  ["GET /\t HTTP/1.1", 400, "GET", "/"],
  ["GET /\tHTTP/1.1", 400, "GET", "/"],
  ["GET /a\xe4 HTTP/1.1", 400, "GET", "/a"],
  ["GET /a\x7f HTTP/1.1", 400, "GET", "/a"],
  ["GET /a /b HTTP/1.1", 400, "GET", "/a"],
  ["GET / HTTP/1.1 ", 400, "GET", "/"],
  ["GET / HTTP/1.1\t", 400, "GET", "/"],
  ["GET / HTTP/1.1 x", 400, "GET", "/"],
  ["GET / http/1.1", 400, "GET", "/"],
  ["GET / HTTP/1", 400, "GET", "/"],
  ["GET / HTTP/1.2", 400, "GET", "/"],
  ["GET / HTTP/1.10", 400, "GET", "/"],
  ["GET / HTTP/01.1", 505, "GET", "/"],
  ["GET / HTTP/0.9", 505, "GET", "/"],
  ["GET / HTTP/2.0", 505, "GET", "/"],
  ["GET / HTTP/11.1", 505, "GET", "/"],
  ["GET / HTTPS/1.1", 400, "GET", "/"],
  ["GET /", 505, "GET", "/"],
  ["GET / ", 400, "GET", "/"],
  ["GET x", 400, "GET", "x"],
  ["GET HTTP/1.1", 400, "GET", "HTTP/1.1"],
])("%j: refused", (line, status, method, target) => {
  expect(readRequestLine(line)).toEqual({ status, method, target, reason: expect.any(String) })
  expect(requestLineProblem(line)).not.toBeNull()
})

test("a log repeats no more than a part of a line", () => {
  const fault = readRequestLine(`${"A".repeat(9000)} ${"/".repeat(9000)} HTTP/1.1`)
  expect(fault).toMatchObject({ status: 400, method: "A".repeat(8192), target: "/".repeat(8192) })
})

test.each(METHODS)("the method %s is known", (method) => {
  expect(requestLineProblem(`${method} / HTTP/1.1`)).toBeNull()
})

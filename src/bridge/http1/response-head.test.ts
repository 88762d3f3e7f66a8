import { expect, test } from "vitest"
import { BodyEnd, hasBody, responseHead, statusLine, withoutTrailer } from "./response-head.ts"

test.each([
  [200, "HTTP/1.1 200 OK\r\n"],
  [404, "HTTP/1.1 404 Not Found\r\n"],
  [599, "HTTP/1.1 599 \r\n"],
])("the first line of %i", (status, line) => {
  expect([statusLine(status), statusLine(status)]).toEqual([line, line])
})

test.each<[status: number, method: string, hasOne: boolean]>([
  [200, "GET", true],
  [200, "HEAD", false],
  [204, "GET", false],
  [304, "GET", false],
  [404, "POST", true],
])("%i to %s", (status, method, hasOne) => {
  expect(hasBody(status, method)).toBe(hasOne)
})

const fields = [":status", "200", "x", "1", "trailer", "y", "z", "trailer"]

test.each<[name: string, bodyEnd: number, isPersistent: boolean, lines: string]>([
  ["a length", BodyEnd.LENGTH, true, "Connection: keep-alive\r\n"],
  ["chunks", BodyEnd.CHUNKS, true, "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n"],
  ["the connection's end", BodyEnd.CLOSE, false, "Connection: close\r\n"],
  ["nothing", BodyEnd.NONE, true, "Connection: keep-alive\r\n"],
])("a head whose body ends by %s", (_name, bodyEnd, isPersistent, lines) => {
  const head = responseHead(200, fields, bodyEnd, isPersistent)
  expect(head).toBe(`HTTP/1.1 200 OK\r\nx: 1\r\nz: trailer\r\n${lines}\r\n`)
})

test("the hint of trailers is left out, and nothing else", () => {
  expect(withoutTrailer(["trailer", "x", "a", "trailer"])).toEqual(["a", "trailer"])
  expect(withoutTrailer(["a", "b"])).toEqual(["a", "b"])
})

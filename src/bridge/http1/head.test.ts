import { expect, test } from "vitest"
import { connectionField, connectionFieldValues } from "../../record/connection-fields.ts"
import { headOfMalformed, readHttp1Head } from "./head.ts"
import { type Http1Request, readHttp1Request } from "./request.ts"

function requestOf(fields: string[], target = "/", minorVersion: 0 | 1 = 1): Http1Request {
  const request = readHttp1Request({ method: "GET", target, minorVersion }, fields)
  if ("reason" in request) throw new Error(request.reason)
  return request
}

const read = (fields: string[], target?: string, minorVersion?: 0 | 1) =>
  readHttp1Head(requestOf(fields, target, minorVersion), "http")

test.each(["10.0.0.1:5,10.0.0.2:5", "[::1]:5,[::2]:6", "2001:db8::1", "unix:%2Frun%2Fa.sock"])(
  "a host that gRPC clients say over HTTP/2 alone: %s",
  (host) => {
    expect(read(["host", host])).toMatch(/^:authority has/)
  },
)

test.each<[name: string, fields: string[], target: string, minorVersion: 0 | 1, problem: RegExp]>([
  ["no host", [], "/", 1, /^there is no host$/],
  ["an empty host", ["host", ""], "/", 1, /^the host is empty$/],
  ["an empty host in HTTP/1.0", ["host", ""], "/", 0, /^the host is empty$/],
  ["two hosts", ["host", "a", "host", "a"], "/", 1, /^host stands there twice$/],
  ["an absolute target without a host", ["host", "a"], "http:///b", 1, /^the host is empty$/],
  ["another scheme", ["host", "a"], "ftp://a/b", 1, /^:path does not start with \/$/],
  ["an authority for a target", ["host", "a"], "a:80", 1, /^:path does not start with \/$/],
  ["an asterisk in GET", ["host", "a"], "*", 1, /^:path does not start with \/$/],
  ["a fragment", ["host", "a"], "/a#b", 1, /^:path has octet 0x23$/],
])("%s is malformed", (_name, fields, target, minorVersion, problem) => {
  expect(read(fields, target, minorVersion)).toMatch(problem)
})

test.each<[name: string, target: string, authority: string, path: string]>([
  ["origin form", "/b?c", "a", "/b?c"],
  ["absolute form, which says more than host", "http://b:8/c?d", "b:8", "/c?d"],
  ["absolute form without a path", "HTTP://b", "b", "/"],
  ["absolute form with a query alone", "http://b?c", "b", "/?c"],
])("%s", (_name, target, authority, path) => {
  expect(read(["host", "a"], target)).toMatchObject({ authority, path, scheme: "http", method: "GET" })
})

test("HTTP/1.0 needs no host", () => {
  expect(read([], "/", 0)).toMatchObject({ authority: "", path: "/" })
})

test.each(["x-forwarded-for", "x-forwarded-proto", "forwarded", "x-real-ip"])(
  "connection does not take %s out, which a proxy has written",
  (name) => {
    const fields = ["host", "a", name, "1.2.3.4", "connection", `close, ${name.toUpperCase()}`]
    expect(read(fields)).toBe(`connection names ${name}`)
  },
)

test("what is of the connection goes no further, and variables know of it", () => {
  const head = read([
    ...["host", "a", "x", "1", "connection", "close, Y", "y", "2", "keep-alive", "timeout=1"],
    ...[
      "te",
      "gzip",
      "trailer",
      "z",
      "http2-settings",
      "AA",
      "proxy-connection",
      "close",
      "expect",
      "100-continue",
    ],
  ])
  if (typeof head === "string") throw new Error(head)
  const pseudo = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"]
  expect(head.list.fields).toEqual([...pseudo, "x", "1"])
  expect(connectionField(head.list, "keep-alive")).toBe("timeout=1")
  // What finds the client behind proxies reads it all the same.
  expect(connectionFieldValues(head.list, "y")).toEqual(["2"])
})

test.each([
  [
    ["te", "trailers, deflate", "connection", "te"],
    ["te", "trailers"],
  ],
  [["te", "trailers"], []],
  [["te", "deflate", "connection", "te"], []],
])("trailers are asked for by te and its option: %j", (fields, listed) => {
  const head = read(["host", "a", ...fields])
  if (typeof head === "string") throw new Error(head)
  expect(head.list.fields.slice(8)).toEqual(listed)
})

test("what is shown of a malformed request", () => {
  expect(headOfMalformed("GET", "/a", "http", "application/grpc")).toMatchObject({
    method: "GET",
    path: "/a",
  })
  expect(headOfMalformed("", "", "http").list.get("content-type")).toBeUndefined()
})

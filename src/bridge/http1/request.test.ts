import { describe, expect, test } from "vitest"
import { type Http1Request, readHttp1Request } from "./request.ts"

const read = (fields: string[], minorVersion: 0 | 1 = 1) =>
  readHttp1Request({ method: "GET", target: "/", minorVersion }, fields)

test("a request without a word about its connection", () => {
  expect(read(["host", "a"])).toEqual({
    ...{ method: "GET", target: "/", minorVersion: 1, fields: ["host", "a"] },
    ...{ hasBody: false, contentLength: -1, contentType: undefined, options: new Set() },
    ...{ isPersistent: true, upgrade: null, expectsContinue: false },
  })
})

test.each<[fields: string[], minorVersion: 0 | 1, said: Partial<Http1Request>]>([
  [[], 1, { isPersistent: true }],
  [[], 0, { isPersistent: false }],
  [["connection", "keep-alive"], 0, { isPersistent: true }],
  [["connection", "Keep-Alive, close"], 0, { isPersistent: false }],
  [["connection", "close"], 1, { isPersistent: false }],
  [["connection", "a, Close"], 1, { isPersistent: false }],
  [["connection", "a", "connection", "close"], 1, { isPersistent: false }],
  [["connection", "closed"], 1, { isPersistent: true }],
  [["connection", "close\xa0"], 1, { isPersistent: true }],
  [["content-length", "5"], 1, { hasBody: true, contentLength: 5 }],
  [["content-length", "0"], 1, { hasBody: false, contentLength: 0 }],
  [["transfer-encoding", "chunked"], 1, { hasBody: true, contentLength: -1 }],
  [["content-type", "a", "content-type", "b"], 1, { contentType: "a" }],
  [["expect", "100-Continue"], 1, { expectsContinue: true }],
  [["expect", "100-continue"], 0, { expectsContinue: false }],
  [["expect", "tea"], 0, { expectsContinue: false }],
  [["upgrade", "x", "connection", "Upgrade"], 1, { upgrade: "x" }],
  [["upgrade", "x", "upgrade", "y", "connection", "a, upgrade"], 1, { upgrade: "x, y" }],
  [["upgrade", "x", "connection", "upgrade"], 0, { upgrade: null }],
  [["upgrade", "x"], 1, { upgrade: null }],
  [["upgrade", "x", "connection", "close"], 1, { upgrade: null }],
  [["upgrade", "h2c", "connection", "upgrade"], 1, { upgrade: null }],
  [["upgrade", "H2", "connection", "upgrade"], 1, { upgrade: null }],
  [["upgrade", "x", "connection", "upgrade", "content-length", "0"], 1, { upgrade: "x" }],
  [["upgrade", "x", "connection", "upgrade", "content-length", "1"], 1, { upgrade: null }],
  [["upgrade", "x", "connection", "upgrade", "transfer-encoding", "chunked"], 1, { upgrade: null }],
])("%j of HTTP/1.%i", (fields, minorVersion, said) => {
  expect(read(fields, minorVersion)).toMatchObject(said)
})

describe("refused", () => {
  test.each<[fields: string[], minorVersion: 0 | 1, status: number]>([
    [["content-length", "5", "transfer-encoding", "chunked"], 1, 400],
    [["content-length", "5x"], 1, 400],
    [["transfer-encoding", "chunked, gzip"], 1, 400],
    [["transfer-encoding", "gzip, chunked"], 1, 501],
    [["transfer-encoding", "identity"], 1, 501],
    [["transfer-encoding", "chunked"], 0, 400],
    [["transfer-encoding", "gzip"], 0, 400],
    [["expect", "tea"], 1, 417],
  ])("%j of HTTP/1.%i", (fields, minorVersion, status) => {
    expect(read(fields, minorVersion)).toEqual({ status, reason: expect.any(String) })
  })
})

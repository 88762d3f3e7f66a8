import { describe, expect, test } from "vitest"
import { streamRecord } from "../../../test/support/stream-record.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { RequestState } from "../../record/request-state.ts"
import type { Route } from "../route/route.ts"
import { intercepted, statusTold, withErrorFields, withStatus } from "./error-status.ts"
import { ownPage } from "./own-page.ts"

/** A call of a route with a page for 404 and 401, and a status of gRPC for 503. */
function call({ isGrpc = false, intercepts = true, errorStatus = 0, errorFields = [] as string[] } = {}) {
  const route = {
    settings: { interceptErrors: intercepts },
    errorPages: new Map([
      [401, {}],
      [404, {}],
      [200, {}],
      [300, {}],
    ]),
    errorStatuses: new Map([[503, {}]]),
  } as unknown as Route
  const state = Object.assign(new RequestState("/"), { errorStatus, errorFields })
  return { route, isGrpc, record: streamRecord({ state }) }
}

const LIST = new HeaderList([
  ":status",
  "404",
  "x-a",
  "1",
  "www-authenticate",
  "Basic",
  "x-b",
  "www-authenticate",
])

describe("an endpoint's answer is replaced", () => {
  test.each([
    ["where the route has a page for it", {}, 404, true],
    ["from 300 on", {}, 300, true],
    ["but no answer that is none of an error", {}, 200, false],
    ["nor another error", {}, 500, false],
    ["nor where the route passes errors on", { intercepts: false }, 404, false],
    ["of gRPC where the route has a status for it", { isGrpc: true }, 503, true],
    ["which is none for clients of HTTP", {}, 503, false],
  ])("%s", (_, how, status, expected) => {
    expect(intercepted(call(how), status, LIST) !== null).toBe(expected)
  })

  test("by its own status, which is no status of gRPC's, and nothing of it stays", () => {
    expect(intercepted(call(), 404, LIST)).toEqual({
      httpStatus: 404,
      grpcStatus: -1,
      message: "",
      fields: [],
    })
  })

  test("but of 401 the challenge, name and value", () => {
    expect(intercepted(call(), 401, LIST)!.fields).toEqual(["www-authenticate", "Basic"])
  })
})

describe("the status that is told", () => {
  test.each([
    ["that of the error which has led to the page", { errorStatus: 404 }, 200, 404],
    ["the answer's own where none has", {}, 200, 200],
    ["of an interim answer its own", { errorStatus: 404 }, 199, 199],
    ["of gRPC always the answer's", { errorStatus: 404, isGrpc: true }, 200, 200],
  ])("%s", (_, how, status, expected) => {
    expect(statusTold(call(how), status)).toBe(expected)
  })

  test("is the answer's of a request without any state", () => {
    expect(statusTold({ ...call(), record: streamRecord() }, 200)).toBe(200)
  })

  test("stands in the head, and nothing else is changed", () => {
    const list = new HeaderList([":status", "200", "x", ":status", "y", "z"], new Set([1]))
    const told = withStatus(list, 404)
    expect(told.fields).toEqual([":status", "404", "x", ":status", "y", "z"])
    expect(told.neverIndexed).toEqual(new Set([1]))
  })
})

describe("what the error asks of its client", () => {
  const fields = ["www-authenticate", "Basic"]

  test("goes with whatever is answered", () => {
    const list = new HeaderList([":status", "401"], new Set([0]))
    const told = withErrorFields(call({ errorFields: fields }), list)
    expect(told.fields).toEqual([":status", "401", ...fields])
    expect(told.neverIndexed).toEqual(new Set([0]))
  })

  test("is nothing to gRPC, and the list stays itself where there is nothing", () => {
    expect(withErrorFields(call({ errorFields: fields, isGrpc: true }), LIST)).toBe(LIST)
    expect(withErrorFields(call(), LIST)).toBe(LIST)
    expect(withErrorFields({ ...call(), record: streamRecord() }, LIST)).toBe(LIST)
  })
})

describe("a page of Sluice's own", () => {
  // Pages are kept: each test has a server of its own.
  let servers = 0
  const page = (title: string, detail?: string): string =>
    [
      "<html>",
      `<head><title>${detail === undefined ? title : `400 ${detail}`}</title></head>`,
      "<body>",
      `<center><h1>${title}</h1></center>`,
      ...(detail === undefined ? [] : [`<center>${detail}</center>`]),
      "<hr><center>SERVER</center>",
      "</body>",
      "</html>",
      "",
    ].join("\r\n")

  test.each<[number, string]>([
    [404, page("404 Not Found")],
    [301, page("301 Moved Permanently")],
    [494, page("400 Bad Request", "Request Header Or Cookie Too Large")],
    [495, page("400 Bad Request", "The SSL certificate error")],
    [496, page("400 Bad Request", "No required SSL certificate was sent")],
    [497, page("400 Bad Request", "The plain HTTP request was sent to HTTPS port")],
    [418, ""],
    [200, ""],
  ])("%i", (status, expected) => {
    const server = `nginx/${++servers}`
    expect(ownPage(status, server).toString()).toBe(expected.replace("SERVER", server))
  })

  test("is made once for each status and server", () => {
    const server = `nginx/${++servers}`
    expect(ownPage(404, server)).toBe(ownPage(404, server))
    expect(ownPage(404, server)).not.toEqual(ownPage(404, `${server}.`))
    expect(ownPage(404, server)).not.toEqual(ownPage(403, server))
  })

  test.each([
    ...([301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412] as const),
    ...([413, 414, 415, 416, 421, 429, 500, 501, 502, 503, 504, 505, 507] as const),
  ])("has a title for %i", (status) => {
    expect(ownPage(status, `nginx/${++servers}`).toString()).toMatch(
      new RegExp(`<title>${status} [A-Z][A-Za-z -]+</title>`),
    )
  })
})

import { describe, expect, test } from "vitest"
import { type Request, RouteBed } from "../../../test/support/route-bed.ts"
import { failure } from "../../record/failure.ts"
import { literalTemplate } from "../../record/template.ts"
import { endsConnection, isPage, isRedirect, isUnanswered, pageStatusOf, statusOnWire } from "./error-page.ts"
import type { ReturnAction } from "./route.ts"

const ALL = Array.from({ length: 500 }, (_, at) => at + 100)

test("statuses that nginx treats unlike others", () => {
  expect(ALL.filter(isRedirect)).toEqual([301, 302, 303, 307, 308])
  expect(ALL.filter((status) => statusOnWire(status) !== status)).toEqual([494, 495, 496, 497])
  expect(statusOnWire(494)).toBe(400)
  expect(ALL.filter(endsConnection)).toEqual([400, 408, 413, 414, 494, 495, 496, 497, 500, 501])
  expect(ALL.filter(isUnanswered)).toEqual([408, 444, 499])
})

describe("the status by which a page is looked for", () => {
  const back = (status: number, text: string, isFinal = false): ReturnAction => ({
    kind: "return",
    status,
    template: literalTemplate(text),
    contentType: "",
    grpcStatus: null,
    grpcMessage: null,
    isFinal,
  })

  test.each<[string, Parameters<typeof pageStatusOf>[0], number]>([
    ["a failure's own", failure("access_denied", "no"), 403],
    ["an endpoint's, which is no failure", { httpStatus: 502 }, 502],
    ["none of too much load: a page would cost what there is too little of", failure("overload", "no"), 0],
    ["none of a shutdown", failure("shutdown", "no"), 0],
    ["none of a drain", failure("drained", "no"), 0],
    ["none of a deadline", failure("deadline", "no"), 0],
    ["that of an error without a text", back(404, ""), 404],
    ["none of one with a text", back(404, "text"), 0],
    ["that of a redirect, whose text is an address", back(301, "/there"), 301],
    ["none of what is no error", back(399, ""), 0],
    ["the least error's", back(400, ""), 400],
    ["none of what has been through a page", back(404, "", true), 0],
    ["none of a file", { kind: "content", answer: () => ({ onSent() {}, cancel() {} }) }, 0],
  ])("%s", (_, answer, expected) => {
    expect(pageStatusOf(answer)).toBe(expected)
  })

  test("a text of variables is a text, were it empty", () => {
    expect(
      isPage({ ...back(404, ""), template: { ...literalTemplate(""), constant: null } } as ReturnAction),
    ).toBe(false)
  })
})

/** What a request of a server comes to, and what is told of its status from there on. */
function asked(server: string, request: Request): string {
  const bed = new RouteBed(`server { listen 80; ${server} }`)
  const call = bed.begin(request)
  const { state } = call.record
  const as = state !== null && state.errorStatus > 0 ? ` as ${state.errorStatus}` : ""
  return `${call.said}${as}`
}

const PAGE = 'location = /page { return 200 "page $uri $args $request_method"; }'

describe("error_page", () => {
  test.each<[string, string, Request, string]>([
    [
      "a path, with the error's own status",
      `error_page 403 /page; ${PAGE} location / { return 403; }`,
      "/a?b=c",
      "200 page /page  GET as 403",
    ],
    [
      "with arguments of its own",
      `error_page 403 /page?x=1; ${PAGE} location / { return 403; }`,
      "/a?b=c",
      "200 page /page x=1 GET as 403",
    ],
    [
      "with another status",
      `error_page 403 =410 /page; ${PAGE} location / { return 403; }`,
      "/a",
      "200 page /page  GET as 410",
    ],
    [
      "with that of its target",
      `error_page 403 = /page; ${PAGE} location / { return 403; }`,
      "/a",
      "200 page /page  GET",
    ],
    [
      "nginx's own statuses are said as 400",
      `error_page 497 /page; ${PAGE} location / { return 497; }`,
      "/a",
      "200 page /page  GET as 400",
    ],
    [
      "as GET whatever was asked",
      `error_page 403 /page; ${PAGE} location / { return 403; }`,
      { path: "/a", method: "POST" },
      "200 page /page  GET as 403",
    ],
    [
      "but for HEAD, whose answer has no body",
      `error_page 403 /page; ${PAGE} location / { return 403; }`,
      { path: "/a", method: "HEAD" },
      "200 page /page  HEAD as 403",
    ],
    [
      "a location by its name keeps the request as it was",
      `error_page 403 @named; location @named { return 202 "$uri $request_method"; } location / { return 403; }`,
      { path: "/a", method: "POST" },
      "202 /a POST as 403",
    ],
    [
      "an address is a redirect by 302",
      `error_page 403 http://b.test/$uri; location / { return 403; }`,
      "/a",
      "302 http://b.test//a as 403",
    ],
    [
      "or by the redirect that is asked for",
      `error_page 403 =308 http://b.test/; location / { return 403; }`,
      "/a",
      "308 http://b.test/ as 308",
    ],
    [
      "another status is no redirect",
      `error_page 403 =200 http://b.test/; location / { return 403; }`,
      "/a",
      "302 http://b.test/ as 200",
    ],
    [
      "that redirect has no page in turn",
      `recursive_error_pages on; error_page 403 http://b.test/; error_page 302 /page; ${PAGE} location / { return 403; }`,
      "/a",
      "302 http://b.test/ as 403",
    ],
    ["another error has none", `error_page 404 /page; ${PAGE} location / { return 403; }`, "/a", "403"],
    [
      "an error at the page is said as it is",
      `error_page 403 /other; error_page 404 /page; ${PAGE} location / { return 403; } location = /other { return 404; }`,
      "/a",
      "404 as 403",
    ],
    [
      "unless pages of pages are wanted",
      `recursive_error_pages on; error_page 403 /other; error_page 404 /page; ${PAGE}
       location / { return 403; } location = /other { return 404; }`,
      "/a",
      "200 page /page  GET as 404",
    ],
    [
      "an error without a page uses up the one that a request has",
      `error_page 403 /page; ${PAGE} location / { return 404; }`,
      "/a",
      "404",
    ],
    [
      "pages that lead to each other end",
      "recursive_error_pages on; error_page 403 /a; location / { return 403; }",
      "/a",
      /^500 internal: the request was sent to another location too often/.source,
    ],
    [
      "a failure has one too, and its message is known",
      `error_page 403 /page; ${PAGE} location / { deny all; grpc_pass c1; }`,
      "/a",
      "200 page /page  GET as 403",
    ],
  ])("%s", (_, server, request, expected) => {
    if (expected.startsWith("^")) expect(asked(server, request)).toMatch(new RegExp(expected))
    else expect(asked(server, request)).toBe(expected)
  })

  test("of one page only the first error counts, where none leads further", () => {
    const bed = new RouteBed(`server { listen 80; error_page 403 404 @named;
      location @named { return 404; } location / { return 403; } }`)
    expect(bed.begin("/a").said).toBe("404")
  })

  test("what a client is to know of the error goes with the page: its challenge, and the message in the log", () => {
    const bed = new RouteBed(`server { listen 80; error_page 401 /page; ${PAGE}
      location / { auth_basic "here"; auth_basic_user_file /none; grpc_pass c1; } }`)
    const call = bed.begin("/a")
    expect(call.said).toBe("200 page /page  GET")
    expect(call.record.state!.errorStatus).toBe(401)
    expect(call.record.state!.errorFields).toEqual(["www-authenticate", 'Basic realm="here"'])
    expect(call.record.grpcMessage).not.toBe("")
  })

  test("a request that the configuration makes has none", () => {
    const bed = new RouteBed(`server { listen 80; error_page 403 /page; ${PAGE} location / { return 403; } }`)
    expect(bed.begin("/a", (state) => (state.isSubrequest = true)).said).toBe("403")
  })

  test("nor one that was sent on too often", () => {
    const bed = new RouteBed(`server { listen 80; error_page 403 /page; ${PAGE} location / { return 403; } }`)
    expect(bed.begin("/a", (state) => (state.uriChangesLeft = -1)).said).toBe("403")
    expect(bed.begin("/a", (state) => (state.uriChangesLeft = 0)).said).toMatch(/^500 internal/)
  })
})

describe("a gRPC client", () => {
  const grpc = (server: string): string => asked(server, { path: "/s/m", isGrpc: true })

  test.each<[string, string, string]>([
    [
      "is sent on to what is served by gRPC",
      "error_page 403 /other; location / { return 403; } location = /other { grpc_pass c2; }",
      "to c2 as 403",
    ],
    [
      "by a name too, arguments and all",
      "error_page 403 @other; location / { return 403; } location @other { grpc_pass c2; }",
      "to c2 as 403",
    ],
    [
      "whatever arguments its path has",
      "error_page 403 /other?a=b; location / { return 403; } location = /other { grpc_pass c2; }",
      "to c2 as 403",
    ],
    ["is not told in HTML", `error_page 403 /page; ${PAGE} location / { return 403; }`, "403"],
    ["nor sent to another address", "error_page 403 http://b.test/; location / { return 403; }", "403"],
    ["nor to a location that is not there", "error_page 403 @none; location / { return 403; }", "403"],
    [
      "has no page for an error without one",
      "error_page 404 @other; location / { return 403; } location @other { grpc_pass c2; }",
      "403",
    ],
  ])("%s", (_, server, expected) => {
    expect(grpc(server)).toBe(expected)
  })
})

test("a connection of HTTP/1 ends behind an error after which its octets may be no request", () => {
  const ended = (status: number, page: string): number => {
    const bed = new RouteBed(
      `server { listen 80; error_page ${status} ${page}; ${PAGE} location / { return ${status}; } }`,
    )
    let many = 0
    bed.begin("/a", undefined, { endConnection: () => many++ })
    return many
  }
  expect(ended(400, "/page")).toBe(1)
  expect(ended(403, "/page")).toBe(0)
})

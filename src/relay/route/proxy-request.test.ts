import { describe, expect, test } from "vitest"
import { type Request, RouteBed } from "../../../test/support/route-bed.ts"
import { readProxyTarget } from "./proxy-request.ts"

describe("a proxied address is taken apart", () => {
  test.each<[string, boolean | null, string?, string?]>([
    ["http://a", false, "a", ""],
    ["HTTPS://a:80/b?c", true, "a:80", "/b?c"],
    ["http://a?b", false, "a", "?b"],
    ["http://a#b", false, "a", "#b"],
    ["http://a/b\nc", false, "a", "/b\nc"],
    ["http:///b", null],
    ["grpc://a", null],
    ["a", null],
    ["x http://a", null],
    ["", null],
  ])("%j", (url, isTls, name, path) => {
    expect(readProxyTarget(url)).toEqual(isTls === null ? null : { isTls, name, path })
  })
})

const bed = (text: string): RouteBed => new RouteBed(`server { listen 80; resolver 127.0.0.1; ${text} }`)
const FIELDS = [
  "accept",
  "*/*",
  "te",
  "trailers",
  "connection",
  "close",
  "content-length",
  "3",
  "x-a",
  "1",
  "x-a",
  "2",
]

/** What the backend is sent, as `name value` in turn; of the path or the host alone. */
function sent(text: string, request: Request): string {
  const { fields } = bed(text).begin(request).sent
  return fields.map((one, at) => (at % 2 === 0 ? `${one} ` : `${one}; `)).join("")
}
const pathOf = (text: string, request: Request): string => bed(text).begin(request).sent.get(":path")!
const hostOf = (text: string): string | undefined => bed(text).begin("/").sent.get(":authority")

describe("what a backend of HTTP/1.1 is sent", () => {
  test("fields but those of the connection, and nginx's own host", () => {
    expect(sent("location / { proxy_pass http://c1; }", { path: "/a", fields: FIELDS })).toBe(
      ":method GET; :path /a; :authority c1; accept */*; content-length 3; x-a 1; x-a 2; ",
    )
  })

  test("what is set takes the place of what came; an empty text removes", () => {
    const set = `proxy_set_header X-A new; proxy_set_header accept ""; proxy_set_header X-B "$request_method ";
      proxy_set_header X-C a; proxy_set_header X-C b; proxy_set_header Content-Length 9;`
    const fields = [...FIELDS, "x-d", "4"]
    expect(sent(`location / { ${set} proxy_pass http://c1; }`, { path: "/", fields })).toBe(
      ":method GET; :path /; x-a new; x-b GET; x-c a; x-c b; :authority c1; x-d 4; ",
    )
  })

  test("no fields, or no body, where that is off", () => {
    const request = { path: "/", method: "POST", fields: FIELDS }
    expect(
      sent(
        "location / { proxy_set_header x-b 1; proxy_pass_request_headers off; proxy_pass http://c1; }",
        request,
      ),
    ).toBe(":method POST; :path /; x-b 1; :authority c1; ")
    expect(sent("location / { proxy_pass_request_body off; proxy_pass http://c1; }", request)).toBe(
      ":method POST; :path /; :authority c1; accept */*; x-a 1; x-a 2; ",
    )
  })

  test("another method, in upper case", () => {
    expect(sent("location / { proxy_method $arg_m; proxy_pass http://c1; }", "/?m=put")).toMatch(
      /^:method PUT;/,
    )
  })

  test.each<[string, string | undefined]>([
    ["proxy_pass http://c1;", "c1"],
    ["proxy_pass http://127.0.0.1:8080;", "127.0.0.1:8080"],
    ["proxy_set_header Host b.test; proxy_pass http://c1;", "b.test"],
    ["proxy_set_header Host $host; proxy_pass http://c1;", "a.test"],
    ["proxy_set_header Host $http_none; proxy_pass http://c1;", undefined],
    ['proxy_set_header Host ""; proxy_pass http://c1;', undefined],
    ['proxy_set_header Host "no host"; proxy_pass http://c1;', "c1"],
    ["set $to c2; proxy_pass http://$to;", "c2"],
    ["set $to c2:80; proxy_pass http://$to/x;", "c2:80"],
  ])("the host of %s is %s", (text, host) => expect(hostOf(`location / { ${text} }`)).toBe(host))
})

describe("the path", () => {
  const location = "location /a/ { proxy_pass http://c1/b/; }"
  test.each<[what: string, text: string, path: string, expected: string]>([
    ["as it was received", "location / { proxy_pass http://c1; }", "/%41%2f?x=%20", "/%41%2f?x=%20"],
    ["what the location matched is replaced", location, "/a/c", "/b/c"],
    ["and all else escaped anew", location, "/a/%41%20c?x=%20", "/b/A%20c?x=%20"],
    [
      "with a text of variables in it",
      "location / { proxy_pass http://c1$request_uri; }",
      "/%41?x",
      "/%41?x",
    ],
    [
      "of variables that name no path",
      "location / { set $to c1; proxy_pass http://$to; }",
      "/%41?x",
      "/%41?x",
    ],
    ["with nothing but a query", "location / { set $q ?y; proxy_pass http://c1$q; }", "/a?x", "/?y"],
    [
      "rewritten, and kept",
      "location /a { rewrite ^/a/(.*)$ /n/$1 break; proxy_pass http://c1/b/; }",
      "/a/c?x",
      "/n/c?x",
    ],
    [
      "rewritten, in a location that replaces nothing",
      "location /a { rewrite ^/a(.*)$ /n$1 break; proxy_pass http://c1; }",
      "/a/%20",
      "/n/%20",
    ],
    [
      "rewritten to another location that replaces",
      `location /o { rewrite ^/o(.*)$ /a/$1; } ${location}`,
      "/o1?x",
      "/b/1?x",
    ],
    ["of new arguments", "location / { set $args z; proxy_pass http://c1; }", "/a?x", "/a?z"],
    ["of none any more", "location / { set $args ''; proxy_pass http://c1; }", "/a?x", "/a"],
    ["of a state that changes nothing", "location / { set $y 1; proxy_pass http://c1; }", "/%41?x", "/%41?x"],
    ["normalized where it is replaced", location, "/a/../a//c", "/b/c"],
  ])("%s", (_, text, path, expected) => expect(pathOf(text, path)).toBe(expected))
})

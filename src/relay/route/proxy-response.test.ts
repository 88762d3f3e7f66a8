import { describe, expect, test } from "vitest"
import { RouteBed } from "../../../test/support/route-bed.ts"
import { HeaderList } from "../../http2/header-list.ts"

/** What the client is sent of these fields, as one line. */
function passed(text: string, fields: string[], path = "/a?x=1"): string {
  const bed = new RouteBed(`server { listen 80; location / { proxy_pass http://c1; ${text} } }`)
  const call = bed.begin(path)
  const list = call.route.responseRewrite.apply(
    new HeaderList([":status", "200", ...fields]),
    200,
    call.record,
    bed.context.env,
  )
  return list.fields
    .slice(2)
    .map((one, at) => (at % 2 === 0 ? one : `${one};`))
    .join(" ")
}

describe("what a backend of HTTP/1.1 says of itself", () => {
  test("is kept from the client, unless it is to be passed", () => {
    const fields = [
      "server",
      "s",
      "x-pad",
      "1",
      "x-accel-redirect",
      "/x",
      "trailer",
      "x",
      "date",
      "d",
      "x-own",
      "1",
    ]
    expect(passed("", fields)).toBe("date d; x-own 1;")
    expect(passed("proxy_pass_trailers on;", fields)).toBe("trailer x; date d; x-own 1;")
    expect(passed("proxy_hide_header X-Own;", fields)).toBe("date d;")
  })

  test("with no rule that fits, the very same list", () => {
    const bed = new RouteBed(
      "server { listen 80; location / { proxy_pass http://c1; proxy_redirect /x /y; } }",
    )
    const call = bed.begin("/")
    const list = new HeaderList([":status", "200", "location", "/z", "refresh", "5"])
    const twice = [1, 2].map(() => call.route.responseRewrite.apply(list, 200, call.record, bed.context.env))
    expect(twice[0]).toBe(twice[1])
    const same = new RouteBed(
      "server { listen 80; absolute_redirect off; location / { proxy_pass http://c1; proxy_redirect /z /z; } }",
    ).begin("/")
    expect(same.route.responseRewrite.apply(list, 200, same.record, bed.context.env)).toBe(list)
  })
})

describe("proxy_redirect", () => {
  test.each<[text: string, location: string, expected: string]>([
    ["proxy_redirect http://b.test/ /;", "http://b.test/x?y", "http://a.test:8080/x?y"],
    ["proxy_redirect http://b.test/ http://c.test/;", "http://b.test/x", "http://c.test/x"],
    ["proxy_redirect http://b.test/ http://c.test/;", "http://z.test/x", "http://z.test/x"],
    ["proxy_redirect http://b.test/ http://c.test/;", "/x", "/x"],
    ["proxy_redirect http://b.test/ /; absolute_redirect off;", "http://b.test/x", "/x"],
    ["proxy_redirect http://$host/ https://$host/;", "http://a.test/x", "https://a.test/x"],
    ["proxy_redirect /1 /one; proxy_redirect /12 /two; absolute_redirect off;", "/12", "/one2"],
    ["proxy_redirect ~^/(u)(.*)$ /$2$1; absolute_redirect off;", "/user", "/seru"],
    ["proxy_redirect ~^/U /x; absolute_redirect off;", "/user", "/user"],
    ["proxy_redirect ~*^/U /x; absolute_redirect off;", "/user", "/x"],
    ["proxy_redirect off;", "http://c1/x", "http://c1/x"],
    ["", "http://c1/x", "http://a.test:8080/x"],
  ])("%s makes of %s %s", (text, location, expected) => {
    expect(passed(text, ["location", location])).toBe(`location ${expected};`)
  })

  test.each([
    ["5; url=http://b.test/x", "5; url=http://c.test/x"],
    ["5; URL=http://b.test/x", "5; URL=http://c.test/x"],
    ["url=http://b.test/x", "url=http://c.test/x"],
    ["5; url=http://z.test/x", "5; url=http://z.test/x"],
    ["5; http://b.test/x", "5; http://b.test/x"],
  ])("of refresh: %s is %s", (value, expected) => {
    expect(passed("proxy_redirect http://b.test/ http://c.test/;", ["refresh", value])).toBe(
      `refresh ${expected};`,
    )
  })

  test("of no other field, and a regex that takes too many steps changes nothing", () => {
    expect(passed("proxy_redirect http://b.test/ /;", ["x-location", "http://b.test/"])).toBe(
      "x-location http://b.test/;",
    )
    const bed = new RouteBed(
      `server { listen 80; location / { proxy_pass http://c1; proxy_redirect "~^/(a|aa)+(a|aa)+\\1x$" /x; } }`,
      { regexSteps: 1000 },
    )
    const call = bed.begin("/")
    const list = new HeaderList([":status", "302", "location", `/${"a".repeat(60)}`])
    expect(call.route.responseRewrite.apply(list, 302, call.record, bed.context.env).get("location")).toBe(
      `/${"a".repeat(60)}`,
    )
  })

  test("what variables bring in has no octet that no field may have", () => {
    expect(passed("proxy_redirect /a http://$arg_x/;", ["location", "/a"], "/?x=%0A")).toBe(
      "location http://%0A/;",
    )
  })
})

describe("proxy_cookie_domain and proxy_cookie_path", () => {
  const rules = `proxy_cookie_domain b.test $host; proxy_cookie_domain ~^(www)\\.c\\.test$ $1.d.test; proxy_cookie_path /b/ /a/;`
  test.each([
    ["s=1; domain=b.test; path=/b/x; secure", "s=1; domain=a.test; path=/a/x; secure"],
    ["s=1; Domain=.B.TEST;Path=/b/", "s=1; Domain=.a.test; Path=/a/"],
    ["s=1; domain=z.test; path=/z", "s=1; domain=z.test; path=/z"],
    ["s=1; domain=b.test.x", "s=1; domain=b.test.x"],
    ["s=1; domain=www.c.test", "s=1; domain=www.d.test"],
    ["s=1; domain=WWW.C.test", "s=1; domain=WWW.d.test"],
    ["domain=b.test", "domain=b.test"],
    ["s=1", "s=1"],
  ])("%s: %s", (cookie, expected) => {
    expect(passed(rules, ["set-cookie", cookie])).toBe(`set-cookie ${expected};`)
  })

  test("each by itself, and of a cookie alone", () => {
    const fields = ["set-cookie", "s=1; domain=b.test; path=/b/", "x-cookie", "s=1; domain=b.test"]
    expect(passed("proxy_cookie_domain .b.test .a.test;", fields)).toBe(
      "set-cookie s=1; domain=a.test; path=/b/; x-cookie s=1; domain=b.test;",
    )
    expect(passed("proxy_cookie_path ~^/B /a;", fields)).toContain("path=/b/;")
    expect(passed("proxy_cookie_path ~*^/B /a;", fields)).toContain("path=/a;")
  })
})

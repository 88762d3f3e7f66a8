import { describe, expect, test } from "vitest"
import { RouteBed } from "../../../test/support/route-bed.ts"
import type { RequestState } from "../../record/request-state.ts"
import { checkAccess } from "./access.ts"
import type { Wait } from "./route.ts"

const server = (text: string): RouteBed => new RouteBed(`server { listen 80; ${text} }`)
const from = (remoteAddress: string, path = "/", fields: string[] = []) => {
  return { path, fields, connection: { remoteAddress } }
}
const basic = (text: string, path = "/") => {
  return { path, fields: ["authorization", `Basic ${Buffer.from(text).toString("base64")}`] }
}
const DENIED = "403 access_denied: access forbidden by rule"
const UNKNOWN = "401 unauthenticated: a user and a password are needed"

describe("allow and deny", () => {
  const bed = server(`
    location / { deny 10.0.0.1; allow 10.0.0.0/8; allow 2001:db8::/32; deny all; grpc_pass c1; }
    location /open { deny 10.0.0.1; grpc_pass c1; } location /unix { allow unix:; deny all; grpc_pass c1; }
    location /said { deny all; return 200 "said"; }
    location /le { limit_except GET { deny all; } grpc_pass c1; }`)
  test.each([
    ["10.0.0.1", "/", DENIED],
    ["10.0.0.2", "/", "to c1"],
    ["11.0.0.1", "/", DENIED],
    ["2001:db8::1", "/", "to c1"],
    ["2001:db9::1", "/", DENIED],
    ["unix:", "/", DENIED],
    ["10.0.0.1", "/open", DENIED],
    ["10.0.0.2", "/open", "to c1"],
    ["unix:", "/unix", "to c1"],
    ["127.0.0.1", "/unix", DENIED],
    ["10.0.0.1", "/said", "200 said"],
    ["10.0.0.1", "/le", "to c1"],
  ])("%s at %s", (address, path, expected) => expect(bed.ask(from(address, path))).toBe(expected))

  test("limit_except means the methods it does not name", () => {
    expect(bed.ask({ path: "/le", method: "GET" })).toBe("to c1")
    expect(bed.ask({ path: "/le", method: "POST" })).toBe(DENIED)
  })

  test("nothing is asked of what the configuration asks itself", () => {
    const denied = server("location / { deny all; grpc_pass c1; }")
    const call = denied.begin("/")
    expect(call.said).toBe(DENIED)
    call.record.state = null
    const own = denied.begin("/", (state) => (state.isSubrequest = true))
    expect(own.said).toBe("to c1")
  })
})

describe("the client behind proxies", () => {
  const bed = server(`
    set_real_ip_from 10.0.0.0/8; set_real_ip_from unix:; real_ip_header X-Forwarded-For; real_ip_recursive on;
    location / { return 200 "$remote_addr $remote_port"; } location /a { allow 1.2.3.4; deny all; grpc_pass c1; }`)
  test.each([
    ["10.0.0.9", ["x-forwarded-for", "1.2.3.4"], "200 1.2.3.4"],
    ["unix:", ["x-forwarded-for", "1.2.3.4"], "200 1.2.3.4"],
    ["10.0.0.9", ["x-forwarded-for", "9.9.9.9, 1.2.3.4:55, 10.0.0.1"], "200 1.2.3.4 55"],
    [
      "10.0.0.9",
      ["x-forwarded-for", "1.2.3.4", "x-other", "5.5.5.5", "x-forwarded-for", "10.0.0.1"],
      "200 1.2.3.4",
    ],
    ["10.0.0.9", ["x-forwarded-for", "x"], "200 10.0.0.9 51234"],
    ["10.0.0.9", ["x-forwarded-for", "01.002.3.4"], "200 1.2.3.4"],
    ["10.0.0.9", ["x-forwarded-for", "[2001:DB8:0:0::0:1]:443"], "200 2001:db8::1 443"],
    ["10.0.0.9", ["x-forwarded-for", "::FFFF:1.2.3.4"], "200 ::ffff:1.2.3.4"],
    ["10.0.0.9", ["x-forwarded-for", "::ffff:102:304"], "200 ::ffff:1.2.3.4"],
    ["10.0.0.9", ["x-forwarded-for", "fe80::1%eth0"], "200 10.0.0.9 51234"],
    ["::ffff:10.0.0.9", ["x-forwarded-for", "1.2.3.4, ::ffff:10.0.0.1"], "200 1.2.3.4"],
    ["10.0.0.9", ["x-forwarded-for", "1.2.3.4, x"], "200 10.0.0.9 51234"],
    ["10.0.0.9", [], "200 10.0.0.9 51234"],
    ["11.0.0.9", ["x-forwarded-for", "1.2.3.4"], "200 11.0.0.9 51234"],
  ])("%s says %j", (address, fields, expected) => expect(bed.ask(from(address, "/", fields))).toBe(expected))

  test("is who is let in", () => {
    expect(bed.ask(from("10.0.0.9", "/a", ["x-forwarded-for", "1.2.3.4"]))).toBe("to c1")
    expect(bed.ask(from("10.0.0.9", "/a", ["x-forwarded-for", "1.2.3.5"]))).toBe(DENIED)
    expect(bed.ask(from("1.2.3.4", "/a"))).toBe("to c1")
  })

  test("that is known already stays", () => {
    const known = (state: RequestState): void => void (state.realClient = { address: "9.9.9.9", port: 1 })
    expect(bed.begin(from("10.0.0.9", "/", ["x-forwarded-for", "1.2.3.4"]), known).said).toBe("200 9.9.9.9 1")
  })

  test("a location's own way is tried where the server's has found nobody", () => {
    const both = server(`set_real_ip_from 10.0.0.0/8; real_ip_header X-A;
      location / { set_real_ip_from 11.0.0.0/8; real_ip_header X-B; deny 2.2.2.2; grpc_pass c1; }`)
    const fields = ["x-a", "3.3.3.3", "x-b", "2.2.2.2"]
    expect(both.ask(from("10.0.0.1", "/", fields))).toBe("to c1")
    expect(both.ask(from("11.0.0.1", "/", fields))).toBe(DENIED)
  })

  test("not recursive: the last address, whoever that is", () => {
    const last = server(
      `set_real_ip_from 10.0.0.0/8; real_ip_header X-Real-IP; location / { return 200 "$remote_addr"; }`,
    )
    expect(last.ask(from("10.0.0.9", "/", ["x-real-ip", "1.2.3.4, 10.0.0.1"]))).toBe("200 10.0.0.1")
  })

  test("by PROXY protocol", () => {
    const proxied = server(
      `set_real_ip_from 10.0.0.0/8; real_ip_header proxy_protocol; location / { return 200 "$remote_addr $remote_port"; }`,
    )
    const header = {
      sourceAddress: "::FFFF:1.2.3.4",
      sourcePort: 55,
      destinationAddress: "10.0.0.1",
      destinationPort: 80,
    }
    const said = (remoteAddress: string, has: boolean): string =>
      proxied.ask({ path: "/", connection: { remoteAddress, proxied: has ? header : null } as never })
    expect(said("10.0.0.9", true)).toBe("200 ::ffff:1.2.3.4 55")
    expect(said("10.0.0.9", false)).toBe("200 10.0.0.9 51234")
    expect(said("11.0.0.9", true)).toBe("200 11.0.0.9 51234")
  })

  test("is found once, also where a location has its own way", () => {
    const own = server(`
      location /a { set_real_ip_from 10.0.0.0/8; set_real_ip_from 1.0.0.0/8; real_ip_header X-A; rewrite ^/a /b; }
      location /b { set_real_ip_from 10.0.0.0/8; real_ip_header X-B; deny 2.2.2.2; grpc_pass c1; }
      location /c { set_real_ip_from 10.0.0.0/8; real_ip_header X-B; deny 2.2.2.2; grpc_pass c1; }`)
    expect(own.ask(from("10.0.0.9", "/c", ["x-b", "2.2.2.2"]))).toBe(DENIED)
    expect(own.ask(from("10.0.0.9", "/c", ["x-b", "3.2.2.2"]))).toBe("to c1")
    expect(own.ask(from("2.2.2.2", "/c", ["x-b", "3.2.2.2"]))).toBe(DENIED)
  })
})

describe("auth_basic", () => {
  const bed = server(`auth_basic "a realm"; auth_basic_user_file users; location / { grpc_pass c1; }
    location /off { auth_basic off; grpc_pass c1; } location /maybe { auth_basic $arg_realm; grpc_pass c1; }
    location /uri { auth_basic $uri; grpc_pass c1; }`)
  test.each<[string, string, string]>([
    ["the right password", "Basic YW5uOnNlY3JldA==", "to c1"],
    ["any case, more blanks", "bASIC   YW5uOnNlY3JldA==  ", "to c1"],
    ["a wrong one", `Basic ${Buffer.from("ann:secre").toString("base64")}`, UNKNOWN],
    ["a password with a colon", `Basic ${Buffer.from("ann:secret:").toString("base64")}`, UNKNOWN],
    ["no user", `Basic ${Buffer.from(":secret").toString("base64")}`, UNKNOWN],
    ["no colon", `Basic ${Buffer.from("annsecret").toString("base64")}`, UNKNOWN],
    ["another scheme", "Bearer x", UNKNOWN],
    ["more than one word", "Basic YW5uOnNlY3JldA== x", UNKNOWN],
    ["something before it", "x Basic YW5uOnNlY3JldA==", UNKNOWN],
    ["no padding", "Basic YW5uOnNlY3JldA", "to c1"],
    ["padding within", "Basic YW5uOnNl=Y3JldA==", UNKNOWN],
    ["more padding than there is", "Basic YW5uOnNlY3JldA===", UNKNOWN],
    ["a digit too many", "Basic YW5uOnNlY3Jlx", UNKNOWN],
    ["an octet of another alphabet", "Basic YW5uOnNlY3JldA_-", UNKNOWN],
  ])("%s", (_, field, expected) => {
    expect(bed.ask({ path: "/", fields: ["authorization", field] })).toBe(expected)
  })

  test("two fields are refused, whichever is good", () => {
    const [name, good] = basic("ann:secret").fields as [string, string]
    const fields = [name, good, name, "Basic eDp5"]
    const several = "401 unauthenticated: there is more than one authorization field"
    expect(bed.ask({ path: "/", fields })).toBe(several)
    expect(bed.ask({ path: "/", fields: [name, "Basic eDp5", name, good] })).toBe(several)
    expect(bed.ask({ path: "/off", fields })).toBe("to c1")
  })

  test("what is asked of the file", () => {
    const asked: string[][] = []
    bed.passwords = { check: (user, password) => asked.push([user, password]) > 0 }
    bed.ask(basic("a:b:c"))
    bed.ask(basic("ü:"))
    expect(asked).toEqual([
      ["a", "b:c"],
      ["\u00c3\u00bc", ""],
    ])
  })

  test("a client without is told the realm", () => {
    const realm = (path: string): unknown => {
      const { outcome } = bed.begin(path)
      return outcome === null ? null : (outcome as { fields?: unknown }).fields
    }
    expect(realm("/")).toEqual(["www-authenticate", 'Basic realm="a realm"'])
    expect(realm("/maybe?realm=b")).toEqual(["www-authenticate", 'Basic realm="b"'])
    expect(realm("/maybe?realm=off")).toBe(null)
    expect(realm("/off")).toBe(null)
    expect(realm("/uri/a%0d%0aX-B:%20c")).toEqual(["www-authenticate", 'Basic realm="/uri/a X-B: c"'])
  })

  test("a file that variables name, and none that they climb to", () => {
    const named = server(`auth_basic a; auth_basic_user_file $arg_file; location / { grpc_pass c1; }
      location /in { auth_basic_user_file users/$arg_file; grpc_pass c1; }`)
    const ask = (path: string) => named.ask(basic("ann:secret", path))
    const refused = "403 access_denied: access forbidden"
    const outcomes = [
      "/?file=/etc/a",
      "/in?file=b/c",
      "/in?file=..b",
      "/?file=a",
      "/?file=",
      "/in?file=",
      "/in?file=../a",
      "/in?file=b/..",
      "/in?file=b/../../a",
    ].map(ask)
    expect(outcomes).toEqual([...Array(3).fill("to c1"), ...Array(6).fill(refused)])
    expect(named.passwordPaths).toEqual(["/etc/a", "/users/b/c", "/users/..b"])
  })

  test("a file that cannot be read lets nobody in, and the log says so", () => {
    bed.passwords = { check: () => "unreadable" }
    expect(bed.ask(basic("ann:secret"))).toBe("403 access_denied: access forbidden")
    expect(bed.log.saying("password file cannot be read")).toEqual([{ file: "/users" }])
  })

  test("so many passwords are looked at, and more are told so, whoever else may let in", () => {
    bed.passwords = { check: () => "busy" }
    const busy = "503 overload: too many passwords are being looked at (passwordChecksMax)"
    expect(bed.ask(basic("ann:secret"))).toBe(busy)
    const either = server(
      "satisfy any; deny all; auth_basic a; auth_basic_user_file users; location / { grpc_pass c1; }",
    )
    either.passwords = { check: () => "busy" }
    expect(either.ask(basic("ann:secret"))).toBe(busy)
  })

  const unavailable = "503 auth_unavailable: the password cannot be looked at"
  test.each<[string, () => Promise<boolean | "unavailable">, string]>([
    ["right", async () => true, "to c1"],
    ["wrong", async () => false, UNKNOWN],
    ["not to be told", async () => "unavailable", unavailable],
    ["never to be known", () => Promise.reject(new Error("no")), unavailable],
  ])("a password that takes long to tell is %s", async (_, answer, expected) => {
    bed.passwords = { check: () => ({ answer: answer(), giveUp() {} }) }
    const call = bed.begin(basic("ann:secret"))
    expect(call.said).toBe("waits")
    await new Promise(setImmediate)
    expect(call.said).toBe(expected)
  })

  describe.each<[string, () => Promise<boolean>]>([
    ["told later", async () => true],
    ["never to be known", () => Promise.reject(new Error("no"))],
  ])("once the call is over, of a password %s", (_, answer) => {
    test("nothing is told, and it is given up", async () => {
      const { config } = server("auth_basic a; auth_basic_user_file u; location / { grpc_pass c1; }")
      const asking = bed.begin(basic("ann:secret", "/off"))
      const verifierOf = (): never => {
        throw new Error("no token is asked for")
      }
      let givenUp = 0
      const check = () => ({ answer: answer(), giveUp: () => void givenUp++ })
      const usersOf = () => ({ check })
      const userFiles = { of: usersOf, named: usersOf, tellUnreadable() {} }
      const parts = { templateOf: asking.route.templateOf, userFiles, verifierOf }
      const [phase] = checkAccess(config.servers[0]!.fallback.access, parts, "").phases
      const told: unknown[] = []
      const giveUp = (phase!(asking, bed.context) as Wait).begin((verdict) => told.push(verdict))
      giveUp()
      await new Promise(setImmediate)
      expect([told, givenUp]).toEqual([[], 1])
    })

    test("nothing follows", async () => {
      let givenUp = 0
      bed.passwords = { check: () => ({ answer: answer(), giveUp: () => void givenUp++ }) }
      const call = bed.begin(basic("ann:secret"))
      call.waiting!.cancel()
      await new Promise(setImmediate)
      expect([call.said, givenUp]).toEqual(["waits", 1])
    })
  })

  test("whose places a password takes: the client's, of IPv6 its network's", () => {
    const asked: string[] = []
    bed.passwords = {
      check: (_user, _password, client) => asked.push(Buffer.from(client, "latin1").toString("hex")) > 0,
    }
    for (const address of [
      "10.0.0.1",
      "::ffff:10.0.0.1",
      "2001:db8::1",
      "2001:db8::2",
      "2001:db8:0:1::1",
      "unix:",
    ])
      bed.ask(from(address, "/", basic("a:b").fields))
    expect(asked).toEqual([
      "0a000001",
      "0a000001",
      "20010db800000000",
      "20010db800000000",
      "20010db800000001",
      "",
    ])
  })
})

describe("auth_request", () => {
  const bed = server(`location / { auth_request /auth; auth_request_set $Who $sent_http_x_who; grpc_pass c1; }
    location /set { auth_request /auth; auth_request_set $who $sent_http_x_who; grpc_set_header x-who $who; grpc_pass c1; }`)
  const answered = (status: number, fields: string[] = []): unknown => {
    bed.authorization = { status, fields }
    return bed.begin("/").outcome
  }
  test.each([
    [200, "to c1"],
    [204, "to c1"],
    [299, "to c1"],
    [199, "500 internal: the authorization server answered with an unexpected status: 199"],
    [300, "500 internal: the authorization server answered with an unexpected status: 300"],
    [402, "500 internal: the authorization server answered with an unexpected status: 402"],
    [499, "500 internal: the authorization server answered with an unexpected status: 499"],
    [500, "500 auth_unavailable: the authorization server failed: 500"],
    [403, "403 access_denied: the authorization server refuses the request"],
    [401, "401 unauthenticated: the authorization server asks for credentials"],
  ])("%s: %s", (status, expected) => {
    bed.authorization = { status }
    expect(bed.ask("/")).toBe(expected)
    expect(bed.asked.at(-1)).toBe("/auth")
  })

  test("what it asks for is handed on", () => {
    expect(
      answered(401, [
        "x-a",
        "1",
        "www-authenticate",
        "A",
        "x-b",
        "www-authenticate",
        "www-authenticate",
        "B",
      ]),
    ).toMatchObject({
      fields: ["www-authenticate", "A", "www-authenticate", "B"],
    })
    expect(answered(401)).toMatchObject({ fields: [] })
    bed.authorization = { status: 401 }
    expect(bed.begin("/").outcome).toMatchObject({ fields: [] })
  })

  test("what it says is kept in variables, whatever their case", () => {
    bed.authorization = { status: 200, fields: ["x-who", "ann"] }
    expect(bed.begin("/set").sent.get("x-who")).toBe("ann")
    expect(bed.begin("/").record.state?.values.get("who")).toBe("ann")
  })

  test("is given up with the call", () => {
    bed.authorization = null
    const call = bed.begin("/")
    expect(call.said).toBe("waits")
    call.waiting!.cancel()
    expect(bed.asked.at(-1)).toBe("given up")
    call.waiting!.cancel()
    expect(bed.asked.filter((one) => one === "given up")).toHaveLength(1)
  })
})

describe("satisfy", () => {
  const bed = server(`auth_basic a; auth_basic_user_file users;
    location /all { allow 10.0.0.1; deny all; grpc_pass c1; }
    location /any { satisfy any; allow 10.0.0.1; deny 10.0.0.2; grpc_pass c1; }
    location /request { auth_basic off; satisfy any; deny all; auth_request /auth; grpc_pass c1; }
    location /three { satisfy any; deny all; auth_request /auth; grpc_pass c1; }
    location /both { allow 10.0.0.1; deny all; auth_request /auth; grpc_pass c1; }`)
  const ask = (path: string, address: string, user = "", later = false, status = 200): Promise<string> => {
    const check = (_: string, password: string): boolean => password === "secret"
    const slowly = (user: string, password: string) => ({
      answer: Promise.resolve(check(user, password)),
      giveUp() {},
    })
    bed.passwords = { check: later ? slowly : check }
    bed.authorization = { status }
    const fields = user === "" ? [] : basic(user).fields
    const call = bed.begin(from(address, path, fields))
    return new Promise((resolve) => setImmediate(() => resolve(call.said)))
  }
  test.each<[path: string, address: string, user: string, later: boolean, status: number, expected: string]>([
    ["/all", "10.0.0.1", "ann:secret", false, 0, "to c1"],
    ["/all", "10.0.0.1", "ann:secret", true, 0, "to c1"],
    ["/all", "10.0.0.1", "ann:wrong", true, 0, UNKNOWN],
    ["/all", "10.0.0.1", "", false, 0, UNKNOWN],
    ["/all", "10.0.0.9", "ann:secret", false, 0, DENIED],
    ["/any", "10.0.0.1", "", false, 0, "to c1"],
    ["/any", "10.0.0.2", "ann:secret", false, 0, "to c1"],
    ["/any", "10.0.0.2", "ann:secret", true, 0, "to c1"],
    ["/any", "10.0.0.2", "ann:wrong", true, 0, UNKNOWN],
    ["/any", "10.0.0.2", "", false, 0, UNKNOWN],
    ["/any", "10.0.0.3", "", false, 0, UNKNOWN],
    ["/request", "10.0.0.3", "", false, 200, "to c1"],
    [
      "/request",
      "10.0.0.3",
      "",
      false,
      403,
      "403 access_denied: the authorization server refuses the request",
    ],
    [
      "/request",
      "10.0.0.3",
      "",
      false,
      401,
      "401 unauthenticated: the authorization server asks for credentials",
    ],
    ["/request", "10.0.0.3", "", false, 500, "500 auth_unavailable: the authorization server failed: 500"],
    ["/three", "10.0.0.3", "ann:secret", false, 403, "to c1"],
    ["/three", "10.0.0.3", "ann:wrong", false, 200, "to c1"],
    ["/three", "10.0.0.3", "ann:wrong", true, 200, "to c1"],
    ["/three", "10.0.0.3", "ann:wrong", true, 403, UNKNOWN],
    ["/three", "10.0.0.3", "ann:wrong", true, 401, UNKNOWN],
    [
      "/three",
      "10.0.0.3",
      "ann:wrong",
      true,
      500,
      "500 auth_unavailable: the authorization server failed: 500",
    ],
    ["/both", "10.0.0.1", "ann:secret", true, 200, "to c1"],
    [
      "/both",
      "10.0.0.1",
      "ann:secret",
      true,
      403,
      "403 access_denied: the authorization server refuses the request",
    ],
    ["/both", "10.0.0.1", "ann:wrong", true, 200, UNKNOWN],
  ])("%s, %s, %j, told later %s, asked %s: %s", async (path, address, user, later, status, expected) => {
    expect(await ask(path, address, user, later, status)).toBe(expected)
  })

  test("any: a file that cannot be read is a refusal, others may let in", () => {
    bed.passwords = { check: () => "unreadable" }
    expect(bed.ask(from("10.0.0.1", "/any"))).toBe("to c1")
    expect(bed.ask(from("10.0.0.2", "/any", basic("a:b").fields))).toBe("403 access_denied: access forbidden")
  })

  test("a rule that says nothing, and nothing else that is asked: let in", () => {
    const quiet = server("satisfy any; location / { allow 10.0.0.1; grpc_pass c1; }")
    expect(quiet.ask(from("10.0.0.9"))).toBe("to c1")
  })
})

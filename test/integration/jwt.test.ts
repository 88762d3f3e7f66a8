/** Tokens that callers must show, on real sockets. */
import { createHmac } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type RequestListener } from "node:http"
import { connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from "node:http2"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as grpc from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { statusOf, TestBed } from "../support/test-bed.ts"
import { Issuer, keySetOf, rawToken } from "../support/tokens.ts"

type Jwt = NonNullable<NonNullable<SluiceYaml["access"]>["jwt"]>

const { UNAUTHENTICATED, PERMISSION_DENIED, OK } = grpc.status
const issuer = await Issuer.make()
const other = await Issuer.make()
const rsa = await Issuer.make("rsa", "RS256")

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-jwt-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A balancer whose one route asks for tokens of `issuer`. */
async function startBed(
  t: TestContext,
  jwt: Partial<Jwt> = {},
  { config: more = {}, clock }: { config?: Partial<SluiceYaml>; clock?: ManualClock } = {},
): Promise<TestBed> {
  const file = join(directoryOf(t), "keys.json")
  writeFileSync(file, keySetOf(issuer, rsa))
  const config = { access: { jwt: { keys: [{ file }], realm: "test", ...jwt } } }
  return TestBed.start(t, { config: { ...config, ...more }, ...(clock !== undefined && { clock }) })
}

function bearing(token: string): grpc.Metadata {
  const metadata = new grpc.Metadata()
  metadata.set("authorization", `Bearer ${token}`)
  return metadata
}

const now = (): number => Math.floor(Date.now() / 1000)

test("a good token lets a call in, and its claims are variables", async (t) => {
  const bed = await startBed(t, {}, { config: { addHeaders: { "x-sub": "$jwt_claim_sub $jwt_header_kid" } } })
  const token = await issuer.sign({ sub: "alice", exp: now() + 60 })
  for (let times = 0; times < 2; times++) {
    const { code, initial } = await bed.client().unary(Buffer.from("x"), bearing(token))
    expect(code).toBe(OK)
    expect(initial!.get("x-sub")).toEqual(["alice one"])
  }
})

const TOO_LONG = { sub: "x".repeat(20_000) }
/** A token, and why it is refused. */
const REFUSED: Record<string, [token: () => Promise<string> | string, why: RegExp]> = {
  "has expired": [() => issuer.sign({ exp: now() - 1 }), /has expired/],
  "is not valid yet": [() => issuer.sign({ nbf: now() + 60 }), /not valid yet/],
  "has an exp that is no time": [() => issuer.sign({ exp: "never" }), /exp is not a time/],
  "is signed by another's key": [() => other.sign({ sub: "a" }), /signature is wrong/],
  "names a key that is not there": [() => issuer.sign({ sub: "a" }, { kid: "two" }), /no key of ours/],
  "is longer than is read": [() => issuer.sign(TOO_LONG), /longer than jwtOctetsMax/],
  "is not signed": [() => rawToken({ alg: "none" }, { sub: "a" }), /algorithm/],
  "is not signed, in other letters": [() => rawToken({ alg: "nOnE" }, { sub: "a" }), /algorithm/],
  "says no algorithm": [() => rawToken({ kid: "one" }, { sub: "a" }, "AAAA"), /algorithm/],
  "is signed with a public key as a secret": [() => confused(), /no key of ours/],
  "asks for an extension": [
    () => rawToken({ alg: "ES256", kid: "one", crit: ["b64"], b64: false }, { sub: "a" }, "AAAA"),
    /extension/,
  ],
  "is encrypted": [() => `${rawToken({ alg: "dir", enc: "A128GCM" }, {}, "a")}.b.c`, /encrypted/],
  "has four parts": [() => "a.b.c.d", /three parts/],
  "is not base64url": [() => "a+.b.c", /base64url/],
  "has no header": [() => "AAAA.AAAA.AAAA", /header is not a JSON object/],
  "has no claims": [() => `${rawToken({ alg: "ES256" }, {}).split(".")[0]}.AAAA.AAAA`, /payload/],
}

/** RFC 8725 §2.1: HMAC with what everyone knows. */
function confused(): string {
  const text = rawToken({ alg: "HS256", kid: "rsa" }, { sub: "a" }).slice(0, -1)
  return `${text}.${createHmac("sha256", JSON.stringify(rsa.jwk)).update(text).digest("base64url")}`
}

describe("a token is refused that", () => {
  test.for(Object.entries(REFUSED))("%s", async ([_, [make, why]], t) => {
    const bed = await startBed(t)
    const token = await make()
    // The second time its signature need not be looked at.
    for (let times = 0; times < 2; times++) {
      const { code, details } = await bed.client().unary(Buffer.from("x"), bearing(token))
      expect({ code, details }).toEqual({ code: UNAUTHENTICATED, details: expect.stringMatching(why) })
      expect(details).not.toContain(token.slice(-20))
    }
  })
})

test("claims within claims that nobody has signed do no harm where a limit's key or a log shows them", async (t) => {
  const claims = `{"x":${"[".repeat(6000)}${"]".repeat(6000)}}`
  const part = (text: string): string => Buffer.from(text).toString("base64url")
  const token = `${part('{"alg":"ES256"}')}.${part(claims)}.AAAA`
  const config: Partial<SluiceYaml> = {
    zones: [{ name: "claims", key: "$jwt_claim_x", size: "1m", rate: 100 }],
    requestLimits: { limits: [{ zone: "claims" }] },
  }
  const bed = await startBed(t, {}, { config })
  const { code, details } = await bed.client().unary(Buffer.from("x"), bearing(token))
  expect([code, details]).toEqual([UNAUTHENTICATED, expect.stringContaining("levels")])
})

/** What a client that speaks HTTP and not gRPC is told. */
async function httpHead(
  t: TestContext,
  { port }: TestBed,
  headers: Record<string, string> = {},
): Promise<[status: number | undefined, challenge: string | undefined]> {
  const session = connect(`http://127.0.0.1:${port}`)
  t.onTestFinished(() => session.destroy())
  const [head] = (await once(session.request({ ":path": "/", ...headers }), "response")) as [
    IncomingHttpHeaders & IncomingHttpStatusHeader,
  ]
  return [head[":status"], head["www-authenticate"]]
}

test("a client of HTTP is told 401 and what is asked for", async (t) => {
  const bed = await startBed(t, { realm: 'the "$host"', require: [{ values: ["$jwt_claim_admin"] }] })
  const realm = 'Bearer realm="the \\"127.0.0.1\\""'
  expect(await httpHead(t, bed)).toEqual([401, realm])
  expect(await httpHead(t, bed, { authorization: "Basic YTpi" })).toEqual([401, realm])
  const bad = { authorization: "Bearer a.b.c" }
  expect(await httpHead(t, bed, bad)).toEqual([401, `${realm}, error="invalid_token"`])
  const poor = { authorization: `Bearer ${await issuer.sign({ sub: "a" })}` }
  expect(await httpHead(t, bed, poor)).toEqual([401, `${realm}, error="insufficient_scope"`])
})

test("two authorization fields are refused, whichever is good", async (t) => {
  const bed = await startBed(t)
  const token = await issuer.sign({ sub: "a" })
  const client = await bed.rawClient()
  const fields: [string, string][] = [`Bearer ${token}`, "Bearer a.b.c"].map((value) => [
    "authorization",
    value,
  ])
  const id = client.open([...dsl.request, ...fields], { endStream: true })
  await client.end(id)
  expect(client.about(id)[0]).toContain(
    "grpc-status=16 grpc-message=the token is refused: there is more than one",
  )
})

test("what is required of claims", async (t) => {
  const bed = await startBed(
    t,
    {
      issuers: ["https://id.test"],
      audiences: ["chat", "mail"],
      require: [{ values: ["$role", "$deep"], status: 403 }],
    },
    {
      config: {
        variables: [
          { jwtClaim: "deep", of: ["a", "b"] },
          { map: "role", of: "$jwt_claim_role", values: { admin: "1" }, default: "0" },
        ],
      },
    },
  )
  const good = { iss: "https://id.test", aud: "chat", role: "admin", a: { b: true } }
  const codes: Record<string, number> = {}
  const cases = {
    good,
    "another issuer": { ...good, iss: "https://id.test.evil" },
    "no issuer": { ...good, iss: undefined },
    "several audiences": { ...good, aud: ["web", "mail"] },
    "another audience": { ...good, aud: ["web"] },
    "no audience": { ...good, aud: undefined },
    "another role": { ...good, role: "user" },
    "no deep claim": { ...good, a: {} },
  }
  for (const [name, claims] of Object.entries(cases)) {
    const token = await issuer.sign(claims)
    codes[name] = (await bed.client().unary(Buffer.from("x"), bearing(token))).code
  }
  expect(codes).toEqual({
    good: OK,
    "another issuer": UNAUTHENTICATED,
    "no issuer": UNAUTHENTICATED,
    "several audiences": OK,
    "another audience": UNAUTHENTICATED,
    "no audience": UNAUTHENTICATED,
    "another role": PERMISSION_DENIED,
    "no deep claim": PERMISSION_DENIED,
  })
})

test("a stream ends when its token expires, where that is asked for, also after the clock was set", async (t) => {
  let skewMs = 0
  const clock = new (class extends ManualClock {
    override wallMs(): number {
      return super.wallMs() + skewMs
    }
  })()
  const bed = await startBed(t, { endStreams: true, leeway: "5s" }, { clock })
  const seconds = Math.floor(clock.wallMs() / 1000)
  const chatOf = async (exp?: number) => {
    const chat = bed.client().chat(bearing(await issuer.sign({ sub: "a", exp })))
    chat.write(Buffer.from("x"))
    await once(chat, "data")
    return { chat, ended: statusOf(chat) }
  }
  const short = await chatOf(seconds + 10)
  const long = await chatOf(seconds + 7200)
  const endless = await chatOf()
  clock.advance(14_000)
  endless.chat.write(Buffer.from("y"))
  await once(endless.chat, "data")
  expect(bed.records).toHaveLength(0)
  clock.advance(2_000)
  const { code, details } = await short.ended
  expect([code, details]).toEqual([UNAUTHENTICATED, "the token that let this stream in has expired"])
  skewMs = 7_200_000
  clock.advance(61_000)
  expect((await long.ended).code).toBe(UNAUTHENTICATED)
  endless.chat.end()
  expect((await endless.ended).code).toBe(OK)
})

test("a clock that is set forward or back lets nobody in who was not", async (t) => {
  let skewMs = 0
  const clock = new (class extends ManualClock {
    override wallMs(): number {
      return super.wallMs() + skewMs
    }
  })()
  const bed = await startBed(t, {}, { clock })
  const seconds = Math.floor(clock.wallMs() / 1000)
  const token = await issuer.sign({ nbf: seconds - 10, exp: seconds + 10 })
  const codes: number[] = []
  for (const skew of [0, 3_600_000, 0, -3_600_000, 0]) {
    skewMs = skew
    codes.push((await bed.client().unary(Buffer.from("x"), bearing(token))).code)
  }
  expect(codes).toEqual([OK, UNAUTHENTICATED, OK, UNAUTHENTICATED, OK])
})

test("with satisfy any, what a token says that was not verified is not passed on", async (t) => {
  const sub = { addHeaders: { "x-sub": "[$jwt_claim_sub]" } }
  const bed = await startBed(t, {}, { config: { ...sub, access: anyone } })
  const forged = bearing(rawToken({ alg: "ES256" }, { sub: "root" }, "AAAA"))
  const { code, initial } = await bed.client().unary(Buffer.from("x"), forged)
  expect([code, initial!.get("x-sub")]).toEqual([OK, ["[]"]])
})
const anyone = { satisfy: "any" as const, rules: [{ allow: "all" }], jwt: { keys: [] } }

describe("keys in a file", () => {
  test("are read again when they have changed; the last good ones hold for as long as is said", async (t) => {
    const clock = new ManualClock()
    const file = join(directoryOf(t), "keys.json")
    writeFileSync(file, keySetOf(issuer))
    const next = await Issuer.make("two", "EdDSA")
    const bed = await TestBed.start(t, {
      clock,
      config: { access: { jwt: { keys: [{ file }], keyStale: "10m" } } },
    })
    const ask = async (by: Issuer) => {
      const { code } = await bed.client().unary(Buffer.from("x"), bearing(await by.sign({ sub: "a" })))
      return code
    }
    const both = async () => [await ask(issuer), await ask(next)]
    expect(await both()).toEqual([OK, UNAUTHENTICATED])
    writeFileSync(file, keySetOf(next))
    expect(await both()).toEqual([UNAUTHENTICATED, OK])
    writeFileSync(file, "{ half of")
    expect(await both()).toEqual([UNAUTHENTICATED, OK])
    rmSync(file)
    clock.advance(599_000)
    expect(await both()).toEqual([UNAUTHENTICATED, OK])
    clock.advance(2_000)
    expect(await both()).toEqual([grpc.status.UNAVAILABLE, grpc.status.UNAVAILABLE])
    expect(await httpHead(t, bed, { authorization: `Bearer ${await next.sign({})}` })).toEqual([
      500,
      undefined,
    ])
    writeFileSync(file, keySetOf(issuer, next))
    expect(await both()).toEqual([OK, OK])
  })
})

/** A server of keys; what it does may change. */
async function keyServer(t: TestContext, answer: RequestListener) {
  const server = { asked: 0, answer, url: "" }
  const http = createServer((request, response) => {
    server.asked++
    server.answer(request, response)
  })
  http.listen(0, "127.0.0.1")
  await once(http, "listening")
  t.onTestFinished(() => {
    http.closeAllConnections()
    http.close()
  })
  server.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/jwks.json`
  return server
}

const saying =
  (text: string, status = 200): RequestListener =>
  (_request, response) => {
    response.writeHead(status)
    response.end(text)
  }

const without: Record<string, [answer: RequestListener, limits?: Record<string, number>]> = {
  "answers 500": [saying(keySetOf(issuer), 500)],
  redirects: [
    (_request, response) => {
      response.writeHead(302, { location: "http://127.0.0.1:1/" })
      response.end()
    },
  ],
  "sends no JSON": [saying("<html>")],
  "sends another JSON": [saying('{"keys": {}}')],
  "sends no key": [saying('{"keys": [1, {}]}')],
  "sends more keys than are taken": [saying(keySetOf(issuer, rsa)), { jwksKeysMax: 1 }],
  "breaks off": [
    (_request, response) => {
      response.writeHead(200, { "content-length": 1000 })
      response.write("{")
      setImmediate(() => response.destroy())
    },
  ],
  hangs: [() => {}, { jwksTimeoutMs: 50 }],
  "sends 100 MB": [
    (_request, response) => {
      const chunk = Buffer.alloc(1_000_000, " ")
      let left = 100
      const more = (): void => {
        while (left-- > 0) if (!response.write(chunk)) return void response.once("drain", more)
        response.end()
      }
      more()
    },
  ],
}

describe("keys of a server", () => {
  test("rotate: a token that names an unknown key hastens the next question, once in ten seconds", async (t) => {
    const clock = new ManualClock()
    const next = await Issuer.make("two")
    const server = await keyServer(t, saying(keySetOf(issuer)))
    const bed = await TestBed.start(t, {
      clock,
      config: { access: { jwt: { keys: [{ url: server.url }], keyStale: "1h" } } },
    })
    const ask = async (by: Issuer) =>
      (await bed.client().unary(Buffer.from("x"), bearing(await by.sign({ sub: "a" })))).code
    expect([await ask(issuer), await ask(issuer), server.asked]).toEqual([OK, OK, 1])
    server.answer = saying(keySetOf(next))
    // Too soon: anyone can make such a token up.
    expect([await ask(next), server.asked]).toEqual([UNAUTHENTICATED, 1])
    clock.advance(11_000)
    expect([await ask(next), server.asked]).toEqual([OK, 2])
    expect([await ask(issuer), server.asked]).toEqual([UNAUTHENTICATED, 2])
    // Gone: the last ones hold for an hour, and no one waits.
    server.answer = saying("", 503)
    clock.advance(1_800_000)
    expect(await ask(next)).toBe(OK)
    clock.advance(1_900_000)
    expect(await ask(next)).toBe(grpc.status.UNAVAILABLE)
    server.answer = saying(keySetOf(next))
    clock.advance(11_000)
    expect(await ask(next)).toBe(OK)
  })

  test.for(Object.entries(without))("one that %s lets nobody in", async ([_, [answer, limits = {}]], t) => {
    const server = await keyServer(t, answer)
    const bed = await TestBed.start(t, {
      config: { access: { jwt: { keys: [{ url: server.url }] } }, limits },
    })
    const token = await issuer.sign({ sub: "a" })
    const { code, details } = await bed.client().unary(Buffer.from("x"), bearing(token))
    expect([code, details]).toEqual([
      grpc.status.UNAVAILABLE,
      "the keys by which tokens are verified cannot be had",
    ])
  })

  test("may be asked through a location of the server itself", async (t) => {
    const server = await keyServer(t, saying(keySetOf(issuer)))
    const clock = new ManualClock()
    const { host } = new URL(server.url)
    const bed = await TestBed.start(t, {
      clock,
      config: (addresses) => ({
        clusters: { test: addresses, keys: [host] },
        routes: [
          {
            prefix: "/",
            cluster: "test",
            access: { jwt: { keys: [{ request: "/keys?of=$host" }], keyCache: "10s" } },
          },
          { exact: "/keys", internal: true, proxy: { cluster: "keys", path: "/jwks.json" } },
        ],
      }),
    })
    const ask = async () =>
      (await bed.client().unary(Buffer.from("x"), bearing(await issuer.sign({ sub: "a" })))).code
    expect([await ask(), await ask(), server.asked]).toEqual([OK, OK, 1])
    clock.advance(11_000)
    expect([await ask(), server.asked]).toEqual([OK, 2])
    server.answer = saying(" ".repeat(2_000_000))
    clock.advance(11_000)
    expect([await ask(), server.asked]).toEqual([OK, 3])
  })
})

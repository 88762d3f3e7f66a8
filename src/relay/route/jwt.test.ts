import { describe, expect, test } from "vitest"
import { LogLines } from "../../../test/support/log-lines.ts"
import { RouteBed } from "../../../test/support/route-bed.ts"
import { streamRecord, templateEnvironment } from "../../../test/support/stream-record.ts"
import { resolveLimits } from "../../base/resolve-limits.ts"
import type { JwtConfig } from "../../config/jwt-model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { CallerToken } from "../../record/caller-token.ts"
import { stateOf } from "../../record/request-state.ts"
import { templatesOf } from "../../record/template.ts"
import { builtIn } from "../../record/variable-table.ts"
import { type AskKeys, forgetUnverified, JwtCheck, type TokenVerdict } from "./jwt.ts"
import type { PhaseContext, PhasedCall, SubrequestEnd, Verdict } from "./route.ts"

const CONFIG: JwtConfig = {
  realm: "calls",
  token: null,
  type: "signed",
  keys: [],
  keyCacheMs: null,
  keyStaleMs: 0,
  leewayMs: 0,
  issuers: [],
  audiences: [],
  algorithms: [],
  require: [],
  endStreams: false,
}
const TOKEN = { claims: { sub: "ann" } } as unknown as CallerToken
const VALID: TokenVerdict = { kind: "valid", token: TOKEN, expirySeconds: 1234 }

interface BedOptions {
  config?: Partial<JwtConfig>
  fields?: string[]
  verdict?: TokenVerdict | ((text: string, ask: AskKeys) => TokenVerdict | Promise<TokenVerdict>)
  path?: string
}

/** A call that is to show a token, and what the verifier was asked. */
function bedOf({ config = {}, fields = [], verdict = VALID, path = "/s/m?t=abc" }: BedOptions = {}) {
  const asked: string[] = []
  const log = new LogLines()
  const subrequests: { uri: string; octetsMax: number; done: (end: SubrequestEnd) => void }[] = []
  const atEnd: (() => void)[] = []
  let cancelled = 0
  const verifier = {
    read: (text: string) => (text === "unreadable" ? null : TOKEN),
    verify: (text: string, ask: AskKeys) => {
      asked.push(text)
      return typeof verdict === "function" ? verdict(text, ask) : verdict
    },
  }
  const check = new JwtCheck({ ...CONFIG, ...config }, templatesOf(builtIn), verifier)
  const record = streamRecord({ path, requestHeaders: new HeaderList(fields) })
  const call = { record, atEnd: (run: () => void) => atEnd.push(run) } as unknown as PhasedCall
  const context = {
    env: templateEnvironment(),
    log: log.log,
    limits: resolveLimits({}).limits,
    subrequests: {
      begin: (_call: PhasedCall, uri: string, done: (end: SubrequestEnd) => void, octetsMax: number) => {
        subrequests.push({ uri, octetsMax, done })
        return () => cancelled++
      },
    },
  } as unknown as PhaseContext
  const state = stateOf(record)
  return { check, call, context, state, asked, log, subrequests, atEnd, cancelled: () => cancelled }
}

const bearer = (token: string): string[] => ["authorization", `Bearer ${token}`]

/** What a call that may not pass is told: status, kind, message, fields. */
function refusal(verdict: Verdict | "allowed" | null): unknown {
  if (verdict === null || verdict === "allowed" || !("httpStatus" in verdict)) return verdict
  const { kind, message, isUnsent } = verdict
  return [kind, message, isUnsent, ...(verdict.fields ?? [])]
}

const NEEDED = [
  "unauthenticated",
  "a bearer token is needed",
  true,
  "www-authenticate",
  'Bearer realm="calls"',
]

describe("which token counts", () => {
  test.each<[string, string[], string[]]>([
    ["that of authorization", bearer("abc"), ["abc"]],
    ["whatever the case of the scheme, and blanks around", ["authorization", "bEaReR   abc  "], ["abc"]],
    ["among other fields", ["x", "authorization", ...bearer("abc"), "authorization-x", "Bearer d"], ["abc"]],
    ["none, where there is none", [], []],
    ["none of another scheme", ["authorization", "Basic abc"], []],
    ["nor two words", ["authorization", "Bearer a b"], []],
    ["nor none", ["authorization", "Bearer "], []],
    ["nor what comes behind something else", ["authorization", "x Bearer abc"], []],
  ])("%s", (_, fields, expected) => {
    const { check, call, context, asked } = bedOf({ fields })
    const verdict = check.check(call, context)
    expect(asked).toEqual(expected)
    expect(refusal(verdict)).toEqual(expected.length > 0 ? "allowed" : NEEDED)
  })

  test("of two none counts: a backend might believe the other one", () => {
    const { check, call, context, state } = bedOf({ fields: [...bearer("a"), ...bearer("b")] })
    state.token = TOKEN
    expect(refusal(check.check(call, context))).toEqual([
      "unauthenticated",
      "the token is refused: there is more than one authorization field",
      true,
      "www-authenticate",
      'Bearer realm="calls", error="invalid_token"',
    ])
    expect(state.token).toBe(null)
  })

  test("that of a template, where there is one, and no other", () => {
    const { check, call, context, asked } = bedOf({ config: { token: "$arg_t" }, fields: bearer("other") })
    expect(check.check(call, context)).toBe("allowed")
    expect(asked).toEqual(["abc"])
    const none = bedOf({ config: { token: "$arg_none" }, fields: bearer("other") })
    expect(refusal(none.check.check(none.call, none.context))).toEqual(NEEDED)
  })
})

describe("before it is verified", () => {
  test("a token is read for variables, true or not", () => {
    const { check, call, context, state } = bedOf({ fields: bearer("abc") })
    expect(check.read(call, context)).toBe(null)
    expect(state.token).toBe(TOKEN)
    const none = bedOf()
    expect(none.check.read(none.call, none.context)).toBe(null)
    expect(none.state.token).toBe(null)
    const unreadable = bedOf({ fields: bearer("unreadable") })
    unreadable.check.read(unreadable.call, unreadable.context)
    expect(unreadable.state.token).toBe(null)
  })

  test("a location that is asked by the configuration has its caller's", () => {
    const { check, call, context, state } = bedOf({ fields: bearer("abc") })
    state.isSubrequest = true
    check.read(call, context)
    expect(state.token).toBe(null)
  })

  test.each([
    ["is not passed on", false, false, null],
    ["is once it is verified", true, false, TOKEN],
    ["is a matter of the caller in a location that it asks", false, true, TOKEN],
  ])("what it says %s", (_, isTokenVerified, isSubrequest, expected) => {
    const { call, context, state } = bedOf()
    Object.assign(state, { token: TOKEN, isTokenVerified, isSubrequest })
    expect(forgetUnverified(call, context)).toBe(null)
    expect(state.token).toBe(expected)
  })

  test("of a request without any state nothing is forgotten, and none is made", () => {
    const { call, context } = bedOf()
    Object.assign(call.record, { state: null })
    expect(forgetUnverified(call, context)).toBe(null)
    expect(call.record.state).toBe(null)
  })
})

describe("what a verdict comes to", () => {
  const judged = (verdict: TokenVerdict) => {
    const bed = bedOf({ fields: bearer("abc"), verdict })
    bed.state.token = TOKEN
    return { ...bed, said: refusal(bed.check.check(bed.call, bed.context)) }
  }

  test("too many at once", () => {
    const { said } = judged({ kind: "busy" })
    expect(said).toEqual(["overload", "too many tokens are being verified (jwtVerificationsMax)", true])
  })

  test("no keys: the log says of whom and why, the client does not learn it", () => {
    const { said, log } = judged({ kind: "unavailable", message: "connection refused" })
    expect(said).toEqual(["auth_unavailable", "the keys by which tokens are verified cannot be had", true])
    expect(log.saying("a caller was refused for want of keys")).toEqual([
      { client: "192.0.2.1", problem: "connection refused" },
    ])
  })

  test("refused: why, and nothing that it says of itself stays", () => {
    const { said, state } = judged({ kind: "refused", message: "it has expired" })
    expect(said).toEqual([
      "unauthenticated",
      "the token is refused: it has expired",
      true,
      "www-authenticate",
      'Bearer realm="calls", error="invalid_token"',
    ])
    expect(state.token).toBe(null)
    expect(state.isTokenVerified).toBe(false)
  })

  test("valid", () => {
    const { said, state } = judged(VALID)
    expect(said).toBe("allowed")
    expect([state.token, state.isTokenVerified, state.expirySeconds]).toEqual([TOKEN, true, 0])
  })

  test("valid, and streams end with it", () => {
    const { check, call, context, state } = bedOf({ fields: bearer("abc"), config: { endStreams: true } })
    expect(check.check(call, context)).toBe("allowed")
    expect(state.expirySeconds).toBe(1234)
  })

  test("known later", async () => {
    const later = async (verdict: TokenVerdict, isGivenUp = false): Promise<unknown[]> => {
      const bed = bedOf({ fields: bearer("abc"), verdict: () => Promise.resolve(verdict) })
      const waiting = bed.check.check(bed.call, bed.context)
      if (waiting === "allowed" || waiting.kind !== "wait") throw new Error("it does not wait")
      const said: unknown[] = []
      const giveUp = waiting.begin((one) => said.push(refusal(one)))
      expect(said).toEqual([])
      if (isGivenUp) giveUp()
      await Promise.resolve()
      await Promise.resolve()
      return said
    }
    expect(await later(VALID)).toEqual([null])
    expect(await later({ kind: "busy" })).toHaveLength(1)
    expect(await later(VALID, true)).toEqual([])
  })
})

describe("what a token must have beside", () => {
  const required = (path: string, status: 401 | 403) => {
    const config = { require: [{ values: ["$arg_a", "$arg_b"], status }] }
    const { check, call, context } = bedOf({ fields: bearer("abc"), config, path })
    return refusal(check.check(call, context))
  }
  const SCOPE = [
    "unauthenticated",
    "the token does not have what is required here",
    true,
    "www-authenticate",
    'Bearer realm="calls", error="insufficient_scope"',
  ]

  test.each([
    ["/?a=1&b=1", "allowed"],
    ["/?a=00&b=x", "allowed"],
    ["/?a=1&b=0", SCOPE],
    ["/?a=1", SCOPE],
    ["/?b=1", SCOPE],
  ])("all of it, none empty or 0: %s", (path, expected) => {
    expect(required(path, 401)).toEqual(expected)
  })

  test("by 403 where the configuration says so", () => {
    expect(required("/", 403)).toEqual([
      "access_denied",
      "the token does not have what is required here",
      true,
    ])
  })

  test("the second is looked at once the first is met", () => {
    const config = {
      require: [
        { values: ["1"], status: 401 as const },
        { values: [""], status: 403 as const },
      ],
    }
    const { check, call, context } = bedOf({ fields: bearer("abc"), config })
    expect(refusal(check.check(call, context))).toMatchObject(["access_denied", {}, true])
  })
})

test("a realm is quoted", () => {
  const { check, call, context } = bedOf({ config: { realm: 'a "b" \\c $host' } })
  expect(refusal(check.check(call, context))).toMatchObject([
    "unauthenticated",
    {},
    true,
    "www-authenticate",
    'Bearer realm="a \\"b\\" \\\\c chat.example"',
  ])
})

describe("keys that a location is asked for", () => {
  const KEYS: JwtConfig["keys"] = [
    { kind: "file", keysFile: "/keys" },
    { kind: "request", uri: "/keys/$host" },
    { kind: "request", uri: "/more" },
  ]
  /** What became of the question, once its location has answered, or the caller has gone. */
  const asked = async (answer: Partial<SubrequestEnd> | "gone") => {
    let ask: AskKeys | null = null
    const bed = bedOf({
      fields: bearer("abc"),
      config: { keys: KEYS },
      verdict: (_text, given) => {
        ask = given
        return VALID
      },
    })
    bed.check.check(bed.call, bed.context)
    const keys = ask as unknown as AskKeys
    expect([keys.uriOf(0), keys.uriOf(1)]).toEqual(["/keys/chat.example", "/more"])
    const found = keys.get("/keys/chat.example")
    const [subrequest] = bed.subrequests
    expect(subrequest).toMatchObject({
      uri: "/keys/chat.example",
      octetsMax: bed.context.limits.jwksOctetsMax,
    })
    if (answer === "gone") for (const end of bed.atEnd) end()
    else subrequest!.done({ status: 200, body: Buffer.from("{}"), record: streamRecord(), ...answer })
    return { found: await found, cancelled: bed.cancelled() }
  }

  test.each<[string, Partial<SubrequestEnd> | "gone", unknown]>([
    ["are its body", {}, { body: "{}" }],
    ["none, by another status", { status: 404 }, { problem: "it answered 404" }],
    [
      "none, by a body that was too long",
      { body: null },
      { problem: /^the answer is not whole within \d+ octets$/ },
    ],
    ["none, since the caller is gone", "gone", { problem: null }],
  ])("%s", async (_, answer, expected) => {
    const { found, cancelled } = await asked(answer)
    const { problem } = expected as { problem?: unknown }
    if (problem instanceof RegExp) expect((found as { problem: string }).problem).toMatch(problem)
    else expect(found).toEqual(expected)
    expect(cancelled).toBe(answer === "gone" ? 1 : 0)
  })
})

describe("a location that asks for a token", () => {
  const JWT = 'auth_jwt "calls"; auth_jwt_key_file /keys.json;'
  const bed = (): RouteBed =>
    new RouteBed(`server { listen 80;
      location / { ${JWT} grpc_pass c1; }
      location /any { ${JWT} satisfy any; deny all; grpc_pass c1; }
      location /both { ${JWT} deny all; grpc_pass c1; }
      location /basic { ${JWT} satisfy any; auth_basic "b"; auth_basic_user_file /users; grpc_pass c1; }
      location /free { grpc_pass c1; } }`)
  const GOOD = ["authorization", "Bearer good"]
  const BAD = ["authorization", "Bearer bad"]
  const REFUSED = "401 unauthenticated: the token is refused: it is not good"

  test.each([
    ["/", GOOD, "to c1"],
    ["/", BAD, REFUSED],
    ["/", [], "401 unauthenticated: a bearer token is needed"],
    ["/free", BAD, "to c1"],
    ["/any", GOOD, "to c1"],
    ["/any", BAD, REFUSED],
    ["/both", GOOD, "403 access_denied: access is denied by a rule"],
    ["/basic", GOOD, "to c1"],
    ["/basic", ["authorization", `Basic ${Buffer.from("ann:secret").toString("base64")}`], "to c1"],
  ])("%s with %j: %s", (path, fields, expected) => {
    const said = bed().ask({ path, fields })
    if (expected.startsWith("403")) expect(said).toMatch(/^403 access_denied/)
    else expect(said).toBe(expected)
  })

  test("that is looked at later waits, and goes on with what comes of it", async () => {
    const later = bed()
    const { promise, resolve } = Promise.withResolvers<TokenVerdict>()
    later.tokens = () => promise
    const call = later.begin({ path: "/", fields: GOOD })
    expect(call.said).toBe("waits")
    resolve({ kind: "busy" })
    await promise
    await Promise.resolve()
    expect(call.said).toMatch(/^503 overload/)
  })

  test("too many at once are no refusal: no other check is asked", () => {
    const busy = bed()
    busy.tokens = () => ({ kind: "busy" })
    expect(busy.ask({ path: "/basic", fields: GOOD })).toMatch(/^503 overload/)
  })

  test("a token that was not verified is not passed on", () => {
    const any = new RouteBed(
      `server { listen 80; location / { ${JWT} satisfy any; allow all; grpc_pass c1; } }`,
    )
    const call = any.begin({ path: "/", fields: BAD })
    expect(call.said).toBe("to c1")
    expect(call.record.state?.token ?? null).toBe(null)
    const good = bed().begin({ path: "/", fields: GOOD })
    expect(good.record.state!.token).toMatchObject({ text: "good" })
  })
})

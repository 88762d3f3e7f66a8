/** Tokens that others made, or that their issuer should not have: one refusal for each, and nothing of them in a log. */
import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  sign as signBy,
} from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as grpc from "@grpc/grpc-js"
import { afterAll, describe, expect, type TestContext, test } from "vitest"
import { LogLines } from "../support/log-lines.ts"
import { TestBed } from "../support/test-bed.ts"
import { Issuer, rawToken } from "../support/tokens.ts"

const { OK, UNAUTHENTICATED } = grpc.status
const directory = mkdtempSync(join(tmpdir(), "sluice-tokens-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const ec = await Issuer.make("ec")
const rsa = await Issuer.make("rsa", "RS256")
const stranger = await Issuer.make("ec")
const encrypting = await Issuer.make("encrypting", "RS256")
const other512 = await Issuer.make("rs512", "RS512")
const wrapping = await Issuer.make("wrapping")
const small = generateKeyPairSync("rsa", { modulusLength: 1024 })
const SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0IQ"

const KEYS: JsonWebKey[] = [
  ec.jwk as JsonWebKey,
  rsa.jwk as JsonWebKey,
  { ...encrypting.jwk, use: "enc" },
  { ...other512.jwk, alg: "RS512" },
  { ...wrapping.jwk, key_ops: ["deriveKey"], use: undefined },
  { ...small.publicKey.export({ format: "jwk" }), kid: "small" },
  { kty: "oct", kid: "empty", k: "" },
  { kty: "oct", kid: "wrap", k: SECRET, key_ops: ["wrapKey"] },
  { kty: "oct", kid: "enc", k: SECRET, use: "enc" },
  { kty: "oct", kid: "oct", k: SECRET },
  // A kid that several have: the last of these is past what is tried.
  ...Array.from({ length: 16 }, () => ({ ...stranger.jwk, kid: "many" })),
  { ...ec.jwk, kid: "many" },
  ...Array.from({ length: 15 }, () => ({ ...stranger.jwk, kid: "few" })),
  { ...ec.jwk, kid: "few" },
  { kty: "EC", crv: "P-256", kid: "zero", x: "A".repeat(43), y: "A".repeat(43) },
]

async function startBed(t: TestContext, more: object = {}) {
  const file = join(directory, "keys.json")
  writeFileSync(file, JSON.stringify({ keys: KEYS }))
  const logs = new LogLines()
  const bed = await TestBed.start(t, {
    log: logs.log,
    config: { access: { jwt: { keys: [{ file }], ...more } } },
  })
  return { bed, logs }
}

const now = (): number => Math.floor(Date.now() / 1000)
const CLAIMS = { sub: "a" }
const part = (text: string): string => Buffer.from(text).toString("base64url")
const hmac = (secret: string | Buffer, kid: string, alg = "HS256"): string => {
  const text = rawToken({ alg, kid }, CLAIMS).slice(0, -1)
  return `${text}.${createHmac(alg.replace("HS", "sha"), secret).update(text).digest("base64url")}`
}
/** A token of these claims as text, signed as it should be. */
const saying = async (claims: string): Promise<string> => {
  const header = part('{"alg":"RS256","kid":"rsa"}')
  const key = await crypto.subtle.exportKey("pkcs8", rsa.privateKey as never)
  const text = `${header}.${part(claims)}`
  return `${text}.${signBy("sha256", Buffer.from(text), { key: Buffer.from(key), format: "der", type: "pkcs8" }).toString("base64url")}`
}
const signed = (header: object, claims: object = CLAIMS) => ec.sign(claims, header as Record<string, unknown>)
const pem = (jwk: object, type: "spki" | "pkcs1") =>
  createPublicKey({ key: jwk as JsonWebKey, format: "jwk" }).export({ type, format: "pem" })
const der = (jwk: object) =>
  createPublicKey({ key: jwk as JsonWebKey, format: "jwk" }).export({ type: "spki", format: "der" })

const NO_KEY = /no key of ours/
const WRONG = /signature is wrong/
const ALG = /algorithm/
const CRIT = /extension/
const EXP = /exp is not a time/
const NBF = /nbf is not a time/

type Row = [make: () => Promise<string> | string, why: RegExp]
const REFUSED: Record<string, Row> = {
  "HMAC by the RSA key as PEM": [() => hmac(pem(rsa.jwk, "spki"), "rsa"), NO_KEY],
  "HMAC by the RSA key as PEM without its end": [
    () => hmac(String(pem(rsa.jwk, "spki")).trim(), "rsa"),
    NO_KEY,
  ],
  "HMAC by the RSA key as PKCS#1": [() => hmac(pem(rsa.jwk, "pkcs1"), "rsa"), NO_KEY],
  "HMAC by the RSA key as DER": [() => hmac(der(rsa.jwk), "rsa"), NO_KEY],
  "HMAC by the modulus": [() => hmac(Buffer.from(rsa.jwk.n!, "base64url"), "rsa", "HS512"), NO_KEY],
  "HMAC by the EC key": [() => hmac(der(ec.jwk), "ec", "HS384"), NO_KEY],
  "HMAC by an empty secret": [() => hmac("", "empty"), WRONG],
  "HMAC by an empty secret, of another's key": [() => hmac("", "oct"), WRONG],
  "HMAC by a secret that wraps keys": [() => hmac(Buffer.from(SECRET, "base64url"), "wrap"), NO_KEY],
  "HMAC by a secret that encrypts": [() => hmac(Buffer.from(SECRET, "base64url"), "enc"), NO_KEY],
  "HMAC by a secret's text": [() => hmac(SECRET, "oct"), WRONG],
  "a key that encrypts": [() => encrypting.sign(CLAIMS), NO_KEY],
  "a key that derives others": [() => wrapping.sign(CLAIMS), NO_KEY],
  "a key of another algorithm": [() => other512.sign(CLAIMS, { alg: "RS512", kid: "rsa" }), WRONG],
  "the algorithm of another key": [() => rsa.sign(CLAIMS, { kid: "rs512" }), NO_KEY],
  "PSS in the name of a PKCS#1 signature": [
    async () => relabelled(await rsa.sign(CLAIMS), { alg: "PS256", kid: "rsa" }),
    WRONG,
  ],
  "an RSA key of 1024 bits": [
    () => {
      const text = rawToken({ alg: "RS256", kid: "small" }, CLAIMS).slice(0, -1)
      return `${text}.${signBy("sha256", Buffer.from(text), small.privateKey).toString("base64url")}`
    },
    WRONG,
  ],
  "a signature of zeros": [() => rawToken({ alg: "ES256", kid: "ec" }, CLAIMS, "A".repeat(86)), WRONG],
  "a key that is no point, and zeros": [
    () => rawToken({ alg: "ES256", kid: "zero" }, CLAIMS, "A".repeat(86)),
    WRONG,
  ],
  "no signature": [() => rawToken({ alg: "ES256", kid: "ec" }, CLAIMS), WRONG],
  "a signature of RSA of one octet": [() => rawToken({ alg: "RS256", kid: "rsa" }, CLAIMS, "AA"), WRONG],
  "a signature of 12 KiB": [() => rawToken({ alg: "RS256", kid: "rsa" }, CLAIMS, "A".repeat(12_000)), WRONG],
  "claims of another token": [
    async () => swapped(await signed({}), await stranger.sign({ sub: "root" })),
    WRONG,
  ],
  "a stranger who has the same kid": [() => stranger.sign(CLAIMS), WRONG],
  "a key past those that are tried": [() => signed({ kid: "many" }), WRONG],
  "its own key in its header": [() => stranger.sign(CLAIMS, { jwk: stranger.jwk }), WRONG],
  "its own key, and no kid that is known": [
    () => stranger.sign(CLAIMS, { jwk: stranger.jwk, kid: "evil" }),
    NO_KEY,
  ],
  "its own keys' address": [
    () => stranger.sign(CLAIMS, { jku: "http://127.0.0.1:1/", x5u: "http://127.0.0.1:1/" }),
    WRONG,
  ],
  "its own certificate": [() => stranger.sign(CLAIMS, { x5c: ["MIIB"], x5t: "x" }), WRONG],
  "no algorithm in capitals": [() => rawToken({ alg: "NONE" }, CLAIMS), ALG],
  "an empty algorithm": [() => rawToken({ alg: "" }, CLAIMS), ALG],
  "an algorithm of null": [() => rawToken({ alg: null }, CLAIMS), ALG],
  "an algorithm in a list": [() => rawToken({ alg: ["ES256"], kid: "ec" }, CLAIMS, "AAAA"), ALG],
  "an algorithm in small letters": [() => rawToken({ alg: "es256", kid: "ec" }, CLAIMS, "AAAA"), ALG],
  "an algorithm and a NUL": [() => rawToken({ alg: "ES256\0", kid: "ec" }, CLAIMS, "AAAA"), ALG],
  "an algorithm that every object has": [() => rawToken({ alg: "constructor" }, CLAIMS, "AAAA"), ALG],
  "crit of what is not there": [
    () => rawToken({ alg: "ES256", kid: "ec", crit: ["exp"] }, CLAIMS, "AAAA"),
    CRIT,
  ],
  "crit that is empty": [() => rawToken({ alg: "ES256", kid: "ec", crit: [] }, CLAIMS, "AAAA"), CRIT],
  "crit of null": [() => rawToken({ alg: "ES256", kid: "ec", crit: null }, CLAIMS, "AAAA"), CRIT],
  "a payload that is not encoded": [
    () => `${part('{"alg":"ES256","kid":"ec","b64":false,"crit":["b64"]}')}.{"sub":"a"}.AAAA`,
    /base64url/,
  ],
  "b64 false, signed so": [
    async () => {
      const [, claims] = (await signed({})).split(".")
      return `${part('{"alg":"ES256","kid":"ec","b64":false}')}.${claims}.AAAA`
    },
    WRONG,
  ],
  "a token in a token": [
    async () => `${part('{"alg":"RS256","kid":"rsa","cty":"JWT"}')}.${part(await signed({}))}.AAAA`,
    /payload is not a JSON object/,
  ],
  "its three parts as JSON": [
    () => JSON.stringify({ protected: "AAAA", payload: "AAAA", signature: "AAAA" }),
    /parts/,
  ],
  "a point behind it": [async () => `${await signed({})}.`, /parts/],
  "a point before it": [async () => `.${await signed({})}`, /parts/],
  padding: [async () => `${await signed({})}==`, /base64url/],
  "an alphabet that is not base64url's": [() => "a/b.c+d.e", /base64url/],
  "a kid with a path": [() => signed({ kid: "../../../../dev/null" }), NO_KEY],
  "a kid with a query": [() => signed({ kid: "x' UNION SELECT 'AAAA" }), NO_KEY],
  "a kid that every object has": [() => signed({ kid: "__proto__" }), NO_KEY],
  "a kid that is a list": [() => signed({ kid: ["ec"] }), NO_KEY],
  "a kid that is null": [() => signed({ kid: null }), NO_KEY],
  "a kid of 10 KiB": [() => signed({ kid: "x".repeat(10_000) }), NO_KEY],
  "a kid in other letters": [() => signed({ kid: "EC" }), NO_KEY],
  "exp as a text": [() => signed({}, { exp: String(now() + 60) }), EXP],
  "exp of null": [() => signed({}, { exp: null }), EXP],
  "exp of true": [() => signed({}, { exp: true }), EXP],
  "exp in a list": [() => signed({}, { exp: [now() + 60] }), EXP],
  "exp past all numbers": [() => saying('{"exp":1e400}'), EXP],
  "exp before all numbers": [() => saying('{"exp":-1e400}'), EXP],
  "exp of 0": [() => signed({}, { exp: 0 }), /expired/],
  "exp of -0": [() => saying('{"exp":-0}'), /expired/],
  "exp below 0": [() => signed({}, { exp: -1 }), /expired/],
  "exp that is as low as may be": [() => saying('{"exp":-1e308}'), /expired/],
  "exp of a part of a second ago": [() => signed({}, { exp: Date.now() / 1000 - 0.5 }), /expired/],
  "exp said twice, the last gone by": [() => saying(`{"exp":${now() + 60},"exp":1}`), /expired/],
  "nbf to come": [() => signed({}, { nbf: now() + 60 }), /not valid yet/],
  "nbf as high as may be": [() => saying('{"nbf":1e308}'), /not valid yet/],
  "nbf as a text": [() => signed({}, { nbf: "1" }), NBF],
  "nbf of false": [() => signed({}, { nbf: false }), NBF],
  "nbf past all numbers": [() => saying('{"nbf":-1e400}'), NBF],
  "claims that are a list": [() => saying("[]"), /payload is not a JSON object/],
  "claims that are no JSON": [() => saying("{sub:1}"), /payload is not a JSON object/],
  "claims behind a mark of order": [() => saying("\ufeff{}"), /payload is not a JSON object/],
}

/** The token with another header. */
const relabelled = (token: string, header: object): string =>
  `${part(JSON.stringify(header))}${token.slice(token.indexOf("."))}`
/** The first, with the claims of the second. */
const swapped = (one: string, other: string): string => {
  const [header, , signature] = one.split(".")
  return [header, other.split(".")[1], signature].join(".")
}

const TAKEN: Record<string, () => Promise<string> | string> = {
  EC: () => signed({}),
  RSA: () => rsa.sign(CLAIMS),
  HMAC: () => hmac(Buffer.from(SECRET, "base64url"), "oct"),
  "the last key of those that are tried": () => signed({ kid: "few" }),
  "exp with a part of a second": () => signed({}, { exp: now() + 60.5 }),
  "exp as high as may be": () => saying('{"exp":1e308}'),
  "nbf as low as may be": () => saying('{"nbf":-1e308}'),
  "names that every object has": () => saying('{"__proto__":{"exp":1},"constructor":1}'),
}

function bearing(value: string): grpc.Metadata {
  const metadata = new grpc.Metadata()
  metadata.set("authorization", value)
  return metadata
}

test("what is not theirs is refused, in one sentence, and none of it is said", async (t) => {
  const { bed, logs } = await startBed(t)
  const honest = await signed({})
  const client = bed.client()
  const told: Record<string, string> = {}
  for (const [what, [make, why]] of Object.entries(REFUSED)) {
    const token = await make()
    const [{ code, details }, beside] = await Promise.all([
      client.unary(Buffer.from("x"), bearing(`Bearer ${token}`)),
      client.unary(Buffer.from("x"), bearing(`Bearer ${honest}`)),
    ])
    const isSo =
      code === UNAUTHENTICATED &&
      details.startsWith("the token is refused: ") &&
      why.test(details) &&
      beside.code === OK
    if (!isSo) told[what] = `${code} ${details}, beside ${beside.code}`
    const said = details + JSON.stringify(logs.lines)
    if (token.length > 30 && said.includes(token.slice(-20))) told[what] = `said: ${said}`
  }
  expect(told).toEqual({})
})

test("what is theirs is taken, also where streams end with their tokens", async (t) => {
  const { bed } = await startBed(t, { endStreams: true })
  const told: Record<string, string> = {}
  for (const [what, make] of Object.entries(TAKEN)) {
    const { code, details } = await bed.client().unary(Buffer.from("x"), bearing(`Bearer ${await make()}`))
    if (code !== OK) told[what] = details
  }
  expect(told).toEqual({})
})

describe("a good token is none", () => {
  test.for<[what: string, field: (token: string) => string]>([
    ["in one field with another", (token) => `Bearer ${token}, Bearer ${token}`],
    ["behind another scheme", (token) => `Basic ${token}`],
    ["without a scheme", (token) => token],
    ["with words behind it", (token) => `Bearer ${token} x`],
    ["in quotes", (token) => `Bearer "${token}"`],
  ])("%s", async ([, field], t) => {
    const { bed } = await startBed(t)
    const { code } = await bed.client().unary(Buffer.from("x"), bearing(field(await signed({}))))
    expect(code).toBe(UNAUTHENTICATED)
  })
})

test("a token in a query is none unless it is asked for there, and is not said either way", async (t) => {
  for (const [more, status] of [
    [{}, "401"],
    [{ token: "$arg_access_token" }, "200"],
  ] as const) {
    const { bed, logs } = await startBed(t, more)
    const token = await signed({})
    const answer = await fetch(`http://127.0.0.1:${bed.port}/test.Echo/Unary?access_token=${token}`, {
      method: "POST",
      headers: { "content-type": "application/grpc-web" },
      body: new Uint8Array(5),
    })
    await answer.arrayBuffer()
    expect(String(answer.status)).toBe(status)
    expect(JSON.stringify(logs.lines)).not.toContain(token.slice(-20))
  }
})

import { createHmac } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CompactEncrypt, CompactSign, exportJWK, generateKeyPair, generateSecret } from "jose"
import { describe, expect, type TestContext, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { Counters } from "../../base/counters.ts"
import { resolveLimits } from "../../base/resolve-limits.ts"
import type { JwtConfig } from "../../config/jwt-model.ts"
import { silentLog } from "../../log/silent-log.ts"
import type { AskedKeys, AskKeys, TokenVerdict } from "../../relay/route/jwt.ts"
import { TokenCache } from "./token-cache.ts"
import { Verifier } from "./verifier.ts"

const octetsOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const ask: AskKeys = { uriOf: () => "", get: async () => ({ problem: "none" }) }

/** With `keys` in a file. */
function makeVerifier(
  t: TestContext,
  keys: unknown[],
  config: Partial<JwtConfig> = {},
  limits: Record<string, number> = {},
  clock = new ManualClock(),
): Verifier {
  const directory = mkdtempSync(join(tmpdir(), "sluice-keys-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const keysFile = join(directory, "keys.json")
  writeFileSync(keysFile, JSON.stringify({ keys }))
  const parts = {
    clock,
    log: silentLog,
    counters: new Counters(),
    limits: resolveLimits(limits).limits,
  }
  return new Verifier(parts, {
    realm: "",
    token: null,
    type: "signed",
    keys: [{ kind: "file", keysFile }],
    keyCacheMs: null,
    keyStaleMs: 0,
    leewayMs: 0,
    issuers: [],
    audiences: [],
    algorithms: [],
    require: [],
    endStreams: false,
    ...config,
  })
}

async function told(verifier: Verifier, token: string): Promise<string> {
  const verdict: TokenVerdict = await verifier.verify(token, ask)
  if (verdict.kind === "valid") return `valid ${verdict.token.payload}`
  return "message" in verdict ? `${verdict.kind}: ${verdict.message}` : verdict.kind
}

const CLAIMS = '{"sub":"alice"}'

test.for(["RS256", "PS384", "ES256", "ES512", "EdDSA", "Ed25519"])("a signature by %s", async (alg, t) => {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const token = await new CompactSign(octetsOf(CLAIMS)).setProtectedHeader({ alg }).sign(privateKey)
  const key = await exportJWK(publicKey)
  expect(await told(makeVerifier(t, [key]), token)).toBe(`valid ${CLAIMS}`)
  expect(await told(makeVerifier(t, [{ kty: "??" }, 7, key]), token)).toBe(`valid ${CLAIMS}`)
  const misfit = "refused: no key of ours fits it"
  expect(await told(makeVerifier(t, [{ ...key, use: "enc" }]), token)).toBe(misfit)
  expect(await told(makeVerifier(t, [{ ...key, alg: "HS256" }]), token)).toBe(misfit)
  const algorithms: JwtConfig["algorithms"] = [alg === "RS256" ? "ES256" : "RS256"]
  expect(await told(makeVerifier(t, [key], { algorithms }), token)).toContain("algorithm")
  expect(await told(makeVerifier(t, [{ ...key, x: "AA", n: "AA" }]), token)).toContain("signature is wrong")
})

test("a signature with a shared secret", async (t) => {
  const secret = await generateSecret("HS256", { extractable: true })
  const token = await new CompactSign(octetsOf(CLAIMS)).setProtectedHeader({ alg: "HS256" }).sign(secret)
  expect(await told(makeVerifier(t, [await exportJWK(secret)]), token)).toBe(`valid ${CLAIMS}`)
})

test("encrypted and nested tokens", async (t) => {
  const { publicKey, privateKey } = await generateKeyPair("RSA-OAEP-256", { extractable: true })
  const signing = await generateKeyPair("ES256", { extractable: true })
  const encrypt = (text: string, header = { alg: "RSA-OAEP-256", enc: "A256GCM" }) =>
    new CompactEncrypt(octetsOf(text)).setProtectedHeader(header).encrypt(publicKey)
  const sign = (text: string) =>
    new CompactSign(octetsOf(text)).setProtectedHeader({ alg: "ES256" }).sign(signing.privateKey)
  const keys = [await exportJWK(privateKey), await exportJWK(signing.publicKey)]
  const encrypted = makeVerifier(t, keys, { type: "encrypted" })
  const nested = makeVerifier(t, keys, { type: "nested" })
  const signed = await sign(CLAIMS)
  expect(await told(encrypted, await encrypt(CLAIMS))).toBe(`valid ${CLAIMS}`)
  expect(await told(encrypted, await encrypt("[]"))).toContain("not a JSON object")
  expect(await told(encrypted, signed)).toContain("not encrypted")
  expect(await told(nested, await encrypt(signed))).toBe(`valid ${signed}`)
  expect(await told(nested, await encrypt(CLAIMS))).toContain("no token")
  const forged = `${signed.slice(0, -8)}AAAAAAAA`
  expect(await told(nested, await encrypt(forged))).toContain("signature is wrong")
  expect(await told(makeVerifier(t, keys), await encrypt(CLAIMS))).toContain("it is encrypted")
  const others = await generateKeyPair("RSA-OAEP-256", { extractable: true })
  const foreign = makeVerifier(t, [await exportJWK(others.privateKey)], { type: "encrypted" })
  expect(await told(foreign, await encrypt(CLAIMS))).toBe("refused: it cannot be decrypted")
})

test("a password of the token's choosing is no key: it would say how much work that is", async (t) => {
  const token = await new CompactEncrypt(octetsOf(CLAIMS))
    .setProtectedHeader({ alg: "PBES2-HS256+A128KW", enc: "A128GCM" })
    .setKeyManagementParameters({ p2c: 2048 })
    .encrypt(octetsOf("secret"))
  const keys = [{ kty: "oct", k: Buffer.from("secret").toString("base64url") }]
  expect(await told(makeVerifier(t, keys, { type: "encrypted" }), token)).toContain("algorithm")
})

test("so many are verified at once, the same token counted once", async (t) => {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true })
  const sign = (sub: string) =>
    new CompactSign(octetsOf(JSON.stringify({ sub }))).setProtectedHeader({ alg: "ES256" }).sign(privateKey)
  const verifier = makeVerifier(t, [await exportJWK(publicKey)], {}, { jwtVerificationsMax: 2 })
  const [a, b, c] = [await sign("a"), await sign("b"), await sign("c")]
  const all = await Promise.all([a, a, b, b, c].map((token) => told(verifier, token)))
  expect(all.map((each) => each.slice(0, 5))).toEqual(["valid", "valid", "valid", "valid", "busy"])
  expect(await told(verifier, c)).toContain("valid")
})

test("what is remembered is bounded, and refused tokens push out no good ones", () => {
  let forgotten = 0
  const cache = new TokenCache(10_000, () => forgotten++)
  const token = { header: {}, claims: {}, payload: "" }
  cache.set("first", token, 100)
  for (let i = 0; i < 1000; i++) cache.set(`bad ${i}`, "its signature is wrong", 100)
  expect([cache.get("first"), cache.get("bad 0"), cache.get("bad 999")]).toEqual([
    token,
    undefined,
    "its signature is wrong",
  ])
  for (let i = 0; i < 20; i++) cache.set(`good ${i}`, token, 100)
  expect([cache.get("first"), cache.get("good 0"), cache.get("good 19")]).toEqual([
    undefined,
    undefined,
    token,
  ])
  expect(forgotten).toBe(11)
})

test("a token that says how its content is encrypted has no key made for it, but for what is known", async (t) => {
  const secret = Buffer.alloc(32, 1)
  const verifier = makeVerifier(t, [{ kty: "oct", k: secret.toString("base64url") }], { type: "encrypted" })
  const encrypt = (header: { alg: string; enc: string; zip?: string }) =>
    new CompactEncrypt(octetsOf(CLAIMS)).setProtectedHeader(header).encrypt(secret)
  const unknown = Buffer.from('{"alg":"dir","enc":"A1"}').toString("base64url")
  expect(await told(verifier, `${unknown}..AAAA.AAAA.AAAA`)).toContain("(enc)")
  expect(await told(verifier, await encrypt({ alg: "dir", enc: "A256GCM" }))).toBe(`valid ${CLAIMS}`)
  const compressed = await encrypt({ alg: "dir", enc: "A256GCM", zip: "DEF" })
  expect(await told(verifier, compressed)).toBe("refused: it is compressed (zip)")
})

test("a nested token that asks for an extension is refused, well signed or not", async (t) => {
  const secret = Buffer.alloc(32, 1)
  const keys = [{ kty: "oct", k: secret.toString("base64url") }]
  // What is signed is not what would be read of it.
  const header = Buffer.from('{"alg":"HS256","crit":["b64"],"b64":false}').toString("base64url")
  const signature = createHmac("sha256", secret).update(`${header}.e30`).digest("base64url")
  const outer = await new CompactEncrypt(octetsOf(`${header}.e30.${signature}`))
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .encrypt(secret)
  expect(await told(makeVerifier(t, keys, { type: "nested" }), outer)).toContain("extension (crit)")
})

const nested = (levels: number, open: string, close: string): string =>
  `{"x":${open.repeat(levels - 1)}1${close.repeat(levels - 1)},"s":"[[{\\"[[","t":"${"[".repeat(99)}"}`

test.for<[levels: number, open: string, close: string, isTaken: boolean]>([
  [64, "[", "]", true],
  [65, "[", "]", false],
  [64, '{"a":', "}", true],
  [65, '{"a":', "}", false],
  [6000, "[", "]", false],
])("claims of %d levels of %s", async ([levels, open, close, isTaken], t) => {
  const secret = Buffer.alloc(32, 1)
  const verifier = makeVerifier(t, [{ kty: "oct", k: secret.toString("base64url") }])
  const claims = nested(levels, open, close)
  const token = await new CompactSign(octetsOf(claims)).setProtectedHeader({ alg: "HS256" }).sign(secret)
  if (isTaken) return expect(await told(verifier, token)).toBe(`valid ${claims}`)
  if (token.length < 16_384) expect(verifier.read(token)).toBeNull()
  expect(await told(verifier, token)).toContain(
    token.length < 16_384 ? "has more than 64 levels" : "longer than jwtOctetsMax",
  )
})

describe("keys of a location of the server", () => {
  const secret = Buffer.alloc(32, 1)
  const text = JSON.stringify({ keys: [{ kty: "oct", k: secret.toString("base64url") }] })
  const sign = () => new CompactSign(octetsOf(CLAIMS)).setProtectedHeader({ alg: "HS256" }).sign(secret)
  const asking = (answer: AskedKeys): AskKeys & { asked: number } => ({
    asked: 0,
    uriOf: () => "/keys",
    get() {
      this.asked++
      return Promise.resolve(answer)
    },
  })
  const config = { keys: [{ kind: "request" as const, uri: "/keys" }], keyCacheMs: 60_000 }

  test.for<[string, AskedKeys]>([
    ["is gone", { problem: null }],
    ["got none", { problem: "it answered 431" }],
    ["got something else", { body: "<html>" }],
  ])("are asked for by the next caller where one %s", async ([_, answer], t) => {
    const verifier = makeVerifier(t, [], config)
    const token = await sign()
    const bad = asking(answer)
    expect((await verifier.verify(token, bad)).kind).toBe("unavailable")
    const good = asking({ body: text })
    expect((await verifier.verify(token, good)).kind).toBe("valid")
    expect((await verifier.verify(token, asking(answer))).kind).toBe("valid")
    expect([bad.asked, good.asked]).toEqual([1, 1])
  })

  test("that hold still are used while they cannot be had, and asked for a second later", async (t) => {
    const clock = new ManualClock()
    const verifier = makeVerifier(t, [], { ...config, keyStaleMs: 600_000 }, {}, clock)
    const token = await sign()
    await verifier.verify(token, asking({ body: text }))
    clock.advance(60_000)
    const failing = asking({ problem: "it answered 500" })
    const kinds = [await verifier.verify(token, failing), await verifier.verify(token, failing)]
    expect([kinds.map(({ kind }) => kind), failing.asked]).toEqual([["valid", "valid"], 1])
    clock.advance(1000)
    const good = asking({ body: text })
    await verifier.verify(token, good)
    await verifier.verify(token, good)
    expect(good.asked).toBe(1)
  })

  test("are good for as long as they are kept, though they are held no longer", async (t) => {
    const clock = new ManualClock()
    const verifier = makeVerifier(t, [], config, {}, clock)
    const token = await sign()
    const good = asking({ body: text })
    await verifier.verify(token, good)
    clock.advance(59_999)
    expect([(await verifier.verify(token, good)).kind, good.asked]).toEqual(["valid", 1])
    clock.advance(2)
    expect((await verifier.verify(token, asking({ problem: "no" }))).kind).toBe("unavailable")
  })
})

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CompactEncrypt, CompactSign, exportJWK, generateKeyPair, generateSecret } from "jose"
import { expect, type TestContext, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { Counters } from "../../base/counters.ts"
import { resolveLimits } from "../../base/resolve-limits.ts"
import type { JwtConfig } from "../../config/jwt-model.ts"
import { silentLog } from "../../log/silent-log.ts"
import type { AskKeys, TokenVerdict } from "../../relay/route/jwt.ts"
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
): Verifier {
  const directory = mkdtempSync(join(tmpdir(), "sluice-keys-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const keysFile = join(directory, "keys.json")
  writeFileSync(keysFile, JSON.stringify({ keys }))
  const parts = {
    clock: new ManualClock(),
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

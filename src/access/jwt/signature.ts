import { compactDecrypt, compactVerify } from "jose"
import { JWT_ALGORITHMS, type JwtConfig } from "../../config/jwt-model.ts"
import type { CallerToken } from "../../record/caller-token.ts"
import type { KeySet } from "./key-set.ts"
import { parseObject, readToken } from "./read-token.ts"
import type { Checked } from "./token-cache.ts"

/** Keys of one set that are tried for a token that names none. */
const TRIES_MAX = 16
/** RFC 7518 §4.1, without those that let the token say how much work it is (PBES2), and RSA1_5. */
const KEY_ALGORITHMS = [
  ...["dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW"],
  ...["RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512"],
  ...["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"],
]

/** RFC 7518 §5.1. What a token says is held to them before a key is made for it. */
const CONTENT_ALGORITHMS = [
  ...["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"],
]

/** `noKey`: none of the sets has one that fits. */
export type Outcome = Checked | { readonly noKey: true }

/** Checks the signature of a token, or decrypts it, and does not look at its claims. Never rejects. */
export async function checkSignature(
  text: string,
  token: CallerToken,
  sets: readonly KeySet[],
  { type, algorithms }: Pick<JwtConfig, "type" | "algorithms">,
): Promise<Outcome> {
  if (asksForMore(token)) return EXTENSION
  if (type === "signed") {
    if (token.claims === null) return "it is encrypted, and signed ones are taken"
    return verified(text, token, sets, algorithms)
  }
  if (token.claims !== null) return "it is not encrypted"
  const payload = await decrypted(text, token, sets)
  if (typeof payload !== "object" || "noKey" in payload) return payload
  const { plaintext } = payload
  if (type === "encrypted") {
    const claims = parseObject(plaintext)
    return typeof claims === "string"
      ? `its payload ${claims}`
      : { header: token.header, claims, payload: plaintext }
  }
  const inner = readToken(plaintext)
  if (typeof inner === "string") return `what is in it is no token: ${inner}`
  if (inner.claims === null) return "what is in it is not signed"
  if (asksForMore(inner)) return EXTENSION
  const outcome = await verified(plaintext, inner, sets, algorithms)
  return typeof outcome === "object" && "header" in outcome ? { ...outcome, payload: plaintext } : outcome
}

const EXTENSION = "its header asks for an extension (crit)"

/** What must be understood (RFC 7515 §4.1.11) would be more than is: an unencoded payload, for one. */
function asksForMore({ header }: CallerToken): boolean {
  return "crit" in header
}

async function verified(
  text: string,
  token: CallerToken,
  sets: readonly KeySet[],
  algorithms: readonly string[],
): Promise<Outcome> {
  const { alg } = token.header
  const taken: readonly string[] = algorithms.length > 0 ? algorithms : JWT_ALGORITHMS
  if (typeof alg !== "string" || !taken.includes(alg)) return "its algorithm (alg) is not one that is taken"
  const keys = sets.flatMap((set) => set.fitting(token.header, "sig"))
  if (keys.length === 0) return { noKey: true }
  for (const key of keys.slice(0, TRIES_MAX)) {
    try {
      await compactVerify(text, await key.import(alg), { algorithms: [alg] })
      return token
    } catch {
      // Another may fit.
    }
  }
  return "its signature is wrong"
}

async function decrypted(
  text: string,
  { header }: CallerToken,
  sets: readonly KeySet[],
): Promise<{ plaintext: string } | string | { noKey: true }> {
  const { alg, enc, zip } = header
  if (typeof alg !== "string" || !KEY_ALGORITHMS.includes(alg))
    return "its algorithm (alg) is not one that is taken"
  if (typeof enc !== "string" || !CONTENT_ALGORITHMS.includes(enc))
    return "its content's algorithm (enc) is not one that is taken"
  // A token of few octets would be many: RFC 8725 §3.6.
  if (zip !== undefined) return "it is compressed (zip)"
  const keys = sets.flatMap((set) => set.fitting(header, "enc"))
  if (keys.length === 0) return { noKey: true }
  for (const key of keys.slice(0, TRIES_MAX)) {
    try {
      const { plaintext } = await compactDecrypt(text, await importFor(key, header), {
        keyManagementAlgorithms: KEY_ALGORITHMS,
        contentEncryptionAlgorithms: CONTENT_ALGORITHMS,
      })
      return { plaintext: Buffer.from(plaintext).toString("utf8") }
    } catch {
      // Another may fit.
    }
  }
  return "it cannot be decrypted"
}

/** With `dir` the key is that of the content. */
function importFor(key: ReturnType<KeySet["fitting"]>[number], { alg, enc }: CallerToken["header"]) {
  return key.import(alg === "dir" ? String(enc) : String(alg))
}

import { type CryptoKey, importJWK, type JWK } from "jose"

let nextId = 1

/** Keys of one source at one time. */
export class KeySet {
  /** Another one for each set: what was verified by one is not by the next. */
  readonly id = nextId++
  readonly #keys: readonly Key[]

  constructor(keys: readonly JWK[]) {
    this.#keys = keys.map((jwk) => new Key(jwk))
  }

  /** Those that a token with this header may have been made with. */
  fitting(header: TokenHeader, use: "sig" | "enc"): Key[] {
    return this.#keys.filter((key) => key.fits(header, use))
  }
}

/** The members of a JOSE header that choose a key: RFC 7515 §4.1. */
export interface TokenHeader {
  readonly alg?: unknown
  readonly kid?: unknown
}

export class Key {
  readonly #jwk: JWK
  /** By algorithm. */
  readonly #imported = new Map<string, Promise<CryptoKey | Uint8Array>>()

  constructor(jwk: JWK) {
    this.#jwk = jwk
  }

  fits({ alg, kid }: TokenHeader, use: "sig" | "enc"): boolean {
    const { kty, crv, ...jwk } = this.#jwk
    if (typeof alg !== "string" || !takesAlgorithm(kty, crv, alg)) return false
    if (jwk.alg !== undefined && jwk.alg !== alg) return false
    if (jwk.use !== undefined && jwk.use !== use) return false
    if (Array.isArray(jwk.key_ops) && !jwk.key_ops.some((one) => OPERATIONS[use].includes(one))) return false
    return kid === undefined || jwk.kid === kid
  }

  /** Errors: rejects where the key is none. */
  import(algorithm: string): Promise<CryptoKey | Uint8Array> {
    let imported = this.#imported.get(algorithm)
    if (imported === undefined) {
      imported = importJWK(this.#jwk, algorithm)
      this.#imported.set(algorithm, imported)
    }
    return imported
  }
}

/** What `key_ops` must say (RFC 7517 §4.3) of a key that verifies, or decrypts. Who verifies by a secret could sign. */
const OPERATIONS: Readonly<Record<"sig" | "enc", readonly string[]>> = {
  sig: ["verify", "sign"],
  enc: ["decrypt", "unwrapKey", "deriveKey", "deriveBits"],
}

const CURVES: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" }

/** A public key is never the secret of a symmetric algorithm: RFC 8725 §3.1. */
function takesAlgorithm(kty: string | undefined, crv: string | undefined, alg: string): boolean {
  if (/^HS\d+$|^dir$|^A\d+(GCM)?KW$/.test(alg)) return kty === "oct"
  if (/^[RP]S\d+$|^RSA-OAEP/.test(alg)) return kty === "RSA"
  if (alg.startsWith("ES")) return kty === "EC" && crv === CURVES[alg]
  if (alg === "EdDSA" || alg === "Ed25519") return kty === "OKP" && crv === "Ed25519"
  return alg.startsWith("ECDH-ES") && (kty === "EC" || (kty === "OKP" && crv === "X25519"))
}

/** The keys of a JSON Web Key Set; a text: why there are none. What is no key is passed over: RFC 7517 §5. */
export function parseKeySet(text: string, keysMax: number): KeySet | string {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return "not JSON"
  }
  const keys = isObject(json) ? json.keys : undefined
  if (!Array.isArray(keys)) return 'not a JSON Web Key Set: it has no list "keys"'
  if (keys.length > keysMax) return `more than jwksKeysMax (${keysMax}) keys`
  const usable = keys.filter((key): key is JWK => isObject(key) && typeof key.kty === "string")
  return usable.length === 0 ? "no key is in it" : new KeySet(usable)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

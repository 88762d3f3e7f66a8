import { CompactSign, type CryptoKey, exportJWK, generateKeyPair, type JWK } from "jose"

/** An issuer of tokens with one key. */
export class Issuer {
  readonly kid: string
  readonly algorithm: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK

  private constructor(kid: string, algorithm: string, privateKey: CryptoKey, jwk: JWK) {
    this.kid = kid
    this.algorithm = algorithm
    this.privateKey = privateKey
    this.jwk = jwk
  }

  static async make(kid = "one", algorithm = "ES256"): Promise<Issuer> {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
    return new Issuer(kid, algorithm, privateKey, { ...(await exportJWK(publicKey)), kid, use: "sig" })
  }

  /** A signed token. `header`: changes of it. */
  sign(claims: object, header: Record<string, unknown> = {}): Promise<string> {
    return new CompactSign(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader({ alg: this.algorithm, kid: this.kid, ...header })
      .sign(this.privateKey)
  }
}

/** A JSON Web Key Set. */
export function keySetOf(...issuers: readonly Issuer[]): string {
  return JSON.stringify({ keys: issuers.map(({ jwk }) => jwk) })
}

/** A token whose parts are as they are given, without a signature that fits. */
export function rawToken(header: object, claims: object, signature = ""): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url")
  return `${part(header)}.${part(claims)}.${signature}`
}

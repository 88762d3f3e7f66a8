/** Of signatures: RFC 7518 §3.1, RFC 8037, RFC 9864. Without `none`. */
export const JWT_ALGORITHMS = [
  ...(["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const),
  ...(["ES256", "ES384", "ES512", "EdDSA", "Ed25519"] as const),
] as const

/** A token that callers must show. nginx Plus: `auth_jwt`. Texts named *template* may hold variables. */
export interface JwtConfig {
  /** A template, for WWW-Authenticate. */
  realm: string
  /** A template; null: `Authorization: Bearer` holds it. */
  token: string | null
  type: "signed" | "encrypted" | "nested"
  /** All of them count. */
  keys: JwtKeysConfig[]
  /** How long keys are taken for the present ones. Null: as it is for each kind, see `JwtKeysConfig`. */
  keyCacheMs: number | null
  /** How long keys that could be had are used where others cannot be; after that no caller is let in. */
  keyStaleMs: number
  /** How far the clocks of issuers may be off. */
  leewayMs: number
  /** `iss` must be one of them. Empty: any. */
  issuers: string[]
  /** `aud` must name one of them. Empty: any. */
  audiences: string[]
  /** Of signatures. Empty: all. */
  algorithms: (typeof JWT_ALGORITHMS)[number][]
  /** Templates, none of which may be empty or 0; and what is answered else. */
  require: { values: string[]; status: 401 | 403 }[]
  /** Streams end when the token that let them in expires. */
  endStreams: boolean
}

/** Where JSON Web Keys are: RFC 7517 §5. */
export type JwtKeysConfig =
  /** Looked at for each caller. */
  | { kind: "file"; keysFile: string }
  /** A path of the same server, a template. Asked for each caller. nginx: `auth_jwt_key_request`. */
  | { kind: "request"; uri: string }
  /** Asked every five minutes, and when a token names a key that is not there. */
  | { kind: "url"; url: string; caFile: string | null }

import { hash } from "node:crypto"
import type { Clock } from "../../base/clock.ts"
import { type Counters, counterIds } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import type { JwtConfig, JwtKeysConfig } from "../../config/jwt-model.ts"
import type { Log } from "../../log/logger.ts"
import type { CallerToken } from "../../record/caller-token.ts"
import type { AskKeys, TokenVerdict, TokenVerifier } from "../../relay/route/jwt.ts"
import { claimsProblem, expiryOf } from "./claims.ts"
import { FileKeys } from "./file-keys.ts"
import type { KeySet } from "./key-set.ts"
import type { KeySource, KeySourceParts, Keys } from "./key-source.ts"
import { readToken } from "./read-token.ts"
import { RequestKeys } from "./request-keys.ts"
import { checkSignature, type Outcome } from "./signature.ts"
import { type Checked, TokenCache } from "./token-cache.ts"
import { UrlKeys } from "./url-keys.ts"

export interface VerifierParts {
  readonly clock: Clock
  readonly log: Log
  readonly limits: Limits
  readonly counters: Counters
}

const URL_CACHE_MS = 300_000
const UNFITTING = "no key of ours fits it"

/** Tells whether tokens are good, by the keys of one configuration. */
export class Verifier implements TokenVerifier {
  readonly #parts: VerifierParts
  readonly #config: JwtConfig
  readonly #sources: readonly KeySource[]
  readonly #cache: TokenCache
  /** Signatures that are being looked at, by their tokens. */
  readonly #pending = new Map<string, Promise<Outcome>>()

  constructor(parts: VerifierParts, config: JwtConfig) {
    this.#parts = parts
    this.#config = config
    const { limits, counters } = parts
    const onLimit = (): void => counters.add(counterIds.jwks_too_large)
    const onTimeout = (): void => counters.add(counterIds.jwks_timeout)
    let requests = 0
    this.#sources = config.keys.map((keys) =>
      makeSource(keys, config, { ...parts, onLimit, onTimeout }, keys.kind === "request" ? requests++ : 0),
    )
    this.#cache = new TokenCache(limits.jwtCacheOctets, () => counters.add(counterIds.jwt_forgotten))
  }

  close(): void {
    for (const source of this.#sources) source.close()
  }

  read(text: string): CallerToken | null {
    if (text.length > this.#parts.limits.jwtOctetsMax) return null
    const token = readToken(text)
    return typeof token === "string" ? null : token
  }

  verify(text: string, ask: AskKeys): TokenVerdict | Promise<TokenVerdict> {
    const { jwtOctetsMax } = this.#parts.limits
    if (text.length > jwtOctetsMax) {
      this.#parts.counters.add(counterIds.jwt_too_long)
      return refused(`it is longer than jwtOctetsMax (${jwtOctetsMax} octets)`)
    }
    const token = readToken(text)
    if (typeof token === "string") return refused(token)
    const all = this.#sources.map((source) => source.current(ask))
    if (all.every((keys): keys is Keys => !(keys instanceof Promise)))
      return this.#verifyBy(all, text, token, ask, true)
    return Promise.all(all.map(async (keys) => keys)).then((keys) =>
      this.#verifyBy(keys, text, token, ask, true),
    )
  }

  #verifyBy(
    keys: readonly Keys[],
    text: string,
    token: CallerToken,
    ask: AskKeys,
    mayHasten: boolean,
  ): TokenVerdict | Promise<TokenVerdict> {
    const sets: KeySet[] = []
    for (const each of keys) {
      if ("unavailable" in each) return { kind: "unavailable", message: each.unavailable }
      sets.push(each)
    }
    const mark = `${sets.map(({ id }) => id).join(" ")} ${hash("sha256", text, "base64")}`
    const known = this.#cache.get(mark)
    if (known !== undefined) return this.#judge(known)
    const checking = this.#check(mark, text, token, sets)
    if (checking === null) return { kind: "busy" }
    return checking.then((outcome) => {
      if (typeof outcome === "string" || !("noKey" in outcome)) return this.#judge(outcome)
      return mayHasten ? this.#hasten(text, token, ask) : refused(UNFITTING)
    })
  }

  /** Null: too many are being looked at. */
  #check(mark: string, text: string, token: CallerToken, sets: readonly KeySet[]): Promise<Outcome> | null {
    const pending = this.#pending.get(mark)
    if (pending !== undefined) return pending
    if (this.#pending.size >= this.#parts.limits.jwtVerificationsMax) {
      this.#parts.counters.add(counterIds.jwt_verifications_exceeded)
      return null
    }
    const checking = checkSignature(text, token, sets, this.#config).then((outcome) => {
      this.#pending.delete(mark)
      if (typeof outcome === "string" || !("noKey" in outcome)) this.#cache.set(mark, outcome, text.length)
      return outcome
    })
    this.#pending.set(mark, checking)
    return checking
  }

  /** The issuer may have new keys. */
  async #hasten(text: string, token: CallerToken, ask: AskKeys): Promise<TokenVerdict> {
    const asked = this.#sources.map((source) => source.hasten()).filter((each) => each !== null)
    if (asked.length === 0) return refused(UNFITTING)
    await Promise.all(asked)
    const keys = await Promise.all(this.#sources.map(async (source) => source.current(ask)))
    return this.#verifyBy(keys, text, token, ask, false)
  }

  #judge(checked: Checked): TokenVerdict {
    if (typeof checked === "string") return refused(checked)
    const claims = checked.claims!
    const problem = claimsProblem(claims, this.#config, this.#parts.clock.wallMs())
    if (problem !== null) return refused(problem)
    return { kind: "valid", token: checked, expirySeconds: expiryOf(claims, this.#config) }
  }
}

const refused = (message: string): TokenVerdict => ({ kind: "refused", message })

function makeSource(
  keys: JwtKeysConfig,
  { keyCacheMs, keyStaleMs }: JwtConfig,
  parts: KeySourceParts & VerifierParts,
  index: number,
): KeySource {
  const cacheMs = keyCacheMs ?? (keys.kind === "url" ? URL_CACHE_MS : 0)
  // What is taken for the present keys is not too old.
  const staleMs = Math.max(keyStaleMs, cacheMs)
  switch (keys.kind) {
    case "file":
      return new FileKeys(parts, keys.keysFile, cacheMs, staleMs)
    case "request":
      return new RequestKeys(parts, index, cacheMs, staleMs)
    case "url":
      return new UrlKeys(parts, {
        url: keys.url,
        caFile: keys.caFile,
        cacheMs,
        staleMs,
        timeoutMs: parts.limits.jwksTimeoutMs,
      })
  }
}

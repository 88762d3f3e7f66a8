import type { JwtConfig } from "../../config/jwt-model.ts"
import type { CallerToken } from "../../record/caller-token.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { StreamRecord } from "../../record/record.ts"
import { stateOf } from "../../record/request-state.ts"
import type { Template } from "../../record/template.ts"
import { writableValue } from "../../record/written-field.ts"
import type { Phase, PhaseContext, PhasedCall, Verdict, Wait } from "./route.ts"

/** Tells whether a token is good. Neither method throws, and no promise of it rejects. */
export interface TokenVerifier {
  /** What a token says of itself, true or not; null: it cannot be read. */
  read(text: string): CallerToken | null
  verify(text: string, ask: AskKeys): TokenVerdict | Promise<TokenVerdict>
}

/** `busy`: so many are being looked at that this one is not. */
export type TokenVerdict =
  /** `expirySeconds` since 1970; 0: never. */
  | { readonly kind: "valid"; readonly token: CallerToken; readonly expirySeconds: number }
  | { readonly kind: "refused" | "unavailable"; readonly message: string }
  | { readonly kind: "busy" }

/** Asks a location of the caller's server for keys. */
export interface AskKeys {
  /** The address of the `index`th of those that are asked. */
  uriOf(index: number): string
  /** Never rejects. */
  get(uri: string): Promise<AskedKeys>
}

/** What was answered, or why nothing was; null: the caller is gone. */
export type AskedKeys = { readonly body: string } | { readonly problem: string | null }

/** nginx Plus: `auth_jwt`. */
export class JwtCheck {
  readonly #config: JwtConfig
  readonly #realm: Template
  readonly #token: Template | null
  readonly #uris: readonly Template[]
  readonly #require: { values: readonly Template[]; status: 401 | 403 }[]
  readonly #verifier: TokenVerifier

  constructor(config: JwtConfig, template: (source: string) => Template, verifier: TokenVerifier) {
    this.#config = config
    this.#realm = template(config.realm)
    this.#token = config.token === null ? null : template(config.token)
    this.#uris = config.keys.flatMap((keys) => (keys.kind === "request" ? [template(keys.uri)] : []))
    this.#require = config.require.map(({ values, status }) => ({ values: values.map(template), status }))
    this.#verifier = verifier
  }

  /** Before anything is counted: what the token says, for variables. */
  get read(): Phase {
    return ({ record }, context) => {
      const text = this.#textOf(record, context)
      const state = stateOf(record)
      if (typeof text === "string" && !state.isSubrequest) state.token = this.#verifier.read(text)
      return null
    }
  }

  /** In the access phase. */
  check(call: PhasedCall, context: PhaseContext): Verdict | "allowed" {
    const text = this.#textOf(call.record, context)
    if (typeof text !== "string") return this.#refuse(call, context, text.problem)
    const verdict = this.#verifier.verify(text, this.#asking(call, context))
    if (!(verdict instanceof Promise)) return this.#judge(call, context, verdict) ?? "allowed"
    return waitFor(verdict, (settled) => this.#judge(call, context, settled))
  }

  /** Nothing at all is known of a token that is not there. */
  #textOf(record: StreamRecord, { env }: PhaseContext): string | { problem: string | null } {
    if (this.#token !== null) return this.#token.render(record, env) || { problem: null }
    const { fields } = record.requestHeaders
    const found = fields.filter((_, i) => i % 2 === 1 && fields[i - 1] === "authorization")
    // A backend might believe another one.
    if (found.length > 1) return { problem: "there is more than one authorization field" }
    const [, text] = /^bearer +([^ ]+) *$/i.exec(found[0] ?? "") ?? []
    return text ?? { problem: null }
  }

  #judge(call: PhasedCall, context: PhaseContext, verdict: TokenVerdict): Failure | null {
    const { record } = call
    const state = stateOf(record)
    switch (verdict.kind) {
      case "busy":
        return failure("overload", "too many tokens are being verified (jwtVerificationsMax)", true)
      case "unavailable":
        context.log.warn("a caller was refused for want of keys", {
          client: record.connection.remoteAddress,
          problem: verdict.message,
        })
        return failure("auth_unavailable", "the keys by which tokens are verified cannot be had", true)
      case "refused":
        return this.#refuse(call, context, verdict.message)
      case "valid":
        state.token = verdict.token
        state.isTokenVerified = true
        if (this.#config.endStreams) state.expirySeconds = verdict.expirySeconds
        return this.#required(record, context)
    }
  }

  #required(record: StreamRecord, context: PhaseContext): Failure | null {
    for (const { values, status } of this.#require) {
      const isMet = values.every((value) => !/^0?$/.test(value.render(record, context.env)))
      if (isMet) continue
      const message = "the token does not have what is required here"
      if (status === 403) return failure("access_denied", message, true)
      return this.#challenge(record, context, message, "insufficient_scope")
    }
    return null
  }

  #refuse(call: PhasedCall, context: PhaseContext, problem: string | null): Failure {
    stateOf(call.record).token = null
    if (problem === null) return this.#challenge(call.record, context, "a bearer token is needed", null)
    return this.#challenge(call.record, context, `the token is refused: ${problem}`, "invalid_token")
  }

  /** RFC 6750 §3. */
  #challenge(record: StreamRecord, { env }: PhaseContext, message: string, error: string | null): Failure {
    const realm = this.#realm.render(record, env).replace(/["\\]/g, "\\$&")
    const why = error === null ? "" : `, error="${error}"`
    return {
      ...failure("unauthenticated", message, true),
      fields: ["www-authenticate", writableValue(`Bearer realm="${realm}"${why}`)],
    }
  }

  #asking(call: PhasedCall, context: PhaseContext): AskKeys {
    return {
      uriOf: (index) => this.#uris[index]!.render(call.record, context.env),
      get: (uri) =>
        new Promise((resolve) => {
          const { jwksOctetsMax } = context.limits
          const cancel = context.subrequests.begin(
            call,
            uri,
            ({ status, body }) => {
              if (status !== 200) resolve({ problem: `it answered ${status}` })
              else if (body === null)
                resolve({ problem: `the answer is not whole within ${jwksOctetsMax} octets` })
              else resolve({ body: body.toString("utf8") })
            },
            jwksOctetsMax,
          )
          call.atEnd(() => {
            cancel()
            resolve({ problem: null })
          })
        }),
    }
  }
}

/** The end of the access phase: what an unverified token says is not passed on. */
export const forgetUnverified: Phase = ({ record: { state } }) => {
  if (state !== null && !state.isTokenVerified && !state.isSubrequest) state.token = null
  return null
}

function waitFor<T>(promise: Promise<T>, then: (value: T) => Verdict | null): Wait {
  return {
    kind: "wait",
    begin(done) {
      let isGivenUp = false
      void promise.then((value) => {
        if (!isGivenUp) done(then(value))
      })
      return () => (isGivenUp = true)
    },
  }
}

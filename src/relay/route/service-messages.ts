import type { HeaderChange } from "../../record/header-change.ts"
import type { StreamRecord } from "../../record/record.ts"

/** The messages of the services that are asked about calls, encoded and decoded. */
export interface ServiceMessages {
  /** `envoy.service.auth.v3.CheckRequest`. */
  checkRequest(
    record: StreamRecord,
    extensions: readonly (readonly [name: string, value: string])[],
    wallMs: number,
  ): Uint8Array
  /** Null: it is none. */
  readCheck(message: Buffer): CheckAnswer | null
  /** `envoy.service.ratelimit.v3.RateLimitRequest`. */
  rateRequest(
    domain: string,
    descriptors: readonly (readonly (readonly [key: string, value: string])[])[],
  ): Uint8Array
  /** Null: it is none. */
  readRate(message: Buffer): RateAnswer | null
}

/** What an authorization service says of a call. */
export type CheckAnswer =
  | {
      readonly kind: "ok"
      readonly requestChanges: readonly HeaderChange[]
      readonly responseChanges: readonly HeaderChange[]
    }
  | {
      readonly kind: "denied"
      /** Of HTTP. */
      readonly status: number
      readonly responseChanges: readonly HeaderChange[]
      readonly body: string
    }
  | { readonly kind: "error" }

/** What a rate limit service says. */
export interface RateAnswer {
  readonly isOverLimit: boolean
  /** Until the limits that are over begin anew; null: it does not say. */
  readonly resetMs: number | null
  readonly requestChanges: readonly HeaderChange[]
  readonly responseChanges: readonly HeaderChange[]
  readonly body: string
}

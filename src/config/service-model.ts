import type { UpstreamTlsConfig } from "./shared-model.ts"

/** A gRPC service that is asked about a call, in a cluster of the configuration. */
export interface AskedService {
  cluster: string
  /** Null: plain HTTP/2. */
  tls: UpstreamTlsConfig | null
  timeoutMs: number
  /** Where it does not answer, or not as it should, the call goes on. */
  failOpen: boolean
}

/** Envoy's `envoy.service.auth.v3.Authorization`. */
export interface ExtAuthzConfig extends AskedService {
  /** Of HTTP, where it fails and `failOpen` is not set. */
  statusOnError: number
  /** `context_extensions`: names and templates. */
  context: [name: string, template: string][]
}

/** Envoy's `envoy.service.ratelimit.v3.RateLimitService`. */
export interface RateServiceConfig extends AskedService {
  domain: string
  /** Each a list of keys and templates. One with an empty value is not sent, and where none is left it is not asked. */
  descriptors: [key: string, template: string][][]
}

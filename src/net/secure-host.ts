import type { SecureContext, TlsOptions } from "node:tls"
import type { SaidCertificates } from "./said-certificates.ts"
import type { ClientPolicy } from "./tls-peer.ts"

/** What clients that ask for some names are shown. */
export interface SecureHost {
  readonly names: readonly string[]
  readonly options: TlsOptions
  readonly context: SecureContext
  /** In place of `context` for clients that say a name. */
  readonly said: SaidCertificates | null
  /** What is asked of clients who ask for them. */
  readonly policy: ClientPolicy
}

import type { UpstreamTlsConfig } from "../../config/shared-model.ts"

/** The certificate provider of a client's bootstrap that has these files. */
export function providerName({ caFile, certFile, keyFile }: UpstreamTlsConfig): string {
  return [caFile ?? "system", ...(certFile === null ? [] : [certFile, keyFile!])].join(" ")
}

import { createPrivateKey, X509Certificate } from "node:crypto"
import type { CommonSettings } from "../../config/gateway/draft.ts"
import type { GatewayAddress, TranslateOptions } from "../../config/gateway/translate.ts"
import { errorReason } from "../../net/error-reason.ts"
import { publishedAddresses } from "./published-addresses.ts"
import type { ResourceStore } from "./resource-store.ts"
import type { SecretFiles } from "./secret-files.ts"

/** What a translation needs to know that no resource says. */
export interface MachineOptions {
  readonly common: CommonSettings
  readonly controllerName: string
  readonly addresses: readonly GatewayAddress[]
  /** The Service that this process is reached by: its addresses are those of Gateways. Null: none is named. */
  readonly publishedService: { readonly namespace: string; readonly name: string } | null
  readonly bindHost: string
  readonly pool: readonly string[]
  readonly kubeconfig: string | null
  readonly files: SecretFiles
}

export function translateOptions(
  { controllerName, common, addresses, publishedService, bindHost, pool, kubeconfig, files }: MachineOptions,
  store: Pick<ResourceStore, "stored">,
): TranslateOptions {
  const service =
    publishedService === null
      ? undefined
      : store.stored("services", publishedService.namespace, publishedService.name)
  return {
    controllerName,
    common,
    bindHost,
    pool,
    kubeconfig,
    addresses: [...addresses, ...publishedAddresses(service?.status)],
    directory: files.directory,
    unavailable: new Map(),
    checkCertificate,
    checkAuthority,
  }
}

function checkCertificate(cert: string, key: string): string | null {
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(cert)
  } catch {
    return "tls.crt is not a certificate in PEM"
  }
  try {
    return leaf.checkPrivateKey(createPrivateKey(key)) ? null : "tls.key is not the key of tls.crt"
  } catch (error) {
    return `tls.key is not a private key in PEM: ${errorReason(error as Error)}`
  }
}

function checkAuthority(pem: string): string | null {
  try {
    new X509Certificate(pem)
    return null
  } catch {
    return "not a certificate in PEM"
  }
}

import { constants, createHash } from "node:crypto"
import { createSecureContext, type SecureContext, type TlsOptions } from "node:tls"
import type { ClientCertificates, ListenerCertificate, ListenerTlsConfig } from "../config/model.ts"
import { isSaidPath } from "../config/said-path.ts"
import { staplingFiles } from "./ocsp/staples.ts"
import { type Authorities, contextOptions, contextProblem, type KeyPair, readKeyPair } from "./tls-context.ts"

/** All that a listener's TLS reads. */
export function filesOf(config: ListenerTlsConfig): string[] {
  const { certificates } = config
  const asked = [config, ...certificates.flatMap(({ clients }) => clients ?? [])]
  const ofClients = asked.flatMap(({ clientCaFile, clientCrlFile }) => [clientCaFile, clientCrlFile])
  const files = certificates.flatMap(({ certFile, keyFile, passwordFile = null }) => [
    certFile,
    keyFile,
    passwordFile,
  ])
  const all = [...files, ...staplingFiles({ certificates }), ...ofClients]
  return [...new Set(all.filter((path) => path !== null && !isSaidPath(path)))] as string[]
}

/** Certificates that share their names: one for each kind of key. */
export interface Host {
  readonly names: readonly string[]
  readonly certificates: readonly ListenerCertificate[]
  /** Read; none of those whose paths have variables. */
  readonly pairs: readonly KeyPair[]
}

export function certificatesByNames({ certificates }: ListenerTlsConfig): Host[] {
  const byNames = Map.groupBy(certificates, ({ names }) => JSON.stringify(names))
  return [...byNames.values()].map((its) => {
    const isSaid = its.some(({ certFile, keyFile }) => isSaidPath(certFile) || isSaidPath(keyFile))
    const read = isSaid
      ? []
      : its.map(({ certFile, keyFile, passwordFile }) => readKeyPair(certFile, keyFile, passwordFile))
    return { names: its[0]!.names, certificates: its, pairs: oneOfEachKind(read) }
  })
}

/** A client is shown the kind of key it knows. Of one kind the first counts. */
export function oneOfEachKind(pairs: readonly KeyPair[]): KeyPair[] {
  const kinds = new Map<string | undefined, KeyPair>()
  for (const pair of pairs) {
    const kind = pair.leaf.publicKey.asymmetricKeyType
    if (!kinds.has(kind)) kinds.set(kind, pair)
  }
  return [...kinds.values()]
}

/**
 * What the contexts of all names have in common but for what is asked of clients. Sessions resume across them: where any
 * client is asked for a certificate, none is resumed.
 */
export function sharedOptions(
  config: ListenerTlsConfig,
  { verifyClient, verifyDepth }: ClientCertificates,
  authorities: Authorities | null,
  revocationLists: string[],
): TlsOptions {
  const { sessionTimeoutMs } = config
  const options = contextOptions(config)
  const policy = createHash("sha256")
    .update(`${verifyClient} ${verifyDepth} `)
    .update(authorities?.pem ?? "")
  // A resumed session would let in whom the authorities of now, or the length of the chain, keep out.
  const noTickets = asksClients(config) ? constants.SSL_OP_NO_TICKET : 0
  return {
    ...options,
    secureOptions: options.secureOptions! | noTickets,
    honorCipherOrder: false,
    // Without authorities no certificate is trusted, rather than those that Node knows.
    ca: authorities?.pem ?? [],
    ...(revocationLists.length > 0 && { crl: revocationLists }),
    sessionIdContext: policy.digest("hex").slice(0, 32),
    sessionTimeout: Math.max(1, Math.round(sessionTimeoutMs / 1000)),
  }
}

function asksClients(config: ListenerTlsConfig): boolean {
  const asked = [config, ...config.certificates.flatMap(({ clients }) => clients ?? [])]
  return asked.some(({ verifyClient }) => verifyClient !== "off")
}

export function makeContext(options: TlsOptions): SecureContext {
  try {
    return createSecureContext(options)
  } catch (error) {
    throw new Error(contextProblem(error))
  }
}

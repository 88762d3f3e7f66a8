import { constants, createHash } from "node:crypto"
import { createSecureContext, type SecureContext, type TlsOptions } from "node:tls"
import type { ListenerTlsConfig } from "../config/model.ts"
import { staplingFiles } from "./ocsp/staples.ts"
import { type Authorities, contextOptions, contextProblem, type KeyPair, readKeyPair } from "./tls-context.ts"

/** All that a listener's TLS reads. */
export function filesOf({ certificates, clientCaFile, clientCrlFile }: ListenerTlsConfig): string[] {
  const files = certificates.flatMap(({ certFile, keyFile, passwordFile = null }) => [
    certFile,
    keyFile,
    passwordFile,
  ])
  return [
    ...new Set(
      [...files, ...staplingFiles({ certificates }), clientCaFile, clientCrlFile].filter(
        (path) => path !== null,
      ),
    ),
  ]
}

/** Certificates that share their names: one for each kind of key. */
export interface Host {
  readonly names: readonly string[]
  readonly pairs: KeyPair[]
  /** The first of them. */
  readonly certificate: ListenerTlsConfig["certificates"][number]
}

export interface SecureHost {
  readonly names: readonly string[]
  readonly options: TlsOptions
  readonly context: SecureContext
}

/** A client is shown the kind of key it knows. Of one kind the first counts. */
export function certificatesByNames({ certificates }: ListenerTlsConfig): Host[] {
  const hosts = new Map<string, Host>()
  for (const certificate of certificates) {
    const { names, certFile, keyFile, passwordFile } = certificate
    const key = JSON.stringify(names)
    const host = hosts.get(key) ?? { names, pairs: [], certificate }
    hosts.set(key, host)
    const pair = readKeyPair(certFile, keyFile, passwordFile)
    const kind = (each: KeyPair) => each.leaf.publicKey.asymmetricKeyType
    if (!host.pairs.some((each) => kind(each) === kind(pair))) host.pairs.push(pair)
  }
  return [...hosts.values()]
}

/** What the contexts of all names have in common. Sessions resume across them, so this must not differ. */
export function sharedOptions(
  config: ListenerTlsConfig,
  authorities: Authorities | null,
  revocationLists: string[],
): TlsOptions {
  const { verifyClient, verifyDepth, sessionTimeoutMs } = config
  const options = contextOptions(config)
  const policy = createHash("sha256")
    .update(`${verifyClient} ${verifyDepth} `)
    .update(authorities?.pem ?? "")
  // A resumed session would let in whom the authorities of now, or the length of the chain, keep out.
  const noTickets = verifyClient === "off" ? 0 : constants.SSL_OP_NO_TICKET
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

export function makeContext(options: TlsOptions): SecureContext {
  try {
    return createSecureContext(options)
  } catch (error) {
    throw new Error(contextProblem(error))
  }
}

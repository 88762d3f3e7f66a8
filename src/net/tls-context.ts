import { constants, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { createSecureContext, type SecureContextOptions, type SecureVersion } from "node:tls"
import { fileName, isPem } from "../config/pem.ts"
import { errorReason } from "./error-reason.ts"

/** A certificate chain and its key, both PEM. */
export interface KeyPair {
  cert: Buffer
  key: Buffer
  /** The first certificate of the chain. */
  leaf: X509Certificate
}

/**
 * Reads a certificate chain and its key. Errors: throws a sentence that names the file at fault.
 *
 * @param passwordFile of passphrases, one a line, of which one may open the key; null: it has none
 */
export function readKeyPair(certFile: string, keyFile: string, passwordFile: string | null = null): KeyPair {
  const cert = readFile(certFile)
  const leaf = readCertificate(cert, certFile)
  const written = readFile(keyFile)
  const privateKey = readPrivateKey(written, keyFile, passwordFile)
  if (!leaf.checkPrivateKey(privateKey))
    throw new Error(`${fileName(keyFile)} is not the key of ${fileName(certFile)}`)
  const isOpen = passwordFile === null
  const key = isOpen ? written : Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }))
  return { cert, key, leaf }
}

function readPrivateKey(key: Buffer, keyFile: string, passwordFile: string | null): KeyObject {
  const name = fileName(keyFile)
  if (passwordFile === null)
    return orThrow(() => createPrivateKey(key), `${name}: not a private key in PEM without passphrase`)
  const passphrases = readFile(passwordFile).toString().split(/\r?\n/)
  for (const passphrase of passphrases) {
    try {
      return createPrivateKey({ key, passphrase })
    } catch {
      // Another may open it.
    }
  }
  throw new Error(`${name}: not a private key in PEM that a passphrase of ${fileName(passwordFile)} opens`)
}

/** Certificates of authorities. */
export interface Authorities {
  pem: Buffer
  certificates: readonly X509Certificate[]
}

/** Reads a file of authorities, PEM. Errors: as `readKeyPair`. */
export function readAuthorities(path: string): Authorities {
  const pem = readFile(path)
  const blocks = pem.toString("latin1").match(PEM_CERTIFICATE) ?? [""]
  return { pem, certificates: blocks.map((block) => readCertificate(block, path)) }
}

/** Those of a chain that can be read. */
export function certificatesOf(pem: Buffer): X509Certificate[] {
  return (pem.toString("latin1").match(PEM_CERTIFICATE) ?? []).flatMap((block) => {
    try {
      return [new X509Certificate(block)]
    } catch {
      return []
    }
  })
}

const PEM_CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END [^-]*-----/g

/** Reads a file of revocation lists, PEM, one or several. Errors: as `readKeyPair`. */
export function readRevocationLists(path: string): string[] {
  const lists = readFile(path).toString("latin1").match(PEM_REVOCATION_LIST)
  if (lists === null) throw new Error(`${fileName(path)}: not a revocation list in PEM`)
  for (const crl of lists)
    orThrow(() => createSecureContext({ crl }), `${fileName(path)}: not a revocation list in PEM`)
  return lists
}

const PEM_REVOCATION_LIST = /-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----/g

function readFile(path: string): Buffer {
  if (isPem(path)) return Buffer.from(path, "latin1")
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === "ENOENT" ? "no such file" : code === "EACCES" ? "no permission" : errorReason(error as Error)
    throw new Error(`${path}: ${why}`)
  }
}

function readCertificate(pem: Buffer | string, path: string): X509Certificate {
  return orThrow(() => new X509Certificate(pem), `${fileName(path)}: not a certificate in PEM`)
}

function orThrow<T>(make: () => T, message: string): T {
  try {
    return make()
  } catch {
    throw new Error(message)
  }
}

/** Oldest first. */
const VERSIONS = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const satisfies SecureVersion[]

const withoutVersion = {
  TLSv1: constants.SSL_OP_NO_TLSv1,
  "TLSv1.1": constants.SSL_OP_NO_TLSv1_1,
  "TLSv1.2": constants.SSL_OP_NO_TLSv1_2,
  "TLSv1.3": constants.SSL_OP_NO_TLSv1_3,
}

/**
 * What `protocols` and `ciphers` of the configuration are to Node. Null: TLS 1.2 and 1.3, Node's ciphers. No file may
 * renegotiate: HTTP/2 forbids it (RFC 9113 §9.2.1). Errors: throws a sentence.
 */
export function contextOptions(config: {
  protocols: string[] | null
  ciphers: string | null
}): SecureContextOptions {
  const { protocols, ciphers } = config
  const versions = VERSIONS.filter((version) => (protocols ?? ["TLSv1.2", "TLSv1.3"]).includes(version))
  const [minVersion] = versions
  const maxVersion = versions.at(-1)
  if (minVersion === undefined || maxVersion === undefined) {
    throw new Error(
      `none of the TLS versions ${protocols?.join(" ")} can be spoken; there are ${VERSIONS.join(" ")}`,
    )
  }
  const left = VERSIONS.filter((version) => !versions.includes(version))
  return {
    minVersion,
    maxVersion,
    secureOptions: left.reduce(
      (bits, version) => bits | withoutVersion[version],
      constants.SSL_OP_NO_RENEGOTIATION,
    ),
    ...(ciphers === null ? {} : { ciphers }),
  }
}

/** An error of `createSecureContext` as a sentence; files have been looked at before. */
export function contextProblem(error: unknown): string {
  const { code, message, reason } = error as NodeJS.ErrnoException & { reason?: string }
  if (code === "ERR_SSL_NO_CIPHER_MATCH") return "no known cipher is among the ciphers"
  return reason ?? message
}

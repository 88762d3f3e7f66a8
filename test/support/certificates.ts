// What @peculiar/x509 stands on has to come first.
import "reflect-metadata"
import { type webcrypto, X509Certificate } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { isIP } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  AuthorityInfoAccessExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from "@peculiar/x509"
import type { TestContext } from "vitest"

const DAY_MS = 86_400_000

export interface Wanted {
  /** RFC 4514, for instance `CN=alice,O=Example`. Default: `CN=` and the first name. */
  subject?: string
  /** DNS names, IP addresses and URIs it is for. */
  names?: string[]
  /** Days from now on which it begins and ends. Default: from yesterday for a month. */
  fromDay?: number
  untilDay?: number
  /** May sign others. Default: no. */
  isAuthority?: boolean
  keys?: "ec" | "rsa"
  /** The address of its authority's OCSP responder. */
  ocsp?: string
  /** May sign answers of OCSP for its authority. Default: no. */
  signsOcsp?: boolean
}

const ALGORITHMS = {
  ec: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  rsa: {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  },
} as const

/** A certificate with its key, and the means to sign others. */
export class Certificate {
  /** The chain, PEM: this one and those between it and its root. */
  readonly pem: string
  readonly key: string
  readonly #subject: string
  readonly #pair: webcrypto.CryptoKeyPair
  readonly #isRoot: boolean

  private constructor(
    pem: string,
    key: string,
    subject: string,
    pair: webcrypto.CryptoKeyPair,
    isRoot: boolean,
  ) {
    this.pem = pem
    this.key = key
    this.#subject = subject
    this.#pair = pair
    this.#isRoot = isRoot
  }

  /** Signed by itself; an authority unless said otherwise. */
  static root(subject: string, wanted: Wanted = {}): Promise<Certificate> {
    return Certificate.#make({ isAuthority: true, ...wanted, subject }, null)
  }

  issue(wanted: Wanted): Promise<Certificate> {
    return Certificate.#make(wanted, this)
  }

  /** The list of what it has revoked, PEM. */
  revocationList(...revoked: Certificate[]): Promise<string> {
    return this.revocationListOf(revoked.map(({ pem }) => new X509Certificate(pem).serialNumber))
  }

  /** The list of these serial numbers, hexadecimal, PEM; days from now on which it begins and ends. */
  async revocationListOf(serials: readonly string[], fromDay = -1, untilDay = 1): Promise<string> {
    const crl = await X509CrlGenerator.create({
      issuer: this.#subject,
      thisUpdate: new Date(Date.now() + fromDay * DAY_MS),
      nextUpdate: new Date(Date.now() + untilDay * DAY_MS),
      signingAlgorithm: { ...this.#pair.privateKey.algorithm, hash: "SHA-256" } as webcrypto.EcdsaParams,
      signingKey: this.#pair.privateKey,
      entries: serials.map((serialNumber) => ({
        serialNumber,
        revocationDate: new Date(Date.now() - DAY_MS),
      })),
    })
    return `${PemConverter.encode(crl.rawData, "X509 CRL")}\n`
  }

  static async #make(wanted: Wanted, issuer: Certificate | null): Promise<Certificate> {
    const { names = [], isAuthority = false, fromDay = -1, untilDay = 30, keys = "ec" } = wanted
    const subject = wanted.subject ?? `CN=${names[0]}`
    const algorithm = ALGORITHMS[keys]
    const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])
    const { privateKey } = issuer === null ? pair : issuer.#pair
    const extensions: Extension[] = [new BasicConstraintsExtension(isAuthority, undefined, true)]
    if (isAuthority)
      extensions.push(new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true))
    if (wanted.ocsp !== undefined) extensions.push(new AuthorityInfoAccessExtension({ ocsp: wanted.ocsp }))
    if (wanted.signsOcsp === true) extensions.push(new ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.9"]))
    if (names.length > 0) {
      const all = names.map((value) => ({
        type: value.includes("://") ? ("url" as const) : isIP(value) > 0 ? ("ip" as const) : ("dns" as const),
        value,
      }))
      extensions.push(new SubjectAlternativeNameExtension(all))
    }
    const certificate = await X509CertificateGenerator.create({
      subject,
      issuer: issuer === null ? subject : issuer.#subject,
      notBefore: new Date(Date.now() + fromDay * DAY_MS),
      notAfter: new Date(Date.now() + untilDay * DAY_MS),
      // Every key here signs with SHA-256.
      signingAlgorithm: { ...privateKey.algorithm, hash: "SHA-256" } as webcrypto.EcdsaParams,
      publicKey: pair.publicKey,
      signingKey: privateKey,
      extensions,
    })
    const key = PemConverter.encode(await crypto.subtle.exportKey("pkcs8", pair.privateKey), "PRIVATE KEY")
    const above = issuer === null || issuer.#isRoot ? "" : `\n${issuer.pem}`
    return new Certificate(
      `${certificate.toString("pem")}${above}\n`,
      `${key}\n`,
      subject,
      pair,
      issuer === null,
    )
  }
}

/** A directory for the files of one test. */
export class CertificateFiles {
  readonly directory: string

  constructor(t: TestContext) {
    this.directory = mkdtempSync(join(tmpdir(), "sluice-tls-"))
    t.onTestFinished(() => rmSync(this.directory, { recursive: true, force: true }))
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  write(name: string, content: string | Buffer): string {
    writeFileSync(this.path(name), content)
    return this.path(name)
  }

  /** As a listener or a route wants them. */
  pair(name: string, { pem, key }: Certificate): { cert: string; key: string } {
    return { cert: this.write(`${name}.pem`, pem), key: this.write(`${name}.key`, key) }
  }
}

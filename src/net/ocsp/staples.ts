import { createHash, type X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import type { ListenerTlsConfig } from "../../config/model.ts"
import { errorReason } from "../error-reason.ts"
import { certificatesOf, type KeyPair, readAuthorities } from "../tls-context.ts"
import { type Issued, Staple, type StapleOptions } from "./staple.ts"

type Certificate = ListenerTlsConfig["certificates"][number]

export type StapleContext = Pick<
  StapleOptions,
  "clock" | "log" | "timeoutMs" | "octetsMax" | "messages" | "todayMs" | "onLimit"
>

/** The answers of OCSP that a listener shows, by the certificate that they are of. */
export class Staples {
  readonly #byDigest = new Map<string, Staple>()

  /** Errors: throws a sentence that names the file at fault. */
  add({ certFile, stapling }: Certificate, { leaf, cert }: KeyPair, context: StapleContext): void {
    if (stapling === undefined) return
    const { issuerFile, responseFile } = stapling
    const known = [
      ...certificatesOf(cert),
      ...(issuerFile === null ? [] : readAuthorities(issuerFile).certificates),
    ]
    const response = responseFile === null ? null : readResponse(responseFile)
    const issuer = known.find(
      (each) => each !== leaf && leaf.checkIssued(each) && leaf.verify(each.publicKey),
    )
    const responder = response === null ? responderOf(leaf, stapling.responder) : null
    if (issuer === undefined || (response === null && responder === null)) {
      const reason =
        issuer === undefined ? "the certificate of its issuer is not there" : "it names no responder of http:"
      return context.log.warn("clients are not told by OCSP that a certificate is good", {
        certificate: certFile,
        reason,
      })
    }
    const issued: Issued = { leaf, issuer }
    this.#byDigest.set(
      digest(leaf.raw),
      new Staple({ ...context, certificate: certFile, issued, responder, response }),
    )
  }

  get isEmpty(): boolean {
    return this.#byDigest.size === 0
  }

  start(): void {
    for (const staple of this.#byDigest.values()) staple.start()
  }

  /** For a client that asks: DER, or null. */
  find(certificate: Buffer): Buffer | null {
    return this.#byDigest.get(digest(certificate))?.current ?? null
  }

  close(): void {
    for (const staple of this.#byDigest.values()) staple.close()
  }
}

/** Files that it reads beside certificates and their keys. */
export function staplingFiles({ certificates }: Pick<ListenerTlsConfig, "certificates">): string[] {
  return certificates
    .flatMap(({ stapling }) => [stapling?.responseFile ?? null, stapling?.issuerFile ?? null])
    .filter((path) => path !== null)
}

function digest(der: Buffer): string {
  return createHash("sha256").update(der).digest("base64")
}

function readResponse(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Error(`${path}: ${errorReason(error as Error)}`)
  }
}

/** What the certificate says, unless the configuration does; null: none, or none that is asked without TLS, as in nginx. */
export function responderOf({ infoAccess }: X509Certificate, responder: string | null): string | null {
  const said = /^OCSP - URI:(.+)$/m.exec(infoAccess ?? "")?.[1] ?? null
  const url = responder ?? said
  return url?.startsWith("http://") === true && URL.canParse(url) ? url : null
}

/** Where no client is ever shown anything. */
export const NO_STAPLING: Omit<StapleContext, "clock" | "log"> & { readonly statusesMax: number } = {
  timeoutMs: 1,
  octetsMax: 1,
  statusesMax: 1,
  todayMs: () => 0,
  messages: () => Promise.reject(new Error("nothing is stapled here")),
  onLimit() {},
}

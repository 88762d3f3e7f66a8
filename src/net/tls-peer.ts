import type { X509Certificate } from "node:crypto"
import type { TLSSocket } from "node:tls"
import type { ListenerTlsConfig } from "../config/model.ts"
import type { ClientCertificate, TlsInfo } from "../record/record.ts"
import { verifyText } from "./tls-reason.ts"

/** What is asked of clients. */
export interface ClientPolicy extends Pick<ListenerTlsConfig, "verifyClient" | "verifyDepth"> {
  readonly authorities: readonly X509Certificate[]
  /** Says what is wrong with a certificate by OCSP; null: no authority is asked. */
  readonly statuses: { faultOf(leaf: X509Certificate): Promise<string | null> } | null
}

/**
 * `socket` has been through its handshake, client certificates asked for as `policy` says. `shown`: the client's, which is
 * to be asked of a socket once: some versions of Node show no issuers the second time.
 */
export function tlsInfo(
  socket: TLSSocket,
  policy: ClientPolicy,
  shown: X509Certificate | undefined,
): TlsInfo {
  const certificate = policy.verifyClient === "off" ? undefined : shown
  const fault = certificate === undefined ? null : clientFault(socket, certificate, policy)
  const about = {
    protocol: socket.getProtocol() ?? "",
    serverName: socket.servername || "",
    isResumed: socket.isSessionReused(),
    alpn: socket.alpnProtocol || "",
  }
  const cipher = socket.getCipher()?.name ?? ""
  if (certificate === undefined) {
    const clientRefused = policy.verifyClient === "on" ? "missing" : null
    return { ...about, cipher, clientSubject: "", clientVerify: "NONE", clientRefused }
  }
  const isTolerated = policy.verifyClient === "optional_no_ca" && fault !== null && chainFaults.has(fault)
  return {
    ...about,
    cipher,
    clientCertificate: new SentCertificate(certificate),
    clientSubject: rfc2253(certificate.subject),
    clientVerify: fault === null ? "SUCCESS" : `FAILED:${verifyText(fault)}`,
    clientRefused: fault === null || isTolerated ? null : "failed",
  }
}

/** Its texts are made when they are asked for. */
class SentCertificate implements ClientCertificate {
  readonly #certificate: X509Certificate

  constructor(certificate: X509Certificate) {
    this.#certificate = certificate
  }

  get issuer(): string {
    return rfc2253(this.#certificate.issuer)
  }

  get subjectLegacy(): string {
    return oneLine(this.#certificate.subject)
  }

  get issuerLegacy(): string {
    return oneLine(this.#certificate.issuer)
  }

  get serial(): string {
    return this.#certificate.serialNumber
  }

  get fingerprint(): string {
    return this.#certificate.fingerprint.replaceAll(":", "").toLowerCase()
  }

  get validFrom(): string {
    return this.#certificate.validFrom
  }

  get validTo(): string {
    return this.#certificate.validTo
  }

  get pem(): string {
    return this.#certificate.toString()
  }
}

/** OpenSSL's X509_NAME_oneline, of a name as Node writes it: see `rfc2253`. */
export function oneLine(name: string | undefined): string {
  return (name ?? "")
    .split("\n")
    .map((part) => `/${part.split(" + ").map(plainValue).join("+")}`)
    .join("")
}

/** What is no visible character of ASCII is `\xE9`, an octet each; nothing else is escaped. */
function plainValue(value: string): string {
  const octets = Buffer.from(value, "utf8").toString("latin1")
  return octets
    .replace(/\\([0-9A-F]{2}|.)/gs, (_, said: string) =>
      said.length === 2 ? String.fromCharCode(Number.parseInt(said, 16)) : said,
    )
    .replace(
      /[^\x20-\x7e]/g,
      (octet) => `\\x${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
    )
}

/** Faults of the chain alone, which `optional_no_ca` leaves to the backend to judge. nginx's list. */
const chainFaults: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
])

/** The code of what is wrong with the client's certificate, or null. */
function clientFault(socket: TLSSocket, leaf: X509Certificate, policy: ClientPolicy): string | null {
  // A string, whatever the types say.
  const code = socket.authorizationError as unknown as string | null
  if (!socket.authorized) return code ?? "CERT_REJECTED"
  return isChainTooLong(leaf, policy.verifyDepth, policy.authorities) ? "CERT_CHAIN_TOO_LONG" : null
}

/** Longest chain looked at; OpenSSL has given up before. */
const CHAIN_MAX = 100

/**
 * Whether more than `depth` certificates stand between `leaf`, which has been verified, and its root: OpenSSL's depth,
 * which Node does not let us set. An issuer that Node does not show is one of `authorities`, or at least one more that
 * was sent: some versions show a server none of those (nodejs/node#65579, #46163). Without `authorities`, it is the root.
 */
export function isChainTooLong(
  leaf: X509Certificate,
  depth: number,
  authorities: readonly X509Certificate[] | null,
): boolean {
  const sent = sentWith(leaf)
  let between = -1
  for (let certificate = leaf; between < CHAIN_MAX && !isIssuer(certificate, certificate); between++) {
    const issuer = issuerOf(certificate, sent, authorities ?? [])
    if (issuer === undefined) return between + (authorities === null ? 1 : 2) > depth
    certificate = issuer
  }
  return between > depth
}

/** The certificates that came behind `leaf`, as they came: Node's `issuerCertificate` is the next one, issuer or not. */
export function sentWith(leaf: X509Certificate): X509Certificate[] {
  const sent: X509Certificate[] = []
  for (let next = leaf.issuerCertificate; next !== undefined && sent.length < CHAIN_MAX; ) {
    sent.push(next)
    next = next.issuerCertificate
  }
  return sent
}

/** Whose key has signed `certificate`, among those that were sent and those that are known. */
export function issuerOf(
  certificate: X509Certificate,
  sent: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): X509Certificate | undefined {
  const isIts = (other: X509Certificate): boolean => isIssuer(other, certificate)
  return sent.find(isIts) ?? authorities.find(isIts)
}

export function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

/**
 * A subject as RFC 2253 has it: last part first, octets above 0x7f escaped. Node writes a line for each part, its
 * special characters escaped already, and ` + ` within one that has several values. An empty subject is undefined,
 * whatever the types say.
 */
function rfc2253(subject: string | undefined): string {
  const parts = (subject ?? "").split("\n").map((part) => part.split(" + ").reverse().join("+"))
  return parts
    .reverse()
    .join(",")
    .replace(/[^\x00-\x7f]+/g, escapeOctets)
}

function escapeOctets(text: string): string {
  return [...Buffer.from(text, "utf8")].map((octet) => `\\${octet.toString(16).toUpperCase()}`).join("")
}

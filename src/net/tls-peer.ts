import type { X509Certificate } from "node:crypto"
import type { DetailedPeerCertificate, TLSSocket } from "node:tls"
import type { ListenerTlsConfig } from "../config/model.ts"
import { verifyText } from "./tls-reason.ts"

/** What is known of a connection's TLS. Texts are as nginx's `$ssl_…` variables have them. */
export interface TlsInfo {
  /** `TLSv1.3`. */
  readonly protocol: string
  /** OpenSSL's name: `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string
  /** The client certificate's subject, RFC 2253: `CN=alice,O=Example`. Empty: none was sent. */
  readonly clientSubject: string
  /** `SUCCESS`, `FAILED:reason`, or `NONE` where no certificate was asked for or sent. */
  readonly clientVerify: string
  /** Why calls over this connection are refused: the certificate that is asked for is missing, or not accepted. */
  readonly clientRefused: "missing" | "failed" | null
}

type Policy = Pick<ListenerTlsConfig, "verifyClient" | "verifyDepth">

/** `socket` has been through its handshake, client certificates asked for as `policy` says. */
export function tlsInfo(socket: TLSSocket, policy: Policy): TlsInfo {
  const certificate = policy.verifyClient === "off" ? undefined : socket.getPeerX509Certificate()
  const fault = certificate === undefined ? null : clientFault(socket, policy)
  const protocol = socket.getProtocol() ?? ""
  const cipher = socket.getCipher()?.name ?? ""
  if (certificate === undefined) {
    const clientRefused = policy.verifyClient === "on" ? "missing" : null
    return { protocol, cipher, clientSubject: "", clientVerify: "NONE", clientRefused }
  }
  const isTolerated = policy.verifyClient === "optional_no_ca" && fault !== null && chainFaults.has(fault)
  return {
    protocol,
    cipher,
    clientSubject: rfc2253(certificate),
    clientVerify: fault === null ? "SUCCESS" : `FAILED:${verifyText(fault)}`,
    clientRefused: fault === null || isTolerated ? null : "failed",
  }
}

/** Faults of the chain alone, which `optional_no_ca` leaves to the backend to judge. nginx's list. */
const chainFaults: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
])

/** The code of what is wrong with the client's certificate, or null. */
function clientFault(socket: TLSSocket, { verifyDepth }: Policy): string | null {
  // A string, whatever the types say.
  const code = socket.authorizationError as unknown as string | null
  if (!socket.authorized) return code ?? "CERT_REJECTED"
  return isChainTooLong(socket.getPeerCertificate(true), verifyDepth) ? "CERT_CHAIN_TOO_LONG" : null
}

/** Longest chain looked at; OpenSSL has given up before. */
const CHAIN_MAX = 100

/**
 * Whether more than `depth` certificates stand between the leaf and its root: OpenSSL's depth, which Node does not let
 * us set. `leaf` has been verified.
 */
export function isChainTooLong(leaf: DetailedPeerCertificate, depth: number): boolean {
  let length = 1
  let certificate = leaf
  // The root is its own issuer.
  while (
    certificate.issuerCertificate &&
    certificate.issuerCertificate !== certificate &&
    length < CHAIN_MAX
  ) {
    certificate = certificate.issuerCertificate
    length++
  }
  return length - 2 > depth
}

/**
 * A subject as RFC 2253 has it: last part first, octets above 0x7f escaped. Node writes a line for each part, its
 * special characters escaped already, and ` + ` within one that has several values.
 */
export function rfc2253({ subject }: Pick<X509Certificate, "subject">): string {
  const parts = subject.split("\n").map((part) => part.replaceAll(" + ", "+"))
  return parts
    .reverse()
    .join(",")
    .replace(/[^\x00-\x7f]+/g, escapeOctets)
}

function escapeOctets(text: string): string {
  return [...Buffer.from(text, "utf8")].map((octet) => `\\${octet.toString(16).toUpperCase()}`).join("")
}

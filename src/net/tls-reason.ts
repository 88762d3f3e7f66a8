/**
 * OpenSSL's words for why a certificate is not accepted, by Node's code. Node's own messages of some have hints in
 * them that are about Node.
 * Source: X509_verify_cert_error_string(3ssl); nginx shows the same ones in `$ssl_client_verify`.
 */
const verifyTexts: ReadonlyMap<string, string> = new Map([
  ["UNABLE_TO_GET_ISSUER_CERT", "unable to get issuer certificate"],
  ["UNABLE_TO_GET_CRL", "unable to get certificate CRL"],
  ["UNABLE_TO_DECRYPT_CERT_SIGNATURE", "unable to decrypt certificate's signature"],
  ["UNABLE_TO_DECRYPT_CRL_SIGNATURE", "unable to decrypt CRL's signature"],
  ["CERT_SIGNATURE_FAILURE", "certificate signature failure"],
  ["CRL_SIGNATURE_FAILURE", "CRL signature failure"],
  ["CRL_NOT_YET_VALID", "CRL is not yet valid"],
  ["CRL_HAS_EXPIRED", "CRL has expired"],
  ["ERROR_IN_CERT_NOT_BEFORE_FIELD", "format error in certificate's notBefore field"],
  ["ERROR_IN_CERT_NOT_AFTER_FIELD", "format error in certificate's notAfter field"],
  ["ERROR_IN_CRL_LAST_UPDATE_FIELD", "format error in CRL's lastUpdate field"],
  ["ERROR_IN_CRL_NEXT_UPDATE_FIELD", "format error in CRL's nextUpdate field"],
  ["CERT_NOT_YET_VALID", "certificate is not yet valid"],
  ["CERT_HAS_EXPIRED", "certificate has expired"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate in certificate chain"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unable to get local issuer certificate"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unable to verify the first certificate"],
  ["CERT_CHAIN_TOO_LONG", "certificate chain too long"],
  ["CERT_REVOKED", "certificate revoked"],
  ["INVALID_CA", "invalid CA certificate"],
  ["PATH_LENGTH_EXCEEDED", "path length constraint exceeded"],
  ["INVALID_PURPOSE", "unsuitable certificate purpose"],
  ["CERT_UNTRUSTED", "certificate not trusted"],
  ["CERT_REJECTED", "certificate rejected"],
  ["EE_KEY_TOO_SMALL", "EE certificate key too weak"],
  ["CA_KEY_TOO_SMALL", "CA certificate key too weak"],
  ["CA_MD_TOO_WEAK", "CA signature digest algorithm too weak"],
])

/** `certificate has expired` for CERT_HAS_EXPIRED and so on. */
export function verifyText(code: string): string {
  return verifyTexts.get(code) ?? code.toLowerCase().replaceAll("_", " ")
}

/** What a handshake that failed was about, by the end of its error code: ERR_SSL_, and what is before ALERT_, cut off. */
const handshakeTexts: ReadonlyMap<string, string> = new Map([
  ["WRONG_VERSION_NUMBER", "what the peer sent is no TLS"],
  ["HTTP_REQUEST", "the peer sent HTTP without TLS"],
  ["HTTPS_PROXY_REQUEST", "the peer sent HTTP without TLS"],
  ["PACKET_LENGTH_TOO_LONG", "what the peer sent is no TLS"],
  ["UNSUPPORTED_PROTOCOL", "no TLS version in common"],
  ["NO_PROTOCOLS_AVAILABLE", "no TLS version in common"],
  ["ALERT_PROTOCOL_VERSION", "the peer refused: no TLS version in common"],
  ["NO_SHARED_CIPHER", "no cipher in common"],
  [
    "ALERT_HANDSHAKE_FAILURE",
    "the peer refused: there is no cipher in common, or it wants a client certificate",
  ],
  ["NO_APPLICATION_PROTOCOL", "no protocol in common (ALPN)"],
  ["ALERT_NO_APPLICATION_PROTOCOL", "the peer refused: no protocol in common (ALPN)"],
  ["ALERT_CERTIFICATE_REQUIRED", "the peer wants a client certificate"],
  ["ALERT_UNKNOWN_CA", "the peer does not trust our certificate's authority"],
  ["ALERT_BAD_CERTIFICATE", "the peer refused our certificate"],
  ["ALERT_CERTIFICATE_UNKNOWN", "the peer refused our certificate"],
  ["ALERT_CERTIFICATE_EXPIRED", "the peer refused our certificate: expired"],
  ["ALERT_CERTIFICATE_REVOKED", "the peer refused our certificate: revoked"],
  ["ALERT_UNRECOGNIZED_NAME", "the peer knows no such server name"],
  ["ALERT_DECRYPT_ERROR", "the peer could not decrypt the handshake"],
])

/** The sentence for an error of TLS, of a handshake or after; null when it is about something else. */
export function tlsReason(error: Error): string | null {
  const { code, reason } = error as NodeJS.ErrnoException & { reason?: string }
  if (code === undefined) return null
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return `hostname mismatch: ${altNames(error)}`
  if (verifyTexts.has(code)) return verifyText(code)
  if (code === "ERR_TLS_HANDSHAKE_TIMEOUT") return "the TLS handshake took too long"
  if (!code.startsWith("ERR_SSL_")) return null
  const name = code.slice("ERR_SSL_".length).replace(/^[^_]*_(?=ALERT_)/, "")
  return handshakeTexts.get(name) ?? `TLS: ${reason ?? name.toLowerCase().replaceAll("_", " ")}`
}

/** Most of a certificate's names that a message shows. */
const NAMES_OCTETS = 200

/** `the certificate is for DNS:a.example, not b.example`. */
function altNames(error: Error): string {
  const { host = "", cert } = error as Error & { host?: string; cert?: { subjectaltname?: string } }
  const names = (cert?.subjectaltname ?? "no name").slice(0, NAMES_OCTETS)
  return `the certificate is for ${names}, not ${host}`
}

/** A certificate that is fine but for the length of its chain, as an error of Node's kind. */
export function chainTooLong(): Error {
  return Object.assign(new Error(verifyText("CERT_CHAIN_TOO_LONG")), { code: "CERT_CHAIN_TOO_LONG" })
}

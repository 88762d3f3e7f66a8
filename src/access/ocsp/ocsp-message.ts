import { createHash, createVerify, type KeyObject, X509Certificate } from "node:crypto"
import {
  BasicOCSPResponse,
  CertID,
  id_pkix_ocsp_basic,
  OCSPRequest,
  OCSPResponse,
  OCSPResponseStatus,
  Request,
  type SingleResponse,
  TBSRequest,
} from "@peculiar/asn1-ocsp"
import { AsnConvert, OctetString } from "@peculiar/asn1-schema"
import { AlgorithmIdentifier, Certificate } from "@peculiar/asn1-x509"
import { type CheckedStaple, type Issued, NotGoodError } from "../../net/ocsp/staple.ts"

const SHA1 = "1.3.14.3.2.26"
/** `id-kp-OCSPSigning`. */
const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
/** Clocks differ: nginx has as much. */
const SKEW_MS = 300_000
/** Certificates beside an answer that are looked at: until then anyone on the way may have written it. */
const DELEGATES_MAX = 8
/** For so long an answer holds that does not say how long: newer ones may be had at any time. */
const UNSAID_MS = 24 * 3_600_000
const HASHES: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.5": "sha1",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
}

/** What a responder is asked about a certificate, DER. Source: RFC 6960 §4.1, RFC 5019 §2.1 (SHA-1, no nonce). */
export function ocspRequest(issued: Issued): Buffer {
  const request = new OCSPRequest({
    tbsRequest: new TBSRequest({ requestList: [new Request({ reqCert: certId(issued) })] }),
  })
  return Buffer.from(AsnConvert.serialize(request))
}

function certId({ leaf, issuer }: Issued): CertID {
  const { subject, subjectPublicKeyInfo } = AsnConvert.parse(issuer.raw, Certificate).tbsCertificate
  return new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: SHA1, parameters: null }),
    issuerNameHash: new OctetString(sha1(AsnConvert.serialize(subject))),
    issuerKeyHash: new OctetString(sha1(subjectPublicKeyInfo.subjectPublicKey)),
    serialNumber: AsnConvert.parse(leaf.raw, Certificate).tbsCertificate.serialNumber,
  })
}

function sha1(octets: ArrayBuffer): Buffer {
  return createHash("sha1").update(Buffer.from(octets)).digest()
}

/**
 * Holds an answer to what RFC 6960 §3.2 asks of it: that it is of this certificate, good, of now, and signed by the issuer
 * or by whom that has authorized. Errors: throws what is wrong with it.
 */
export function checkStaple(der: Buffer, issued: Issued, nowMs: number): CheckedStaple {
  const basic = readBasic(der)
  const own = certId(issued)
  const single = basic.tbsResponseData.responses.find(({ certID }) => isSame(certID, own))
  if (single === undefined) throw new Error("the answer is not of this certificate")
  checkSignature(basic, issued.issuer, nowMs)
  if (single.certStatus.revoked !== undefined) throw new NotGoodError("the certificate is revoked", true)
  if (single.certStatus.good === undefined)
    throw new NotGoodError("the responder does not know the certificate", false)
  return timesOf(single, nowMs)
}

/** One value, of definite length, and nothing behind it: the parser would take more, and clients are shown all of it. */
function isWhole(der: Buffer): boolean {
  const first = der[1] ?? 0
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || lengthOctets > 4 || der.length < 2 + lengthOctets) return false
  const length = lengthOctets === 0 ? first : der.readUIntBE(2, lengthOctets)
  return der.length === 2 + lengthOctets + length
}

function readBasic(der: Buffer): BasicOCSPResponse {
  let response: OCSPResponse
  try {
    if (!isWhole(der)) throw new Error("more than one value")
    response = AsnConvert.parse(der, OCSPResponse)
  } catch {
    throw new Error("not an answer of OCSP, DER")
  }
  const { responseStatus, responseBytes } = response
  if (responseStatus !== OCSPResponseStatus.successful)
    throw new Error(`the responder says ${OCSPResponseStatus[responseStatus] ?? responseStatus}`)
  if (responseBytes?.responseType !== id_pkix_ocsp_basic)
    throw new Error("the answer is of a type that is not known")
  try {
    if (!isWhole(Buffer.from(responseBytes.response.buffer))) throw new Error("more than one value")
    return AsnConvert.parse(responseBytes.response.buffer, BasicOCSPResponse)
  } catch {
    throw new Error("not an answer of OCSP, DER")
  }
}

function isSame(
  { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber }: CertID,
  own: CertID,
): boolean {
  if (!equal(serialNumber, own.serialNumber)) return false
  // Who signed it says whose it is where it was hashed otherwise.
  if (hashAlgorithm.algorithm !== SHA1) return true
  return (
    equal(issuerNameHash.buffer, own.issuerNameHash.buffer) &&
    equal(issuerKeyHash.buffer, own.issuerKeyHash.buffer)
  )
}

function equal(one: ArrayBuffer, other: ArrayBuffer): boolean {
  return Buffer.from(one).equals(Buffer.from(other))
}

function checkSignature(basic: BasicOCSPResponse, issuer: X509Certificate, nowMs: number): void {
  const hash = HASHES[basic.signatureAlgorithm.algorithm]
  if (hash === undefined) throw new Error("the answer is signed by an algorithm that is not known")
  const signed = Buffer.from(AsnConvert.serialize(basic.tbsResponseData))
  const signature = Buffer.from(basic.signature)
  const isBy = (key: KeyObject): boolean => {
    try {
      return createVerify(hash).update(signed).verify(key, signature)
    } catch {
      return false
    }
  }
  if (isBy(issuer.publicKey)) return
  const delegates = (basic.certs ?? [])
    .slice(0, DELEGATES_MAX)
    .map((each) => new X509Certificate(Buffer.from(AsnConvert.serialize(each))))
  const isAuthorized = delegates.some(
    (each) =>
      each.keyUsage?.includes(OCSP_SIGNING) === true &&
      each.verify(issuer.publicKey) &&
      Date.parse(each.validFrom) <= nowMs &&
      nowMs <= Date.parse(each.validTo) &&
      isBy(each.publicKey),
  )
  if (!isAuthorized)
    throw new Error("the answer is not signed by the issuer, nor by whom that has authorized")
}

function timesOf({ thisUpdate, nextUpdate }: SingleResponse, nowMs: number): CheckedStaple {
  const nextUpdateMs = nextUpdate?.getTime() ?? thisUpdate.getTime() + UNSAID_MS
  if (thisUpdate.getTime() > nowMs + SKEW_MS) throw new Error("the answer is of the future")
  if (nextUpdateMs <= nowMs) throw new Error("the answer is out of date")
  return { thisUpdateMs: thisUpdate.getTime(), nextUpdateMs }
}

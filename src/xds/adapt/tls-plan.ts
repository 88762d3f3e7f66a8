import { createPrivateKey, X509Certificate } from "node:crypto"
import { defaultUpstreamTls } from "../../config/defaults.ts"
import { defaults } from "../../config/defaults-table.ts"
import type { ListenerTlsConfig } from "../../config/model.ts"
import { isPem } from "../../config/pem.ts"
import type { UpstreamTlsConfig } from "../../config/shared-model.ts"
import type { TransportSocket } from "../gen/envoy/config/core/v3/base_pb.ts"
import {
  type CertificateValidationContext,
  SubjectAltNameMatcher_SanType as SanType,
  type TlsCertificate,
  type TlsParameters,
  TlsParameters_TlsProtocol as TlsProtocol,
  CertificateValidationContext_TrustChainVerification as TrustChain,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts"
import type { Secret } from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts"
import type {
  CommonTlsContext,
  DownstreamTlsContext,
  UpstreamTlsContext,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts"
import { typeNameOf, unpack } from "./extensions.ts"
import { refuse } from "./refusal.ts"
import { checkSource, fileOf, millisecondsOf } from "./values.ts"

/** A certificate with its key: paths, or their text. */
export interface KeyPairFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** Whom to trust. */
export interface Validation {
  /** Null: the authorities that this machine knows. */
  readonly caFile: string | null
  readonly crlFile: string | null
  /** The name that the certificate must have; null: that of the peer. */
  readonly serverName: string | null
  readonly isUntrustedAccepted: boolean
  readonly depth: number | null
}

export type SecretPlan =
  | { readonly kind: "certificate"; readonly files: KeyPairFiles }
  | { readonly kind: "validation"; readonly validation: Validation }

/** Said at once, or by the name of a secret. */
export type OrSecret<T> = { readonly value: T } | { readonly secret: string; readonly base: T | null }

/** The TLS of a filter chain or of a cluster, before its secrets are known. */
export interface TlsPlan {
  readonly certificates: readonly OrSecret<KeyPairFiles>[]
  readonly validation: OrSecret<Validation> | null
  readonly protocols: string[] | null
  readonly ciphers: string | null
  readonly alpn: string[]
  /** Upstream: what is sent; downstream: null. */
  readonly sni: string | null
  readonly requiresClientCertificate: boolean
  readonly sessionTimeoutMs: number | undefined
}

/** The names of all secrets that must be there. */
export function secretsOf({ certificates, validation }: TlsPlan): string[] {
  return [...certificates, ...(validation === null ? [] : [validation])].flatMap((one) =>
    "secret" in one ? [one.secret] : [],
  )
}

/** Null: octets go as they are. */
export function planTransportSocket(
  socket: TransportSocket | undefined,
  kind: "DownstreamTlsContext" | "UpstreamTlsContext",
  path: string,
): TlsPlan | null {
  if (socket?.configType.case !== "typedConfig") return null
  const any = socket.configType.value
  const name = typeNameOf(any)
  if (name === "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer") return null
  const at = `${path}.typed_config`
  if (!name.endsWith(`.tls.v3.${kind}`)) refuse(at, `${name} is not supported`)
  const { message } = unpack(any)!
  if (kind === "UpstreamTlsContext") {
    const { commonTlsContext, sni } = message as UpstreamTlsContext
    return { ...planCommon(commonTlsContext, `${at}.common_tls_context`), sni: sni === "" ? null : sni }
  }
  const { commonTlsContext, requireClientCertificate, sessionTicketKeysType, sessionTimeout } =
    message as DownstreamTlsContext
  const common = planCommon(commonTlsContext, `${at}.common_tls_context`)
  const isOwn = sessionTicketKeysType.case?.startsWith("sessionTicketKeys") === true
  if (isOwn) refuse(at, "session tickets have keys of the process")
  if (common.certificates.length === 0) refuse(at, "there is no certificate to show")
  const requires = requireClientCertificate === true
  if (requires && common.validation === null)
    refuse(`${at}.require_client_certificate`, "nothing says whose certificates are accepted")
  return {
    ...common,
    requiresClientCertificate: requires,
    sessionTimeoutMs: millisecondsOf(sessionTimeout),
  }
}

type Common = Omit<TlsPlan, "sni"> & { sni: null }

function planCommon(context: CommonTlsContext | undefined, path: string): Common {
  if (context === undefined)
    return {
      certificates: [],
      validation: null,
      protocols: null,
      ciphers: null,
      alpn: [],
      sni: null,
      requiresClientCertificate: false,
      sessionTimeoutMs: undefined,
    }
  const certificates = [
    ...context.tlsCertificates.map((one, at) => ({ value: keyPair(one, `${path}.tls_certificates[${at}]`) })),
    ...context.tlsCertificateSdsSecretConfigs.map(({ name, sdsConfig }, at) => {
      checkSource(sdsConfig, `${path}.tls_certificate_sds_secret_configs[${at}].sds_config`)
      return { secret: name, base: null }
    }),
  ]
  return {
    certificates,
    validation: planValidation(context, path),
    protocols: protocolsOf(context.tlsParams),
    ciphers: context.tlsParams === undefined ? null : ciphersOf(context.tlsParams),
    alpn: context.alpnProtocols,
    sni: null,
    requiresClientCertificate: false,
    sessionTimeoutMs: undefined,
  }
}

function planValidation(
  { validationContextType: one }: CommonTlsContext,
  path: string,
): TlsPlan["validation"] {
  switch (one.case) {
    case undefined:
      return null
    case "validationContext":
      return { value: validationOf(one.value, `${path}.validation_context`) }
    case "validationContextSdsSecretConfig": {
      checkSource(one.value.sdsConfig, `${path}.validation_context_sds_secret_config.sds_config`)
      return { secret: one.value.name, base: null }
    }
    case "combinedValidationContext": {
      const at = `${path}.combined_validation_context`
      const { defaultValidationContext: base, validationContextSdsSecretConfig: sds } = one.value
      const own = base === undefined ? null : validationOf(base, `${at}.default_validation_context`)
      if (sds === undefined) return own === null ? null : { value: own }
      checkSource(sds.sdsConfig, `${at}.validation_context_sds_secret_config.sds_config`)
      return { secret: sds.name, base: own }
    }
    default:
      return refuse(path, `${one.case} is not supported`)
  }
}

/** Errors: throws a `Refusal`. */
export function planSecret({ type }: Secret): SecretPlan {
  if (type.case === "tlsCertificate")
    return { kind: "certificate", files: keyPair(type.value, "tls_certificate") }
  if (type.case === "validationContext")
    return { kind: "validation", validation: validationOf(type.value, "validation_context") }
  return refuse("", "it is neither a certificate nor a validation context")
}

function keyPair({ certificateChain, privateKey }: TlsCertificate, path: string): KeyPairFiles {
  const certFile = fileOf(certificateChain, `${path}.certificate_chain`)
  const keyFile = fileOf(privateKey, `${path}.private_key`)
  if (certFile === null) return refuse(`${path}.certificate_chain`, "there is none")
  if (keyFile === null) return refuse(`${path}.private_key`, "there is none")
  if (isPem(certFile) && isPem(keyFile)) checkPair(certFile, keyFile, path)
  return { certFile, keyFile }
}

/** A pair that no handshake could use is refused before it takes the place of one that can. */
function checkPair(certificate: string, key: string, path: string): void {
  const leaf = readable(() => new X509Certificate(certificate), `${path}.certificate_chain`, "a certificate")
  const privateKey = readable(
    () => createPrivateKey(key),
    `${path}.private_key`,
    "a private key without passphrase",
  )
  if (!leaf.checkPrivateKey(privateKey)) refuse(`${path}.private_key`, "it is not the key of the certificate")
}

function readable<T>(read: () => T, path: string, what: string): T {
  try {
    return read()
  } catch {
    return refuse(path, `it is no PEM of ${what}`)
  }
}

function checkedAuthorities(file: string | null, path: string): string | null {
  if (file !== null && isPem(file)) readable(() => new X509Certificate(file), path, "a certificate")
  return file
}

function validationOf(context: CertificateValidationContext, path: string): Validation {
  const { trustedCa, crl, matchTypedSubjectAltNames, matchSubjectAltNames, maxVerifyDepth } = context
  const names = [
    ...matchTypedSubjectAltNames.map(({ sanType, matcher }, at) => {
      const place = `${path}.match_typed_subject_alt_names[${at}]`
      if (sanType !== SanType.DNS && sanType !== SanType.IP_ADDRESS)
        return refuse(place, "names are compared of type DNS and IP_ADDRESS alone")
      return { place, pattern: matcher?.matchPattern }
    }),
    ...matchSubjectAltNames.map(({ matchPattern }, at) => ({
      place: `${path}.match_subject_alt_names[${at}]`,
      pattern: matchPattern,
    })),
  ]
  const [first, second] = names
  if (second !== undefined) refuse(second.place, "one name is compared")
  if (first !== undefined && first.pattern?.case !== "exact")
    refuse(first.place, "a name is compared as a whole: exact")
  const { pattern } = first ?? {}
  return {
    caFile: checkedAuthorities(fileOf(trustedCa, `${path}.trusted_ca`), `${path}.trusted_ca`),
    crlFile: fileOf(crl, `${path}.crl`),
    serverName: pattern?.case === "exact" ? pattern.value : null,
    isUntrustedAccepted: context.trustChainVerification === TrustChain.ACCEPT_UNTRUSTED,
    depth: maxVerifyDepth ?? null,
  }
}

const VERSIONS = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]

function protocolsOf(params: TlsParameters | undefined): string[] | null {
  const { tlsMinimumProtocolVersion: min = 0, tlsMaximumProtocolVersion: max = 0 } = params ?? {}
  if (min === TlsProtocol.TLS_AUTO && max === TlsProtocol.TLS_AUTO) return null
  const from = min === TlsProtocol.TLS_AUTO ? 3 : min
  const until = max === TlsProtocol.TLS_AUTO ? 4 : max
  return VERSIONS.slice(from - 1, until)
}

function ciphersOf({ cipherSuites }: TlsParameters): string | null {
  return cipherSuites.length === 0
    ? null
    : cipherSuites.map((one) => one.replace(/[[\]]/g, "").replaceAll("|", ":")).join(":")
}

/** Secrets by name, those that are known. */
export type Secrets = ReadonlyMap<string, SecretPlan>

function keyPairOf(one: OrSecret<KeyPairFiles>, secrets: Secrets): KeyPairFiles | null {
  if ("value" in one) return one.value
  const secret = secrets.get(one.secret)
  return secret?.kind === "certificate" ? secret.files : null
}

function validationFor(one: OrSecret<Validation>, secrets: Secrets): Validation | null {
  if ("value" in one) return one.value
  const secret = secrets.get(one.secret)
  if (secret?.kind !== "validation") return null
  const { validation } = secret
  if (one.base === null) return validation
  return {
    caFile: validation.caFile ?? one.base.caFile,
    crlFile: validation.crlFile ?? one.base.crlFile,
    serverName: one.base.serverName ?? validation.serverName,
    isUntrustedAccepted: validation.isUntrustedAccepted || one.base.isUntrustedAccepted,
    depth: one.base.depth ?? validation.depth,
  }
}

/** Null: a secret is not there, or is of the other kind. */
export function upstreamTlsOf(plan: TlsPlan, secrets: Secrets): UpstreamTlsConfig | null {
  const validation = plan.validation === null ? null : validationFor(plan.validation, secrets)
  if (plan.validation !== null && validation === null) return null
  const [certificate] = plan.certificates
  const pair = certificate === undefined ? null : keyPairOf(certificate, secrets)
  if (certificate !== undefined && pair === null) return null
  const base = defaultUpstreamTls()
  return {
    ...base,
    verify: validation !== null && !validation.isUntrustedAccepted,
    verifyDepth: validation?.depth ?? VERIFY_DEPTH,
    caFile: validation?.caFile ?? null,
    serverName: validation?.serverName ?? plan.sni,
    sendServerName: plan.sni !== null,
    certFile: pair?.certFile ?? null,
    keyFile: pair?.keyFile ?? null,
    protocols: plan.protocols,
    ciphers: plan.ciphers,
  }
}

/** OpenSSL's, which Envoy has. */
const VERIFY_DEPTH = 100

/** What of a listener's TLS is one for all of its filter chains; certificates are each chain's. */
export type ListenerTlsShared = Omit<ListenerTlsConfig, "certificates" | "rejectNames" | "rejectOthers">

export function sharedTlsOf(plan: TlsPlan, secrets: Secrets): ListenerTlsShared | null {
  const validation = plan.validation === null ? null : validationFor(plan.validation, secrets)
  if (plan.validation !== null && validation === null) return null
  const isAny = validation?.isUntrustedAccepted === true
  return {
    protocols: plan.protocols,
    ciphers: plan.ciphers,
    clientCaFile: validation?.caFile ?? null,
    clientCrlFile: validation?.crlFile ?? null,
    verifyClient:
      validation === null
        ? "off"
        : isAny
          ? "optional_no_ca"
          : plan.requiresClientCertificate
            ? "on"
            : "optional",
    verifyDepth: validation?.depth ?? VERIFY_DEPTH,
    sessionTimeoutMs: plan.sessionTimeoutMs ?? defaults.listenerTls.sessionTimeout.value,
    alpnProtocols: null,
  }
}

/** Null: a secret is not there. */
export function certificatesOf(plan: TlsPlan, secrets: Secrets): KeyPairFiles[] | null {
  const pairs = plan.certificates.map((one) => keyPairOf(one, secrets))
  return pairs.includes(null) ? null : (pairs as KeyPairFiles[])
}

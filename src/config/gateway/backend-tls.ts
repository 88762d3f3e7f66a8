import { defaultUpstreamTls } from "../defaults.ts"
import type { UpstreamTlsConfig } from "../shared-model.ts"
import { type Condition, condition, type Objection, objection } from "./conditions.ts"
import type { Draft } from "./draft.ts"
import { type BackendTlsPolicy, byAge, type Resources } from "./resources.ts"

/** What a policy says of connections to a Service's port; null: they are without TLS. */
type PortTls = { readonly config: UpstreamTlsConfig } | { readonly objection: Objection } | null

interface Judged {
  readonly policy: BackendTlsPolicy
  readonly tls: NonNullable<PortTls>
  readonly conditions: readonly Condition[]
}

/** BackendTLSPolicies: of several for one target the oldest counts. */
export class BackendTls {
  /** By Service, then by the name of its port; empty: of all its ports. */
  readonly #byTarget = new Map<string, NonNullable<PortTls>>()
  readonly policies: readonly Judged[]

  constructor(
    { backendTlsPolicies, configMaps, services }: Resources,
    draft: Draft,
    isAuthority: IsAuthority,
  ) {
    const known = new Set(services.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`))
    const authorities = new Map(
      configMaps.map(({ metadata, data }) => [`${metadata.namespace}/${metadata.name}`, data["ca.crt"]]),
    )
    this.policies = backendTlsPolicies.toSorted(byAge).map((policy): Judged => {
      const { metadata, spec } = policy
      const targets = spec.targetRefs.filter(({ group, kind }) => group === "" && kind === "Service")
      const keys = targets.map(({ name, sectionName = "" }) => `${metadata.namespace}/${name} ${sectionName}`)
      const { tls, resolved, accepted } = read(policy, authorities, draft, isAuthority)
      const isTaken = keys.some((key) => this.#byTarget.has(key))
      const isThere = targets.some(({ name }) => known.has(`${metadata.namespace}/${name}`))
      const against = isTaken
        ? objection("Conflicted", "an older policy has the same target")
        : !isThere
          ? objection("TargetNotFound", "there is no Service of that name")
          : accepted
      if (!isTaken) for (const key of keys) this.#byTarget.set(key, tls)
      return {
        policy,
        tls,
        conditions: [condition("Accepted", metadata, against), condition("ResolvedRefs", metadata, resolved)],
      }
    })
  }

  of(namespace: string, service: string, portName: string): PortTls {
    const target = `${namespace}/${service}`
    return this.#byTarget.get(`${target} ${portName}`) ?? this.#byTarget.get(`${target} `) ?? null
  }
}

/** Why a text is no certificate of an authority, in PEM; null: it is one. */
export type IsAuthority = (pem: string) => string | null

function read(
  { metadata, spec: { validation } }: BackendTlsPolicy,
  authorities: ReadonlyMap<string, string | undefined>,
  draft: Draft,
  isAuthority: IsAuthority,
): { tls: NonNullable<PortTls>; resolved: Objection | null; accepted: Objection | null } {
  const { hostname, caCertificateRefs, wellKnownCACertificates, subjectAltNames } = validation
  const refuse = (against: Objection) => ({ tls: { objection: against }, resolved: null, accepted: against })
  if (subjectAltNames.length > 0)
    return refuse(objection("Invalid", "subjectAltNames are not supported: the hostname is what is verified"))
  const config = { ...defaultUpstreamTls(), verify: true, serverName: hostname, sendServerName: true }
  if (caCertificateRefs.length === 0) {
    if (wellKnownCACertificates !== "System")
      return refuse(
        objection("Invalid", `wellKnownCACertificates "${wellKnownCACertificates}" is not known: System is`),
      )
    return { tls: { config }, resolved: null, accepted: null }
  }
  const texts: string[] = []
  let resolved: Objection | null = null
  for (const { group, kind, name } of caCertificateRefs) {
    const pem = authorities.get(`${metadata.namespace}/${name}`)
    if (group !== "" || kind !== "ConfigMap")
      resolved ??= objection("InvalidKind", `authorities are ConfigMaps, not ${kind}`)
    else if (pem === undefined)
      resolved ??= objection("InvalidCACertificateRef", `there is no ConfigMap ${name} with a key ca.crt`)
    else {
      const problem = isAuthority(pem)
      if (problem === null) texts.push(pem)
      else resolved ??= objection("InvalidCACertificateRef", `ca.crt of ConfigMap ${name}: ${problem}`)
    }
  }
  if (resolved === null)
    return { tls: { config: { ...config, caFile: draft.file(texts.join("\n")) } }, resolved, accepted: null }
  const accepted = texts.length === 0 ? objection("NoValidCACertificate", resolved.message) : null
  return { tls: { objection: resolved }, resolved, accepted }
}

import { defaultListener } from "../../config/defaults.ts"
import type { ListenerConfig, ListenerTlsConfig } from "../../config/model.ts"
import type { ChainPlan, ListenerPlan } from "./listener-plan.ts"
import { certificatesOf, type Secrets, secretsOf, sharedTlsOf, type TlsPlan } from "./tls-plan.ts"

/** A listener for each of its addresses; a sentence where it cannot be. */
export function listenerConfigs(plan: ListenerPlan, secrets: Secrets): (ListenerConfig | string)[] {
  const [first] = plan.chains
  const tls = first!.tls === null ? null : tlsOf(plan, first!.tls, secrets)
  if (typeof tls === "string") return [tls]
  const { to } = first!
  return plan.addresses.map((address): ListenerConfig => {
    const base = defaultListener(address)
    const own = { ...base, tls, backlog: plan.backlog ?? base.backlog, proxyProtocol: plan.proxyProtocol }
    if (to.kind === "tcp") return { ...own, protocol: "tcp" }
    return {
      ...own,
      maxConcurrentStreams: to.maxConcurrentStreams ?? base.maxConcurrentStreams,
      headerTimeoutMs: to.headerTimeoutMs ?? base.headerTimeoutMs,
      idleConnectionTimeoutMs: orDefault(to.idleConnectionTimeoutMs, base.idleConnectionTimeoutMs),
      maxConnectionAgeMs: orDefault(to.maxConnectionAgeMs, base.maxConnectionAgeMs),
      maxRequestsPerConnection: to.maxRequestsPerConnection ?? base.maxRequestsPerConnection,
    }
  })
}

const orDefault = <T>(value: T | undefined, base: T): T => (value === undefined ? base : value)

function tlsOf(plan: ListenerPlan, first: TlsPlan, secrets: Secrets): ListenerTlsConfig | string {
  const shared = sharedTlsOf(first, secrets)
  const missing = (): string => {
    const names = new Set(plan.chains.flatMap(({ tls }) => (tls === null ? [] : secretsOf(tls))))
    return `listener ${plan.name}: a secret is not there, or of the other kind: ${[...names].join(", ")}`
  }
  if (shared === null) return missing()
  const certificates: ListenerTlsConfig["certificates"] = []
  // The first is shown where SNI names none of them.
  for (const { names, tls } of anyNameFirst(plan.chains)) {
    const pairs = certificatesOf(tls!, secrets)
    if (pairs === null) return missing()
    certificates.push({ names: [...names], ...pairs[0]! })
  }
  const alpn = plan.chains[0]!.to.kind === "tcp" && first.alpn.length > 0 ? first.alpn : null
  return {
    ...shared,
    certificates,
    rejectNames: [],
    // A connection that no filter chain is for ends.
    rejectOthers: plan.chains.every(({ names }) => names.length > 0),
    alpnProtocols: alpn,
  }
}

function anyNameFirst(chains: readonly ChainPlan[]): ChainPlan[] {
  return [...chains].sort((one, other) => Number(one.names.length > 0) - Number(other.names.length > 0))
}

import type { Config } from "./model.ts"

/**
 * What is wrong with a listener that has TLS and the PROXY protocol, whatever it was written in; null: none has both.
 * The protocol's header stands before the TLS handshake, and Sluice cannot read it there yet.
 */
export function tlsBehindProxy({ listeners }: Config): string | null {
  const both = listeners.find(({ tls, proxyProtocol }) => tls !== null && proxyProtocol)
  return both === undefined
    ? null
    : `listener ${both.name}: the PROXY protocol together with TLS is not supported yet`
}

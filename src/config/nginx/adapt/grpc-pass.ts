/** `grpc_pass` and `grpc_ssl_*`. */
import { defaultCluster, defaultEndpoint, defaultUpstreamTls } from "../../defaults.ts"
import type { RouteAction } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import type { UpstreamTlsConfig } from "../../shared-model.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readNumber } from "../units.ts"
import { hasVariables } from "../variables.ts"
import { type Adapter, filePath } from "./adapter.ts"
import { isHostName, readPeer } from "./address.ts"

export interface Pass {
  action: RouteAction
  /** What nginx sends as `:authority` unless told otherwise: the name or address written. Null: known per stream only. */
  authority: string | null
}

/** Null when it is wrong; then it was reported. */
export function adaptGrpcPass(adapter: Adapter, directive: Directive, scope: Scope): Pass | null {
  const word = directive.args[0]!
  const [, scheme] = /^(grpcs?:\/\/)/i.exec(word.text) ?? []
  const target = word.text.slice(scheme?.length ?? 0)
  const secure = scheme?.toLowerCase() === "grpcs://"
  if (hasVariables(word.text)) {
    if (!adapter.variables.check(word, adapter.report)) return null
    // What its variables come to may say the scheme too.
    const isSaid = scheme === undefined && target.startsWith("$")
    return {
      action: {
        kind: "variable",
        template: target,
        resolve: scope.one("resolver") !== null,
        tls: upstreamTls(adapter, directive, scope, secure || isSaid, null),
        tlsByScheme: isSaid,
      },
      authority: target,
    }
  }
  const peer = readPeer(target, 0)
  if ("error" in peer) {
    const hint = /^https?:\/\//.test(target)
      ? "the scheme is grpc:// or grpcs://"
      : target.includes("/")
        ? "no path may follow the address"
        : null
    adapter.report.error(word.span, `${peer.error} in upstream "${target}"`, hint)
    return null
  }
  const cluster = findCluster(adapter, word, target, peer)
  if (cluster === null) return null
  const { host } = peer.address
  return {
    action: { kind: "cluster", cluster, tls: upstreamTls(adapter, directive, scope, secure, host) },
    authority: host === null ? "localhost" : target,
  }
}

/** The name of the upstream that is meant, or of a new one for a plain address. */
export function findCluster(
  { report, clusters, protocol }: Adapter,
  word: Word,
  target: string,
  { address, hasPort }: Exclude<ReturnType<typeof readPeer>, { error: string }>,
  defaultPort: number | null = null,
): string | null {
  const named = address.host === null ? undefined : clusters.get(address.host.toLowerCase())
  if (named !== undefined && !hasPort) return named.name
  if (named !== undefined && named.endpoints[0]?.address !== address.text) {
    report.error(word.span, `upstream "${address.host}" may not have port ${address.port}`)
    return null
  }
  if (!hasPort && defaultPort === null) {
    const names = [...clusters.values()].map(({ name }) => name)
    const hint = didYouMean(target, names) ?? `no upstream is named "${target}", and an address needs a port`
    report.error(word.span, `no port in upstream "${target}"`, hint)
    return null
  }
  if (address.host !== null && !isHostName(address.host)) {
    report.error(word.span, `host not found in upstream "${target}"`)
    return null
  }
  const key = address.text.toLowerCase()
  if (!clusters.has(key))
    clusters.set(key, { ...defaultCluster(address.text), protocol, endpoints: [defaultEndpoint(address)] })
  return clusters.get(key)!.name
}

/** `grpc_ssl_*`, or `proxy_ssl_*`. */
export function upstreamTls(
  adapter: Adapter,
  directive: Directive,
  scope: Scope,
  secure: boolean,
  host: string | null,
  family: "grpc" | "proxy" = "grpc",
): UpstreamTlsConfig | null {
  if (!secure) return null
  const value = (name: string) => scope.one(name)?.args[0] ?? null
  const flag = (name: string) => value(name)?.text.toLowerCase() === "on"
  const file = (name: string) => {
    const word = value(name)
    return word === null || word.text === "" ? null : filePath(adapter, word)
  }
  const written = value(`${family}_ssl_name`)
  const isUsed = flag(`${family}_ssl_verify`) || flag(`${family}_ssl_server_name`)
  const isFixed = written === null || !hasVariables(written.text)
  if (!isFixed && !isUsed) {
    adapter.report.note(written.span, `${family}_ssl_name`, "the name is neither checked nor sent")
  } else if (!isFixed) adapter.variables.check(written, adapter.report)
  const tls: UpstreamTlsConfig = {
    ...defaultUpstreamTls(),
    verify: flag(`${family}_ssl_verify`),
    caFile: file(`${family}_ssl_trusted_certificate`),
    crlFile: file(`${family}_ssl_crl`),
    serverName: isFixed || isUsed ? (written?.text ?? host) : host,
    sendServerName: flag(`${family}_ssl_server_name`),
    certFile: file(`${family}_ssl_certificate`),
    keyFile: file(`${family}_ssl_certificate_key`),
    passwordFile: file(`${family}_ssl_password_file`),
    protocols: tlsProtocols(adapter, scope.one(`${family}_ssl_protocols`)),
    ciphers: value(`${family}_ssl_ciphers`)?.text ?? null,
    alpnProtocols: scope.one("proxy_ssl_alpn")?.args.map(({ text }) => text) ?? null,
  }
  const depth = value(`${family}_ssl_verify_depth`)
  if (depth !== null) tls.verifyDepth = readNumber(depth.text)!
  if (tls.verify && tls.caFile === null) {
    adapter.report.error(
      spanOf(directive),
      `no "${family}_ssl_trusted_certificate" is defined for the "${family}_ssl_verify" directive`,
    )
  } else if (!tls.verify) {
    adapter.report.note(
      spanOf(directive),
      family === "grpc" ? "grpcs://" : adapter.protocol === "tcp" ? "proxy_ssl" : "https://",
      `the endpoint's certificate is not verified: ${family}_ssl_verify is off unless written`,
    )
  }
  return tls
}

const TLS_PROTOCOLS = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
const OLD_PROTOCOLS = ["SSLv2", "SSLv3"]

/** The versions of `ssl_protocols` or `grpc_ssl_protocols`; OpenSSL no longer has the SSL ones. Null: not written. */
export function tlsProtocols({ report }: Adapter, directive: Directive | null): string[] | null {
  if (directive === null) return null
  for (const { text, span } of directive.args) {
    if (TLS_PROTOCOLS.includes(text) || OLD_PROTOCOLS.includes(text)) continue
    report.error(span, `invalid value "${text}"`, didYouMean(text, TLS_PROTOCOLS))
  }
  return TLS_PROTOCOLS.filter((protocol) => directive.args.some(({ text }) => text === protocol))
}

/** `ssl_*` of the servers that share a listener. */
import { isDeepStrictEqual } from "node:util"
import type { ClientCertificates, ClientOcspConfig, ListenerTlsConfig, StaplingConfig } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import type { Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readSecondsMs } from "../units.ts"
import { hasVariables } from "../variables.ts"
import { type Adapter, filePath, fullPath, saidPath } from "./adapter.ts"
import type { ListenerDraft, ListeningDraft } from "./drafts.ts"
import { tlsProtocols } from "./grpc-pass.ts"

type Certificate = ListenerTlsConfig["certificates"][number]

/** nginx's `ssl_session_timeout`. */
const SESSION_TIMEOUT_MS = 300_000

/** Certificates of every server, and what it asks of clients, by its names; all else from the default server, as in nginx. */
export function adaptListenerTls(adapter: Adapter, draft: ListenerDraft): ListenerTlsConfig {
  const { servers, defaultServer } = draft
  const inOrder = [defaultServer, ...servers.filter((server) => server !== defaultServer)]
  const { scope } = defaultServer
  const timeout = scope.one("ssl_session_timeout")
  const clients = new Map(inOrder.map((server) => [server, clientsOf(adapter, server)]))
  const asked = clients.get(defaultServer)!
  const isSame = [...clients.values()].every((each) => isDeepStrictEqual(each, asked))
  const names = ownNames(servers, !isSame)
  const certificatesFor = (server: ListeningDraft): Certificate[] => {
    const own = names.get(server)!
    const shown = certificateServer(server, defaultServer)
    if (shown === null) return []
    const certificates = certificatesOf(adapter, shown, { names: own, clients: clients.get(server)!, asked })
    // No client is shown those of a server that has no name of its own and is not the default.
    return own.length > 0 || server === defaultServer ? certificates : []
  }
  return {
    certificates: inOrder.flatMap((server) => (rejects(server) ? [] : certificatesFor(server))),
    rejectNames: inOrder.filter(rejects).flatMap((server) => names.get(server)!.filter(isSaid)),
    rejectOthers: rejects(defaultServer),
    protocols: tlsProtocols(adapter, scope.one("ssl_protocols")),
    ciphers: scope.one("ssl_ciphers")?.args[0]?.text ?? null,
    ...asked,
    sessionTimeoutMs: timeout === null ? SESSION_TIMEOUT_MS : readSecondsMs(timeout.args[0]!.text)!,
    alpnProtocols: scope.one("ssl_alpn")?.args.map(({ text }) => text) ?? null,
  }
}

/** Whose certificates a server's clients are shown: as in nginx the default server's, where it has none. Null: no one's. */
function certificateServer(server: ListeningDraft, defaultServer: ListeningDraft): ListeningDraft | null {
  if (server.scope.all("ssl_certificate").length > 0 || server === defaultServer) return server
  return rejects(defaultServer) || defaultServer.scope.all("ssl_certificate").length === 0
    ? null
    : defaultServer
}

/**
 * Of each server the names that are its alone: one that stands twice is its first server's, to whom calls go too.
 *
 * @param withEmpty the name of calls without a host, of which no client can be shown a certificate: what such a call has
 *   to show is for its server to say
 */
function ownNames(servers: readonly ListeningDraft[], withEmpty: boolean): Map<ListeningDraft, string[]> {
  const taken = new Set<string>()
  return new Map(
    servers.map((server) => {
      const names = withEmpty ? server.config.names : server.config.names.filter(isSaid)
      const own = names.filter((name) => !taken.has(name.toLowerCase()))
      for (const name of own) taken.add(name.toLowerCase())
      return [server, own]
    }),
  )
}

function isSaid(name: string): boolean {
  return name !== ""
}

function rejects({ scope }: ListeningDraft): boolean {
  return scope.one("ssl_reject_handshake")?.args[0]?.text.toLowerCase() === "on"
}

function clientsOf(adapter: Adapter, server: ListeningDraft): ClientCertificates {
  const { scope } = server
  const [authority, crl, depth] = ["ssl_client_certificate", "ssl_crl", "ssl_verify_depth"].map(
    (name) => scope.one(name)?.args[0],
  )
  const clientOcsp = clientOcspOf(adapter, scope)
  return {
    clientCaFile: authority === undefined ? null : filePath(adapter, authority),
    clientCrlFile: crl === undefined ? null : filePath(adapter, crl),
    ...(clientOcsp !== null && { clientOcsp }),
    verifyClient: verifyClient(adapter, server, authority !== undefined),
    verifyDepth: depth === undefined ? 1 : readNumber(depth.text)!,
  }
}

interface Named {
  readonly names: string[]
  readonly clients: ClientCertificates
  /** Of clients by the listener. */
  readonly asked: ClientCertificates
}

function certificatesOf(
  adapter: Adapter,
  server: ListeningDraft,
  { names, clients, asked }: Named,
): Certificate[] {
  const { scope, span } = server
  const certificates = scope.all("ssl_certificate")
  const keys = scope.all("ssl_certificate_key")
  if (certificates.length === 0) {
    adapter.report.error(span, 'no "ssl_certificate" is defined for the "listen ... ssl" directive')
    return []
  }
  const stapling = staplingOf(adapter, scope)
  const password = scope.one("ssl_password_file")?.args[0]
  const passwordFile = password === undefined ? null : fullPath(adapter, password)
  const isSame = isDeepStrictEqual(clients, asked)
  return certificates.flatMap(({ args }, index) => {
    const certFile = certificatePath(adapter, args[0]!)
    const key = keys[index]?.args[0]
    const keyFile = key === undefined ? null : certificatePath(adapter, key)
    if (certFile === null || keyFile === null) return []
    return [
      {
        names,
        certFile,
        keyFile,
        ...(passwordFile !== null && { passwordFile }),
        ...(stapling !== null && { stapling }),
        ...(!isSame && { clients }),
      },
    ]
  })
}

/** With variables it is read as clients come. */
function certificatePath(adapter: Adapter, word: Word): string | null {
  if (!hasVariables(word.text) || word.text.startsWith("data:")) return filePath(adapter, word)
  return adapter.variables.check(word, adapter.report) ? saidPath(adapter, word) : null
}

function staplingOf(adapter: Adapter, scope: Scope): StaplingConfig | null {
  if (scope.one("ssl_stapling")?.args[0]?.text.toLowerCase() !== "on") return null
  const file = (name: string): string | null => {
    const word = scope.one(name)?.args[0]
    return word === undefined ? null : filePath(adapter, word)
  }
  return {
    responseFile: file("ssl_stapling_file"),
    responder: responderOf(adapter, scope, "ssl_stapling_responder"),
    issuerFile: file("ssl_trusted_certificate"),
  }
}

function responderOf({ report }: Adapter, scope: Scope, name: string): string | null {
  const word = scope.one(name)?.args[0]
  if (word !== undefined && !/^http:\/\/./.test(word.text))
    report.error(word.span, `invalid URL prefix in OCSP responder "${word.text}"`)
  return word?.text ?? null
}

function clientOcspOf(adapter: Adapter, scope: Scope): ClientOcspConfig | null {
  const { report } = adapter
  const word = scope.one("ssl_ocsp")?.args[0]
  if (word === undefined || word.text === "off") return null
  if (word.text !== "on" && word.text !== "leaf") {
    report.error(word.span, `invalid value "${word.text}"`, "on, leaf or off")
    return null
  }
  if (scope.one("ssl_verify_client")?.args[0]?.text === "optional_no_ca")
    report.error(word.span, '"ssl_ocsp" is incompatible with "ssl_verify_client optional_no_ca"')
  const check = word.text === "on" ? "chain" : "leaf"
  return { check, responder: responderOf(adapter, scope, "ssl_ocsp_responder") }
}

const VERIFY = ["off", "on", "optional", "optional_no_ca"] as const

function verifyClient(
  { report }: Adapter,
  { scope, span }: ListeningDraft,
  hasAuthority: boolean,
): ListenerTlsConfig["verifyClient"] {
  const word = scope.one("ssl_verify_client")?.args[0]
  if (word === undefined) return "off"
  const choice = VERIFY.find((each) => each === word.text)
  if (choice === undefined)
    report.error(word.span, `invalid value "${word.text}"`, didYouMean(word.text, VERIFY))
  else if (choice !== "off" && choice !== "optional_no_ca" && !hasAuthority) {
    report.error(span, "no ssl_client_certificate for ssl_verify_client")
  }
  return choice ?? "off"
}

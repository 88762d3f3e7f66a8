import { randomBytes, type X509Certificate } from "node:crypto"
import type { Socket } from "node:net"
import { createServer, type SecureContext, type Server, type TLSSocket, type TlsOptions } from "node:tls"
import type { Clock } from "../base/clock.ts"
import { Roster } from "../base/roster.ts"
import { ServerNames } from "../base/server-names.ts"
import { Tags } from "../base/tags.ts"
import type { ClientCertificates, ListenerTlsConfig } from "../config/model.ts"
import type { Log } from "../log/logger.ts"
import type { ProxiedConnection, TlsInfo } from "../record/record.ts"
import { Regex } from "../regex/regex.ts"
import { errorReason } from "./error-reason.ts"
import { ClientStatuses } from "./ocsp/client-statuses.ts"
import { type StapleContext, Staples } from "./ocsp/staples.ts"
import { type CertificatePaths, NO_CERTIFICATE_PATHS, SaidCertificates } from "./said-certificates.ts"
import type { SecureHost } from "./secure-host.ts"
import { certificatesByNames, filesOf, type Host, makeContext, sharedOptions } from "./tls-certificates.ts"
import { readAuthorities, readRevocationLists } from "./tls-context.ts"
import { type FileVersions, fileVersions, type TlsFileWatch } from "./tls-file-watch.ts"
import { type ClientEnds, type HandshakeOwner, type ShakingClient, TlsHandshake } from "./tls-handshake.ts"
import type { ClientPolicy } from "./tls-peer.ts"
import { ClientPolicies, type FoundHost, REJECTED } from "./tls-policies.ts"

/** In our order of preference: what a client offers of them decides. */
const ALPN = ["h2", "http/1.1"]
const TICKET_KEY_OCTETS = 48
/** Long past any handshake; Node's timer begins anew with each octet. */
const NODE_TIMEOUT_MS = 7_200_000
/** A key protects the sessions of at most this time. A client whose ticket is older just shakes hands in full. */
const TICKET_KEY_MS = 3_600_000

export interface TlsListenerOptions {
  /** The listener's name, for messages. */
  name: string
  /** From accept to the end of the handshake. */
  handshakeTimeoutMs: number
  clock: Clock
  files: TlsFileWatch
  log: Log
  onSecured(socket: TLSSocket, info: TlsInfo): void
  /** A client spoke HTTP without TLS; `octets` are the first of it, `proxied` is what a proxy has said of it. */
  onPlain(socket: Socket, octets: Buffer, proxied: ProxiedConnection | null): void
  onFailed(cause: "handshake_timeout" | "handshake_failed"): void
  /** Of an OCSP responder's answer, and who counts what is over them. */
  readonly stapling: Omit<StapleContext, "clock" | "log"> & { readonly statusesMax: number }
  /** A handshake was over and we threw; its socket ends. */
  onBug(error: unknown): void
}

/** Everything a handshake needs, read and checked. */
interface Material {
  readonly config: ListenerTlsConfig
  readonly pathsOf: CertificatePaths
  readonly versions: FileVersions
  readonly server: Server
  readonly staples: Staples
}

/**
 * TLS of one listener: certificates by server name, sessions, client certificates. Sockets go in as they are accepted
 * and come out as `onSecured`. Files that change are read again, all of them or none.
 */
export class TlsListener implements HandshakeOwner {
  readonly #options: TlsListenerOptions
  /** By their sockets, until they are over. */
  readonly #handshakes = new Tags<Socket, TlsHandshake>()
  /** All whose sockets are open. */
  readonly #open = new Roster<TlsHandshake>()
  #material: Material | null = null
  #unwatch: () => void = () => {}
  #ticketKeys = randomBytes(TICKET_KEY_OCTETS)
  #ticketKeysMs: number

  constructor(options: TlsListenerOptions) {
    this.#options = options
    this.#ticketKeysMs = options.clock.now()
  }

  /**
   * Reads all that `config` names. What is returned puts it in force, for handshakes that begin then. Errors: throws a
   * sentence that names the listener and the file; what was in force stays.
   */
  prepare(config: ListenerTlsConfig, pathsOf: CertificatePaths = NO_CERTIFICATE_PATHS): () => void {
    const material = this.#read(config, pathsOf)
    return () => this.#use(material)
  }

  /**
   * Takes over a socket on which nothing has been read yet.
   *
   * @param hasHeader the PROXY protocol's header comes first
   * @param ends null: the socket is the client's own, and new
   * @param timeoutMs a time of its own, where that is shorter
   */
  handshake(
    raw: Socket,
    hasHeader: boolean,
    ends: ClientEnds | null = null,
    timeoutMs = Number.POSITIVE_INFINITY,
  ): void {
    const { clock } = this.#options
    const handshakeTimeoutMs = Math.min(this.#options.handshakeTimeoutMs, timeoutMs)
    this.#rotateTicketKeys()
    const handshake = new TlsHandshake(raw, clock, handshakeTimeoutMs, this, hasHeader, ends)
    this.#handshakes.set(raw, handshake)
    this.#open.add(handshake)
    raw.once("close", () => {
      this.#open.delete(handshake)
      // Who leaves while its certificate is asked after has no time to run out.
      if (this.#handshakes.delete(raw)) handshake.end()
    })
  }

  // ---- HandshakeOwner -------------------------------------------------------------------------------------------

  onHello({ raw }: TlsHandshake): void {
    this.#material!.server.emit("connection", raw)
  }

  onPlain({ raw, proxied }: TlsHandshake, octets: Buffer): void {
    this.#handshakes.delete(raw)
    this.#guard(raw, () => this.#options.onPlain(raw, octets, proxied))
  }

  onGone(handshake: TlsHandshake): void {
    this.#endInFailure(handshake, "handshake_failed", "the client closed the connection before it began one")
  }

  onMalformed(handshake: TlsHandshake): void {
    this.#endInFailure(
      handshake,
      "handshake_failed",
      "no PROXY protocol header on a listener that expects one",
    )
  }

  onTimeout(handshake: TlsHandshake): void {
    this.#endInFailure(handshake, "handshake_timeout", "the TLS handshake took too long")
  }

  #endInFailure(
    handshake: TlsHandshake,
    counter: "handshake_timeout" | "handshake_failed",
    reason: string,
  ): void {
    const { log, name, onFailed } = this.#options
    handshake.end()
    this.#handshakes.delete(handshake.raw)
    handshake.raw.destroy()
    onFailed(counter)
    log.info("TLS handshake failed", { listener: name, client: handshake.client, reason })
  }

  // ---- Its life ---------------------------------------------------------------------------------------------------

  /** Looks at its files no more. Connections that it led to go on. */
  unwatch(): void {
    this.#unwatch()
    this.#material?.staples.close()
  }

  /** Ends what is still open, without grace. */
  close(): void {
    this.unwatch()
    for (const handshake of this.#open) {
      if (this.#handshakes.delete(handshake.raw)) handshake.end()
      handshake.raw.destroy()
    }
  }

  #use(material: Material): void {
    this.#material?.staples.close()
    this.#material = material
    material.staples.start()
    this.#unwatch()
    this.#unwatch = this.#options.files.watch(material.versions, () => this.#filesChanged(material))
  }

  #filesChanged({ config, pathsOf }: Material): void {
    const { log, name } = this.#options
    try {
      this.#use(this.#read(config, pathsOf))
      log.info("certificates read again", { listener: name })
    } catch (error) {
      log.error("certificates changed and cannot be used; the old ones stay", {
        reason: (error as Error).message,
      })
    }
  }

  #rotateTicketKeys(): void {
    const nowMs = this.#options.clock.now()
    const { server, config } = this.#material!
    if (nowMs - this.#ticketKeysMs < Math.max(TICKET_KEY_MS, config.sessionTimeoutMs)) return
    this.#ticketKeysMs = nowMs
    this.#ticketKeys = randomBytes(TICKET_KEY_OCTETS)
    server.setTicketKeys(this.#ticketKeys)
  }

  // ---- Reading ------------------------------------------------------------------------------------------------

  #read(config: ListenerTlsConfig, pathsOf: CertificatePaths): Material {
    try {
      const versions = new Map(fileVersions(filesOf(config)))
      const read = (asked: ClientCertificates) =>
        readClients(config, asked, (authorities) => this.#makeStatuses(asked, authorities))
      const common = read(config)
      const found = certificatesByNames(config)
      const staples = this.#readStaples(found)
      const hosts = found.map(({ names, certificates, pairs: fixed }): SecureHost => {
        const [{ clients } = {}] = certificates
        const { shared, policy } = clients === undefined ? common : read(clients)
        const said = fixed.length === 0 ? new SaidCertificates(shared, certificates, pathsOf) : null
        const { pairs, files: forNoName } = said?.forNoName() ?? { pairs: fixed, files: [] }
        for (const [path, version] of fileVersions(forNoName)) versions.set(path, version)
        const options = { ...shared, cert: pairs.map(({ cert }) => cert), key: pairs.map(({ key }) => key) }
        return { names, options, policy, context: makeContext(options), said }
      })
      const server = this.#makeServer(config, hosts, common)
      // Node gives no certificate where a client is refused by its name.
      const find = (certificate: Buffer | null) => (certificate === null ? null : staples.find(certificate))
      if (!staples.isEmpty)
        server.on("OCSPRequest", (certificate, _issuer, done) => done(null, find(certificate)!))
      return { config, pathsOf, versions, server, staples }
    } catch (error) {
      throw new Error(`listener ${this.#options.name}: ${(error as Error).message}`)
    }
  }

  /** A handshake has as long again for the answer to be told in words. */
  #makeStatuses(
    { clientOcsp, verifyClient }: ClientCertificates,
    authorities: readonly X509Certificate[],
  ): ClientStatuses | null {
    if (clientOcsp === undefined || verifyClient === "off") return null
    const { log, stapling, handshakeTimeoutMs } = this.#options
    const timeoutMs = Math.min(stapling.timeoutMs, handshakeTimeoutMs / 2)
    return new ClientStatuses({ ...stapling, log, timeoutMs, config: clientOcsp, authorities })
  }

  /** Of names with one certificate: which of several a client is shown Node does not say. */
  #readStaples(hosts: readonly Host[]): Staples {
    const { clock, log, stapling } = this.#options
    const staples = new Staples()
    for (const { certificates, pairs } of hosts)
      if (pairs.length === 1) staples.add(certificates[0]!, pairs[0]!, { clock, log, ...stapling })
    return staples
  }

  /** It never listens: sockets are handed to it. */
  #makeServer(config: ListenerTlsConfig, hosts: readonly SecureHost[], common: AskedClients): Server {
    const { rejectNames, rejectOthers, alpnProtocols } = config
    const byName = new ServerNames<SecureHost | typeof REJECTED>(
      [[rejectNames, REJECTED], ...hosts.map((host) => [host.names, host] as const)],
      (pattern) => new Regex(pattern, { isCaseless: true }),
    )
    const first = rejectOthers ? common.policy : hosts[0]!.policy
    const policies = new ClientPolicies(byName, hosts, first)
    const clientOf = (socket: TLSSocket): ShakingClient =>
      this.#handshakeOf(socket) ?? { raw: socket, proxied: null, ends: null }
    const isSaid = hosts.some(({ said }) => said !== null)
    const server = createServer({
      // Without a certificate to show, OpenSSL ends a handshake with an alert.
      ...(rejectOthers ? common.shared : hosts[0]!.options),
      ticketKeys: this.#ticketKeys,
      ALPNProtocols: alpnProtocols ?? ALPN,
      requestCert: first.verifyClient !== "off",
      // Calls are refused one by one, in words: see `TlsInfo.clientRefused`.
      rejectUnauthorized: false,
      // It has its own: see TlsHandshake.
      handshakeTimeout: NODE_TIMEOUT_MS,
      ...((hosts.length + rejectNames.length + Number(rejectOthers) > 1 || isSaid) && {
        // Node calls it as a method of the socket.
        SNICallback(
          this: unknown,
          name: string,
          done: (error: Error | null, context?: SecureContext) => void,
        ) {
          const found = byName.find(name.toLowerCase())
          policies.ask(this as TLSSocket, found)
          const other = rejectOthers ? null : hosts[0]!
          showContext(found, other, (said) => said.find(name, clientOf(this as TLSSocket)), done)
        },
      }),
    })
    server.on("secureConnection", (socket) => this.#secured(socket, policies))
    server.on("tlsClientError", (error, socket) => this.#failed(error, socket))
    return server
  }

  #secured(socket: TLSSocket, policies: ClientPolicies): void {
    const shown = socket.getPeerX509Certificate()
    const info = policies.infoOf(socket, shown)
    const statuses = policies.statusesOf(socket)
    if (statuses === null || info.clientVerify !== "SUCCESS") return this.#handOn(socket, info)
    // What the client sends meanwhile waits in the socket; the time of its handshake goes on.
    socket.on("error", () => {})
    void statuses.faultOf(shown!).then((fault) => {
      if (socket.destroyed) return
      const refused = { clientVerify: `FAILED:${fault}`, clientRefused: "failed" } as const
      this.#handOn(socket, fault === null ? info : { ...info, ...refused })
    })
  }

  #handOn(socket: TLSSocket, info: TlsInfo): void {
    const handshake = this.#takeHandshake(socket)
    handshake?.end()
    const proxied = handshake?.proxied ?? null
    this.#guard(socket, () => this.#options.onSecured(socket, { ...info, proxied }))
  }

  #failed(error: Error, socket: TLSSocket): void {
    const handshake = this.#takeHandshake(socket)
    // Else it was ended for its time.
    if (handshake !== undefined) this.#endInFailure(handshake, "handshake_failed", errorReason(error))
    socket.destroy()
  }

  #takeHandshake(socket: TLSSocket): TlsHandshake | undefined {
    const handshake = this.#handshakeOf(socket)
    if (handshake !== undefined) this.#handshakes.delete(handshake.raw)
    return handshake
  }

  /** Node keeps the socket under a TLS socket under this name. Undefined: it was ended for its time. */
  #handshakeOf(socket: TLSSocket): TlsHandshake | undefined {
    const raw = (socket as { _parent?: Socket })._parent
    return raw === undefined ? undefined : this.#handshakes.get(raw)
  }

  /** A bug ends the client's socket, and nothing else. */
  #guard(socket: Socket, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#options.onBug(error)
      socket.on("error", () => {})
      socket.destroy()
    }
  }
}

/**
 * A name that no regex can tell in time is shown the certificate of `other`, as one that is not known.
 *
 * @param load a certificate whose path has variables. Errors: throws a sentence; the handshake fails
 */
function showContext(
  found: FoundHost,
  other: SecureHost | null,
  load: (said: SaidCertificates) => SecureContext,
  done: (error: Error | null, context?: SecureContext) => void,
): void {
  if (found === REJECTED)
    return done(new Error("the server name is one of rejectNames (ssl_reject_handshake)"))
  const own = typeof found === "object" && "context" in found ? found : null
  const said = (own ?? other)?.said ?? null
  if (said === null) return done(null, own?.context)
  let context: SecureContext
  try {
    context = load(said)
  } catch (error) {
    return done(error as Error)
  }
  done(null, context)
}

/** What some clients are asked for, read. */
interface AskedClients {
  readonly shared: TlsOptions
  readonly policy: ClientPolicy
}

function readClients(
  config: ListenerTlsConfig,
  asked: ClientCertificates,
  statusesBy: (authorities: readonly X509Certificate[]) => ClientStatuses | null,
): AskedClients {
  const { clientCaFile, clientCrlFile, verifyClient, verifyDepth } = asked
  const authorities = clientCaFile === null ? null : readAuthorities(clientCaFile)
  const lists = clientCrlFile === null ? [] : readRevocationLists(clientCrlFile)
  const known = authorities?.certificates ?? []
  return {
    shared: sharedOptions(config, asked, authorities, lists),
    policy: { verifyClient, verifyDepth, authorities: known, statuses: statusesBy(known) },
  }
}

import type { X509Certificate } from "node:crypto"
import { isIP, type Socket } from "node:net"
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from "node:tls"
import type { EndpointConfig } from "../config/model.ts"
import type { UpstreamTlsConfig } from "../config/shared-model.ts"
import type { Log } from "../log/logger.ts"
import { endpointOptions } from "./connect.ts"
import { type OnOctets, readInto } from "./shared-read.ts"
import {
  type Authorities,
  contextOptions,
  contextProblem,
  readAuthorities,
  readKeyPair,
  readRevocationLists,
} from "./tls-context.ts"
import { type FileVersions, fileVersions, type TlsFileWatch } from "./tls-file-watch.ts"
import { isChainTooLong } from "./tls-peer.ts"
import { chainTooLong } from "./tls-reason.ts"

/** Endpoints whose last session is kept. The oldest entry goes first. */
const SESSIONS_MAX = 1024

export interface TlsUpstreamOptions {
  config: UpstreamTlsConfig
  files: TlsFileWatch
  log: Log
}

/** Node's types know `onread` of sockets without TLS alone. */
type OwnOptions = ConnectionOptions & { readonly onread?: ReturnType<typeof readInto> }

interface Material {
  readonly versions: FileVersions
  readonly context: SecureContext
  /** Null: those that Node knows. */
  readonly authorities: Authorities | null
}

/**
 * TLS to endpoints, with the settings of one route: `grpcs://`. Files that change are read again for the connections
 * that follow.
 */
export class TlsUpstream {
  readonly #config: UpstreamTlsConfig
  readonly #options: TlsUpstreamOptions
  /** The last session of each address, and name that a call said, to resume. */
  readonly #sessions = new Map<string, Buffer>()
  #material: Material | null = null
  #unwatch: () => void = () => {}

  constructor(options: TlsUpstreamOptions) {
    this.#options = options
    this.#config = options.config
  }

  /** Reads all files. What is returned puts them in force. Errors: throws a sentence that names the file. */
  prepare(): () => void {
    const material = this.#read()
    return () => this.#use(material)
  }

  /**
   * Starts a connection. Errors come as the socket's `error` event: those of the network, of the handshake, of the
   * certificate, and when the endpoint chose another protocol than HTTP/2. `serverName`: in place of the settings'.
   */
  connect(
    endpoint: EndpointConfig,
    bindAddress: string | null,
    onOctets: OnOctets,
    serverName?: string,
  ): Socket {
    const ownOptions = { ALPNProtocols: ["h2"], onread: readInto(onOctets) }
    const socket = this.#connect(endpoint, bindAddress, ownOptions, serverName)
    socket.on("secureConnect", () => {
      const { alpnProtocol } = socket
      // One that chose none may not know ALPN: it is spoken to in HTTP/2, as by nginx, and what it answers will tell.
      if (alpnProtocol === "h2" || alpnProtocol === false || alpnProtocol === null) return
      socket.destroy(new Error(`the endpoint does not speak h2 over TLS (ALPN: it chose ${alpnProtocol})`))
    })
    return socket
  }

  /** Starts a connection to an endpoint that speaks HTTP/1.1: as nginx does, without ALPN. Errors: as `connect`. */
  connectHttp1(
    endpoint: EndpointConfig,
    bindAddress: string | null,
    onOctets: OnOctets,
    serverName?: string,
  ): Socket {
    return this.#connect(endpoint, bindAddress, { onread: readInto(onOctets) }, serverName)
  }

  /** Begins TLS on a connection to an endpoint. `serverName`, errors: as `connect`. */
  secure(raw: Socket, endpoint: EndpointConfig, serverName: string | null): TLSSocket {
    const { alpnProtocols } = this.#config
    const protocols = alpnProtocols !== null && { ALPNProtocols: alpnProtocols }
    return this.#connect(endpoint, null, { socket: raw, ...protocols }, serverName)
  }

  #connect(
    endpoint: EndpointConfig,
    bindAddress: string | null,
    ownOptions: OwnOptions,
    said: string | null = null,
  ): TLSSocket {
    const place = said === null ? endpoint.address : `${endpoint.address} ${said}`
    const session = this.#sessions.get(place)
    const material = this.#material!
    const socket: TLSSocket = connectTls({
      ...endpointOptions(endpoint, bindAddress),
      ...this.#verification(endpoint, said, material, () => socket.getPeerX509Certificate()),
      secureContext: material.context,
      ...ownOptions,
      ...(session && { session }),
    })
    socket.on("session", (newer) => {
      // To resume it skips verification, so it must have been verified by what is in force now.
      if (!socket.destroyed && this.#material === material) this.#remember(place, newer)
    })
    return socket
  }

  /** Looks at its files no more. */
  unwatch(): void {
    this.#unwatch()
  }

  /** The name that is sent and the one that is checked; a Unix socket goes by `localhost`, as in nginx. */
  #verification(
    endpoint: EndpointConfig,
    said: string | null,
    { authorities }: Material,
    leaf: () => X509Certificate | undefined,
  ): ConnectionOptions {
    const { verify, verifyDepth, serverName, sendServerName } = this.#config
    const name = said ?? serverName ?? endpoint.name ?? endpoint.host ?? "localhost"
    return {
      // An address is no server name: RFC 6066 §3.
      servername: sendServerName && isIP(name) === 0 ? name : "",
      rejectUnauthorized: verify,
      checkServerIdentity: (_host, certificate) => {
        if (!verify) return undefined
        if (isChainTooLong(leaf()!, verifyDepth, authorities?.certificates ?? null)) return chainTooLong()
        return checkServerIdentity(name, certificate)
      },
    }
  }

  #remember(place: string, session: Buffer): void {
    this.#sessions.delete(place)
    this.#sessions.set(place, session)
    if (this.#sessions.size > SESSIONS_MAX) this.#sessions.delete(this.#sessions.keys().next().value!)
  }

  #use(material: Material): void {
    this.#material = material
    // What was trusted then need not be now.
    this.#sessions.clear()
    this.#unwatch()
    this.#unwatch = this.#options.files.watch(material.versions, () => this.#filesChanged())
  }

  #filesChanged(): void {
    const { log } = this.#options
    try {
      this.#use(this.#read())
      log.info("certificates for endpoints read again", { files: this.#files.join(" ") })
    } catch (error) {
      log.error("certificates changed and cannot be used; the old ones stay", {
        reason: (error as Error).message,
      })
    }
  }

  get #files(): string[] {
    const { caFile, crlFile, certFile, keyFile, passwordFile } = this.#config
    return [caFile, crlFile, certFile, keyFile, passwordFile].filter((path) => path !== null)
  }

  #read(): Material {
    const { verify, caFile, crlFile, certFile, keyFile, passwordFile } = this.#config
    const versions = fileVersions(this.#files)
    if ((certFile === null) !== (keyFile === null))
      throw new Error("a certificate for endpoints needs its key, and a key its certificate")
    const pair = certFile !== null && keyFile !== null ? readKeyPair(certFile, keyFile, passwordFile) : null
    // Without a file, those authorities that Node knows: only asked for when they matter.
    const authorities = caFile === null ? null : readAuthorities(caFile)
    const ca = authorities !== null ? { ca: authorities.pem } : verify ? {} : { ca: [] }
    const options = {
      ...contextOptions(this.#config),
      ...ca,
      ...(crlFile !== null && { crl: readRevocationLists(crlFile) }),
      ...(pair && { cert: pair.cert, key: pair.key }),
    }
    try {
      return { versions, context: createSecureContext(options), authorities }
    } catch (error) {
      throw new Error(contextProblem(error))
    }
  }
}

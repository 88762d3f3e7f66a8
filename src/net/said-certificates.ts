import type { SecureContext, TlsOptions } from "node:tls"
import type { ListenerCertificate } from "../config/model.ts"
import { isOwnPath, isSaidPath } from "../config/said-path.ts"
import { makeContext, oneOfEachKind } from "./tls-certificates.ts"
import { type KeyPair, readKeyPair } from "./tls-context.ts"
import { type FileVersions, fileVersions, NO_FILE } from "./tls-file-watch.ts"
import type { ShakingClient } from "./tls-handshake.ts"

/** Names and certificates that clients are served with at once. The one not used for the longest time goes first. */
const CONTEXTS_MAX = 1000

/** What a path with variables comes to for a client. Null: for one that is not there yet. */
export type CertificatePaths = (
  source: string,
) => (serverName: string, client: ShakingClient | null) => string

/** Of listeners none of whose certificates have variables. */
export const NO_CERTIFICATE_PATHS: CertificatePaths = () => () => ""

interface Loaded {
  readonly versions: FileVersions
  readonly context: SecureContext
}

/**
 * Certificates whose paths have variables: nginx's `ssl_certificate /certs/$ssl_server_name.crt`. They are read when a
 * client comes that says such a name, and again when a file has changed.
 *
 * Cost: a look at each file for each handshake; of those that are kept nothing is read.
 */
export class SaidCertificates {
  readonly #shared: TlsOptions
  readonly #certificates: readonly ListenerCertificate[]
  readonly #pathOf: (source: string, serverName: string, client: ShakingClient | null) => string
  /** By their files, the last used last. */
  readonly #loaded = new Map<string, Loaded>()

  readonly #max: number

  /** @param shared what their contexts have in common */
  constructor(
    shared: TlsOptions,
    certificates: readonly ListenerCertificate[],
    pathsOf: CertificatePaths,
    max = CONTEXTS_MAX,
  ) {
    this.#shared = shared
    this.#max = max
    this.#certificates = certificates
    const templates = new Map(
      certificates.flatMap(({ certFile, keyFile }) =>
        [certFile, keyFile].filter(isSaidPath).map((source) => [source, pathsOf(source)] as const),
      ),
    )
    this.#pathOf = (source, serverName, client) => templates.get(source)?.(serverName, client) ?? source
  }

  /**
   * For a client that has said a name. While files are renewed one by one they do not fit: those that were read before serve
   * until all can be read. Errors: throws a sentence that names the file.
   */
  find(serverName: string, client: ShakingClient): SecureContext {
    if (!isServerName(serverName))
      throw new Error("the server name is none that a certificate is looked up by")
    const files = this.#filesFor(serverName, client)
    const all = files.flat().filter((path) => path !== null)
    const key = JSON.stringify(files)
    const known = this.#loaded.get(key)
    const versions = fileVersions(all)
    const isSame = known !== undefined && all.every((path) => known.versions.get(path) === versions.get(path))
    const loaded = isSame ? known : this.#renew(files, versions, known)
    this.#loaded.delete(key)
    this.#loaded.set(key, loaded)
    if (this.#loaded.size > this.#max) this.#loaded.delete(this.#loaded.keys().next().value!)
    return loaded.context
  }

  /** For clients that say no name: none, where there is no file for them. */
  forNoName(): { pairs: KeyPair[]; files: string[] } {
    try {
      const files = this.#filesFor("", null)
      return { pairs: readPairs(files), files: files.flat().filter((path) => path !== null) }
    } catch {
      return { pairs: [], files: [] }
    }
  }

  #renew(files: readonly CertificateFiles[], versions: FileVersions, known: Loaded | undefined): Loaded {
    try {
      return { versions, context: this.#load(files) }
    } catch (error) {
      if (known === undefined || [...versions.values()].includes(NO_FILE)) throw error
      return known
    }
  }

  #load(files: readonly CertificateFiles[]): SecureContext {
    const pairs = readPairs(files)
    return makeContext({
      ...this.#shared,
      cert: pairs.map(({ cert }) => cert),
      key: pairs.map(({ key }) => key),
    })
  }

  #filesFor(serverName: string, client: ShakingClient | null): CertificateFiles[] {
    return this.#certificates.map(({ certFile, keyFile, passwordFile = null }) => {
      const [cert, key] = [certFile, keyFile].map((source) => this.#pathOf(source, serverName, client))
      for (const path of [cert!, key!])
        if (!isOwnPath(path)) throw new Error(`"${path}" is no absolute path of a file without ".."`)
      return [cert!, key!, passwordFile]
    })
  }
}

type CertificateFiles = [cert: string, key: string, passwords: string | null]

function readPairs(files: readonly CertificateFiles[]): KeyPair[] {
  return oneOfEachKind(files.map(([cert, key, passwords]) => readKeyPair(cert, key, passwords)))
}

/** Of labels, with nothing in it that a path would take for its own. */
function isServerName(name: string): boolean {
  return /^[\w-]+(?:\.[\w-]+)*\.?$/.test(name)
}

import type { X509Certificate } from "node:crypto"
import type { TLSSocket } from "node:tls"
import type { ServerNames } from "../base/server-names.ts"
import type { TlsInfo } from "../record/record.ts"
import type { SecureHost } from "./secure-host.ts"
import { type ClientPolicy, tlsInfo } from "./tls-peer.ts"

/** What is found for a name that is not to be served. */
export const REJECTED = { kind: "rejected" } as const

/** Undefined: no name fits. `limit`: a regex took too many steps to say. */
export type FoundHost = SecureHost | typeof REJECTED | "limit" | undefined

/** What the clients of a listener are asked for, by the names that they ask for. */
export class ClientPolicies {
  readonly #byName: ServerNames<SecureHost | typeof REJECTED>
  /** Of clients who say no name, or one that is not known. */
  readonly #first: ClientPolicy
  /** Not all names ask for the same. */
  readonly #differ: boolean

  constructor(
    byName: ServerNames<SecureHost | typeof REJECTED>,
    hosts: readonly SecureHost[],
    first: ClientPolicy,
  ) {
    this.#byName = byName
    this.#first = first
    this.#differ = hosts.some(({ policy }) => policy !== first)
  }

  /** Before the certificate is shown: whether one of the client's is asked for. */
  ask(socket: TLSSocket, found: FoundHost): void {
    if (!this.#differ) return
    const isAsked = (policyOf(found) ?? this.#first).verifyClient !== "off"
    // Node has no public way to ask some clients of a server and not others. Where these are not found none is asked,
    // and who would have to show a certificate is refused.
    const inner = socket as unknown as InnerSocket
    inner._handle?.setVerifyMode?.(isAsked, false)
    inner._requestCert = isAsked
  }

  /** `socket` has been through its handshake; `shown`: the client's certificate. */
  infoOf(socket: TLSSocket, shown: X509Certificate | undefined): TlsInfo {
    if (!this.#differ) return tlsInfo(socket, this.#first, shown)
    const named = this.#named(socket.servername || "")
    const policy = named ?? this.#first
    const clientsAt: TlsInfo["clientsAt"] = (host) => {
      const found = this.#byName.find(host)
      // The router may take more steps, and find another server than the first.
      if (found === "limit") return "others"
      const its = policyOf(found) ?? this.#first
      if (its === policy) return "same"
      if (its.verifyClient === "off") return "not asked"
      // As in nginx, who said no name that is known, and was not asked, may go where a certificate is not required.
      if (named !== null || policy.verifyClient !== "off") return "others"
      return its.verifyClient === "on" ? "missing" : "not asked"
    }
    return { ...tlsInfo(socket, policy, shown), clientsAt }
  }

  /** Who is asked whether its certificate was revoked. */
  statusesOf(socket: TLSSocket): ClientPolicy["statuses"] {
    const named = this.#differ ? this.#named(socket.servername || "") : null
    return (named ?? this.#first).statuses
  }

  /** Null: the client says no name, or none that is known. */
  #named(name: string): ClientPolicy | null {
    return name === "" ? null : policyOf(this.#byName.find(name.toLowerCase()))
  }
}

function policyOf(found: FoundHost): ClientPolicy | null {
  return typeof found === "object" && "policy" in found ? found.policy : null
}

interface InnerSocket {
  _handle?: { setVerifyMode?(request: boolean, reject: boolean): void } | null
  _requestCert: boolean
}

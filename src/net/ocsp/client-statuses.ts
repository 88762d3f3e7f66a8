import { createHash, type X509Certificate } from "node:crypto"
import type { ClientOcspConfig } from "../../config/model.ts"
import { errorReason } from "../error-reason.ts"
import { isIssuer, issuerOf, sentWith } from "../tls-peer.ts"
import { type Issued, NotGoodError, ocspClient } from "./staple.ts"
import { responderOf, type StapleContext } from "./staples.ts"

/** How long an answer of "revoked" is remembered, and one of "good" at most. */
const REVOKED_MS = 300_000
const GOOD_MS_MAX = 3_600_000
/** Longest chain that is asked after. */
const CHAIN_MAX = 10

export interface ClientStatusesOptions extends Omit<StapleContext, "clock"> {
  readonly config: ClientOcspConfig
  readonly authorities: readonly X509Certificate[]
  /** Certificates whose status is remembered. */
  readonly statusesMax: number
}

/** Nginx's words, as `$ssl_client_verify` has them behind `FAILED:`. */
type Fault = "certificate revoked" | "certificate status request failed"

/** Of the time of day: a clock that was set back behind it makes nothing last longer. */
interface Known {
  readonly fault: Fault | null
  readonly fromMs: number
  readonly untilMs: number
}

/** Asks the authorities of clients' certificates by OCSP whether these have been revoked. nginx: `ssl_ocsp`. */
export class ClientStatuses {
  readonly #options: ClientStatusesOptions
  /** By certificate, the one used longest ago first. */
  readonly #known = new Map<string, Known>()
  /** Asked right now. */
  readonly #asked = new Map<string, Promise<Fault | null>>()

  constructor(options: ClientStatusesOptions) {
    this.#options = options
  }

  /** Null: what has to be good is. What cannot be found out is a fault. Never rejects. */
  async faultOf(leaf: X509Certificate): Promise<Fault | null> {
    const { config, authorities } = this.#options
    const { check } = config
    const sent = sentWith(leaf)
    let certificate = leaf
    for (let depth = 0; depth < CHAIN_MAX && !isIssuer(certificate, certificate); depth++) {
      const issuer = issuerOf(certificate, sent, authorities)
      if (issuer === undefined) return this.#fails("the certificate of an issuer is not there")
      const fault = await this.#statusOf({ leaf: certificate, issuer })
      if (fault !== null || check === "leaf") return fault
      certificate = issuer
    }
    return null
  }

  #statusOf(issued: Issued): Promise<Fault | null> | Fault | null {
    const key = createHash("sha256").update(issued.leaf.raw).digest("base64")
    const known = this.#known.get(key)
    const todayMs = this.#options.todayMs()
    if (known !== undefined && known.fromMs <= todayMs && todayMs < known.untilMs) {
      this.#known.delete(key)
      this.#known.set(key, known)
      return known.fault
    }
    let asked = this.#asked.get(key)
    if (asked === undefined) {
      asked = this.#ask(issued, key).finally(() => this.#asked.delete(key))
      this.#asked.set(key, asked)
    }
    return asked
  }

  async #ask(issued: Issued, key: string): Promise<Fault | null> {
    const { config, messages, todayMs } = this.#options
    const responder = responderOf(issued.leaf, config.responder)
    if (responder === null) return this.#fails("it names no responder of http:")
    try {
      const { ocspRequest, checkStaple } = await messages()
      const der = await ocspClient(responder, ocspRequest(issued), this.#options).getOctets()
      const { nextUpdateMs } = checkStaple(der, issued, todayMs())
      this.#keep(key, null, Math.min(nextUpdateMs, todayMs() + GOOD_MS_MAX))
      return null
    } catch (error) {
      if (!(error instanceof NotGoodError) || !error.isRevoked)
        return this.#fails(errorReason(error as Error))
      this.#keep(key, "certificate revoked", todayMs() + REVOKED_MS)
      return "certificate revoked"
    }
  }

  #keep(key: string, fault: Fault | null, untilMs: number): void {
    this.#known.delete(key)
    this.#known.set(key, { fault, fromMs: this.#options.todayMs(), untilMs })
    if (this.#known.size <= this.#options.statusesMax) return
    this.#known.delete(this.#known.keys().next().value!)
    this.#options.onLimit("ocsp_forgotten")
  }

  #fails(reason: string): Fault {
    this.#options.log.warn("a client is refused: its certificate could not be asked after by OCSP", {
      reason,
    })
    return "certificate status request failed"
  }
}

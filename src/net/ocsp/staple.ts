import type { X509Certificate } from "node:crypto"
import type { Clock, Timer } from "../../base/clock.ts"
import type { Log } from "../../log/logger.ts"
import { errorReason } from "../error-reason.ts"
import { TextClient } from "../text-client.ts"

/** A certificate and the one of the authority that issued it. */
export interface Issued {
  readonly leaf: X509Certificate
  readonly issuer: X509Certificate
}

/** An answer that may be shown to clients. */
export interface CheckedStaple {
  readonly thisUpdateMs: number
  /** No longer than this. */
  readonly nextUpdateMs: number
}

/** A right answer that says something else than good: what was shown until now is wrong from here on. */
export class NotGoodError extends Error {
  readonly isRevoked: boolean

  constructor(message: string, isRevoked: boolean) {
    super(message)
    this.isRevoked = isRevoked
  }
}

/** How responders are asked. */
export interface AskingOptions {
  readonly timeoutMs: number
  readonly octetsMax: number
  onLimit(counter: "ocsp_timeout" | "ocsp_too_large" | "ocsp_forgotten"): void
}

/** One that gets the answer to `request`. The request never changes, so that caches on the way can answer. */
export function ocspClient(
  responder: string,
  request: Buffer,
  { timeoutMs, octetsMax, onLimit }: AskingOptions,
): TextClient {
  // RFC 6960 appendix A.1.
  const path = encodeURIComponent(request.toString("base64"))
  return new TextClient({
    url: `${responder.replace(/\/$/, "")}/${path}`,
    accept: "application/ocsp-response",
    ca: () => undefined,
    timeoutMs,
    octetsMax,
    onTooLong: () => onLimit("ocsp_too_large"),
    onTimeout: () => onLimit("ocsp_timeout"),
  })
}

/** OCSP's questions and answers. Errors: `checkStaple` throws what is wrong with an answer. */
export interface OcspMessages {
  ocspRequest(issued: Issued): Buffer
  checkStaple(der: Buffer, issued: Issued, nowMs: number): CheckedStaple
}

/** nginx's: how long an answer is used before the next is asked for, and how long after one that was of no use. */
const REFRESH_MS = 3_600_000
const AGAIN_MS = 300_000
const SOONEST_MS = 60_000

export interface StapleOptions extends AskingOptions {
  /** For the log. */
  readonly certificate: string
  readonly issued: Issued
  /** Its address, `http:`; null: it comes from `response` alone. */
  readonly responder: string | null
  /** DER, of a file. */
  readonly response: Buffer | null
  readonly clock: Clock
  readonly log: Log
  /** The time of day: answers say until when they hold. */
  todayMs(): number
  messages(): Promise<OcspMessages>
}

/**
 * What clients are shown beside one certificate: that its authority has not revoked it. Handshakes never wait for it; where
 * there is no good answer there is none, as in nginx.
 */
export class Staple {
  readonly #options: StapleOptions
  #client: TextClient | null = null
  #timer: Timer | null = null
  #shown: { readonly der: Buffer; readonly checked: CheckedStaple } | null = null
  #isClosed = false
  #problem = ""

  constructor(options: StapleOptions) {
    this.#options = options
  }

  /** Takes the file, or begins to ask. */
  start(): void {
    const { response, responder } = this.#options
    if (response !== null) void this.#take(response)
    else if (responder !== null) void this.#ask(responder)
  }

  /** DER; null: none that holds now. */
  get current(): Buffer | null {
    if (this.#shown !== null && this.#shown.checked.nextUpdateMs <= this.#options.todayMs())
      this.#shown = null
    return this.#shown?.der ?? null
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#client?.close()
  }

  async #ask(responder: string): Promise<void> {
    const { issued, clock } = this.#options
    let isGood = false
    try {
      const { ocspRequest } = await this.#options.messages()
      this.#client ??= ocspClient(responder, ocspRequest(issued), this.#options)
      isGood = await this.#take(await this.#client.getOctets())
    } catch (error) {
      this.#fails(errorReason(error as Error))
    }
    if (!this.#isClosed)
      this.#timer = clock.after(isGood ? this.#refreshMs() : AGAIN_MS, () => void this.#ask(responder))
  }

  /** Half of the time that is left, an hour at most. */
  #refreshMs(): number {
    const nextUpdateMs = this.#shown?.checked.nextUpdateMs ?? null
    if (nextUpdateMs === null) return REFRESH_MS
    return Math.max(SOONEST_MS, Math.min(REFRESH_MS, (nextUpdateMs - this.#options.todayMs()) / 2))
  }

  async #take(der: Buffer): Promise<boolean> {
    const { issued } = this.#options
    try {
      const { checkStaple } = await this.#options.messages()
      this.#shown = { der, checked: checkStaple(der, issued, this.#options.todayMs()) }
      this.#problem = ""
      return true
    } catch (error) {
      if (error instanceof NotGoodError) this.#shown = null
      this.#fails((error as Error).message)
      return false
    }
  }

  /** The last good answer stays for as long as it holds, unless a newer one says otherwise. The same problem is told once. */
  #fails(reason: string): void {
    const { log, certificate } = this.#options
    if (this.#isClosed || this.#problem === reason) return
    this.#problem = reason
    log.warn("clients are not told by OCSP that a certificate is good", { certificate, reason })
  }
}

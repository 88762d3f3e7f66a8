import { type IncomingMessage, request as requestHttp } from "node:http"
import { request as requestHttps } from "node:https"
import { errorReason } from "./error-reason.ts"
import { refuseUpgrade } from "./refuse-upgrade.ts"

export interface TextClientOptions {
  /** `http:` or `https:`. */
  readonly url: string
  /** The media type that is asked for; JSON unless said. */
  readonly accept?: string
  /** PEM of trusted authorities, read for each request; undefined: those that Node knows. Errors: are the request's. */
  readonly ca: () => string | undefined
  /** For the whole of an answer. */
  readonly timeoutMs: number
  readonly octetsMax: number
  onTooLong(): void
  onTimeout(): void
}

/** Gets one small document, again and again; not for the data plane. Each time on a connection of its own. */
export class TextClient {
  readonly #options: TextClientOptions
  readonly #closing = new AbortController()

  constructor(options: TextClientOptions) {
    this.#options = options
  }

  /** Errors: rejects with one sentence. */
  async get(): Promise<string> {
    return (await this.getOctets()).toString("utf8")
  }

  /** As `get`. */
  async getOctets(): Promise<Buffer> {
    const { timeoutMs } = this.#options
    const late = AbortSignal.timeout(timeoutMs)
    try {
      return await this.#collect(await this.#send(AbortSignal.any([late, this.#closing.signal])))
    } catch (error) {
      if (!late.aborted) throw error
      this.#options.onTimeout()
      throw new Error(`no whole answer came within ${timeoutMs} ms`, { cause: error })
    }
  }

  close(): void {
    this.#closing.abort()
  }

  #send(signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(this.#options.url)
    const ca = this.#options.ca()
    const send = url.protocol === "https:" ? requestHttps : requestHttp
    return new Promise((resolve, reject) => {
      const headers = { accept: this.#options.accept ?? "application/json" }
      const request = send(url, { signal, agent: false, headers, ...(ca !== undefined && { ca }) }, resolve)
      refuseUpgrade(request)
      request.on("error", (error) => reject(new Error(errorReason(error))))
      request.end()
    })
  }

  async #collect(response: IncomingMessage): Promise<Buffer> {
    const { octetsMax, onTooLong } = this.#options
    const { statusCode: status = 0 } = response
    if (status !== 200) {
      response.destroy()
      throw new Error(`it answered ${status}`)
    }
    const chunks: Buffer[] = []
    let octets = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      octets += chunk.length
      if (octets > octetsMax) {
        onTooLong()
        throw new Error(`the answer has more than ${octetsMax} octets`)
      }
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }
}

import { Agent, type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http"
import { request as requestHttps, Agent as TlsAgent } from "node:https"
import { errorReason } from "./error-reason.ts"
import { refuseUpgrade } from "./refuse-upgrade.ts"

/** How a control plane's API is reached: etcd's, Consul's, Kubernetes'. */
export interface JsonClientOptions {
  /** `https://host:port`, without a path. */
  readonly baseUrl: string
  /** Asked for each request, since certificates are renewed. Errors: what it throws is the request's. */
  readonly tls?: () => ApiTls
  /** Of every request; asked each time, since tokens change. */
  readonly headers?: () => Readonly<Record<string, string>>
}

export interface ApiTls {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly serverName?: string | undefined
  /** Default: true. */
  readonly verify?: boolean | undefined
}

export interface JsonRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH"
  /** With its query. */
  readonly path: string
  readonly body?: unknown
  /** Of the body. Default: `application/json`. */
  readonly contentType?: string
  /** Silence after which it is given up. */
  readonly timeoutMs: number
}

export interface JsonAnswer {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly body: unknown
}

/** An answer that was not to be used. `status` 0: there was none. */
export class JsonError extends Error {
  readonly status: number
  readonly retryAfterMs: number | null

  constructor(message: string, status = 0, retryAfterMs: number | null = null) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** A list of 100,000 endpoints is some 30 MB. */
const ANSWER_OCTETS_MAX = 64 * 1024 * 1024
const LINE_OCTETS_MAX = 4 * 1024 * 1024

/**
 * JSON over HTTP/1.1 for control planes: whole answers, and streams of one JSON text a line. Bounded in octets and in
 * silence; not for the data plane.
 */
export class JsonClient {
  readonly #options: JsonClientOptions
  readonly #url: URL
  #agent: Agent | null = null
  /** The TLS settings that the agent's connections have. */
  #tlsText = ""

  constructor(options: JsonClientOptions) {
    this.#options = options
    this.#url = new URL(options.baseUrl)
  }

  /** Errors: `JsonError` with one sentence, of any status but 2xx too. */
  async ask(request: JsonRequest, signal: AbortSignal): Promise<JsonAnswer> {
    const response = await this.#send(request, signal)
    const octets = await collect(response, ANSWER_OCTETS_MAX)
    const { statusCode: status = 0, headers } = response
    if (status < 200 || status > 299) throw refusal(status, headers, octets.toString("utf8", 0, 200))
    try {
      return { status, headers, body: JSON.parse(octets.toString()) as unknown }
    } catch {
      throw new JsonError(`the answer is not JSON: "${octets.toString("utf8", 0, 40)}"`, status)
    }
  }

  /**
   * Calls `onLine` with each line's JSON, as it comes, until the answer ends. Errors: as `ask`, and when what `onLine`
   * throws.
   */
  async follow(
    request: JsonRequest,
    signal: AbortSignal,
    onLine: (line: unknown) => void,
    onOpen: () => void = () => {},
  ): Promise<void> {
    const response = await this.#send(request, signal)
    const { statusCode: status = 0, headers } = response
    if (status !== 200)
      throw refusal(status, headers, (await collect(response, 4096)).toString("utf8", 0, 200))
    onOpen()
    let rest: Buffer[] = []
    let held = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      let from = 0
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
        const line = Buffer.concat([...rest, chunk.subarray(from, end)])
        rest = []
        held = 0
        from = end + 1
        if (line.length > 0) onLine(parseLine(line))
      }
      held += chunk.length - from
      if (held > LINE_OCTETS_MAX) throw new JsonError(`a line of more than ${LINE_OCTETS_MAX} octets`, status)
      if (from < chunk.length) rest.push(chunk.subarray(from))
    }
  }

  close(): void {
    this.#agent?.destroy()
  }

  /** Another one when the certificates are others. */
  #agentNow(): Agent {
    const isTls = this.#url.protocol === "https:"
    const tls = isTls ? (this.#options.tls?.() ?? {}) : {}
    const text = JSON.stringify(tls)
    if (this.#agent !== null && text === this.#tlsText) return this.#agent
    this.#agent?.destroy()
    this.#tlsText = text
    const { ca, cert, key, serverName: servername, verify: rejectUnauthorized = true } = tls
    const given = Object.entries({ ca, cert, key, servername }).filter(([, value]) => value !== undefined)
    this.#agent = isTls
      ? new TlsAgent({ keepAlive: true, rejectUnauthorized, ...Object.fromEntries(given) })
      : new Agent({ keepAlive: true })
    return this.#agent
  }

  async #send(
    { method, path, body, contentType = "application/json", timeoutMs }: JsonRequest,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const text = body === undefined ? null : Buffer.from(JSON.stringify(body))
    const options: RequestOptions = {
      method,
      path,
      host: this.#url.hostname.replace(/^\[|\]$/g, ""),
      port: this.#url.port || (this.#url.protocol === "https:" ? 443 : 80),
      agent: this.#agentNow(),
      signal,
      timeout: timeoutMs,
      headers: {
        accept: "application/json",
        ...(text !== null && { "content-type": contentType, "content-length": text.length }),
        ...this.#options.headers?.(),
      },
    }
    return new Promise((resolve, reject) => {
      const send = this.#url.protocol === "https:" ? requestHttps : requestHttp
      const request = send(options, (response) => resolve(response))
      refuseUpgrade(request)
      request.on("timeout", () =>
        request.destroy(new JsonError(`${this.#url.host} said nothing for ${timeoutMs} ms`)),
      )
      request.on("error", (error) =>
        reject(
          error instanceof JsonError ? error : new JsonError(`${this.#url.host}: ${errorReason(error)}`),
        ),
      )
      request.end(text)
    })
  }
}

async function collect(response: IncomingMessage, octetsMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let octets = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      octets += chunk.length
      if (octets > octetsMax) throw new JsonError(`the answer has more than ${octetsMax} octets`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof JsonError
      ? error
      : new JsonError(`the answer broke off: ${errorReason(error as Error)}`)
  }
  return Buffer.concat(chunks)
}

function refusal(status: number, headers: IncomingMessage["headers"], text: string): JsonError {
  const seconds = Number(headers["retry-after"])
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null
  const words = text.replace(/\s+/g, " ").trim()
  return new JsonError(`answered ${status}${words === "" ? "" : `: ${words}`}`, status, retryAfterMs)
}

function parseLine(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString()) as unknown
  } catch {
    throw new JsonError(`a line is not JSON: "${line.toString("utf8", 0, 40)}"`)
  }
}

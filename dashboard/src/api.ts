import type { StreamDetail } from "../../src/balancer/live/stream-row.ts"
import type { AdminEvent, Clusters, Events, Status, Streams } from "../../src/control/admin/schema.ts"

export type { AdminEvent, Events, Status, StreamDetail, Streams }
export type Stream = Streams["streams"][number]
export type Cluster = Clusters["clusters"][number]
export type Endpoint = Cluster["endpoints"][number]

/** What became of an order. */
export interface OrderAnswer {
  readonly message: string
}

/** The admin API refused, or could not be reached (status 0): one line for people. */
export class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/** Whether the answer, or the rest of it, did not come in time. */
export function isTimeout(error: unknown): boolean {
  const cause = error instanceof ApiError ? error.cause : error
  return cause instanceof Error && cause.name === "TimeoutError"
}

export const TIMEOUT_MS = 10_000
const TOKEN_KEY = "sluice-admin-token"

/** The admin API that served this page. The token is kept for as long as its tab. */
export class Api {
  #token = readToken()

  get token(): string | null {
    return this.#token
  }

  set token(token: string | null) {
    this.#token = token
    try {
      if (token === null) sessionStorage.removeItem(TOKEN_KEY)
      else sessionStorage.setItem(TOKEN_KEY, token)
    } catch {
      // Storage is denied: it lasts as long as the page.
    }
  }

  async json<T>(path: string): Promise<T> {
    return (await ask(path, this.#token)).json() as Promise<T>
  }

  async text(path: string): Promise<string> {
    return (await ask(path, this.#token)).text()
  }

  async order(path: string, body: object = {}): Promise<OrderAnswer> {
    const init = {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    }
    return (await ask(path, this.#token, init)).json() as Promise<OrderAnswer>
  }
}

/** Errors: throws ApiError. */
export async function ask(path: string, token: string | null, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (token !== null) headers.set("authorization", `Bearer ${token}`)
  let response: Response
  try {
    response = await fetch(path, { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (error) {
    throw new ApiError(0, (error as Error).message, { cause: error })
  }
  if (response.ok) return response
  const text = await response.text()
  throw new ApiError(response.status, errorOf(text) ?? `${response.status} ${response.statusText}`)
}

function errorOf(text: string): string | null {
  try {
    return (JSON.parse(text) as { error?: string }).error ?? null
  } catch {
    return null
  }
}

function readToken(): string | null {
  try {
    return sessionStorage.getItem(TOKEN_KEY)
  } catch {
    return null
  }
}

import type { z } from "zod"
import type { Openness } from "./access.ts"

/** A request as routes see it: checked already. */
export interface AdminRequest {
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: unknown
  /** The header, in small letters; undefined: not sent. */
  header(name: string): string | undefined
  /** For the log: `127.0.0.1:4711`, `unix`. */
  readonly asker: string
}

export type AdminAnswer =
  | { readonly status?: number; readonly json: unknown }
  | {
      readonly status?: number
      readonly text: string | Uint8Array
      readonly contentType: string
      readonly headers?: Record<string, string>
    }
  /** Text that goes on until the client leaves: `start` returns what ends it. */
  | { readonly contentType: string; start(write: (text: string) => void): () => void }

/** A request that cannot be answered as it is: one line for people. */
export class AdminError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** One row of the API: what the server does, and what the OpenAPI document says of it. */
export interface AdminRoute {
  readonly method: "GET" | "POST"
  /** `/streams/{id}` */
  readonly path: string
  readonly summary: string
  /** Default: guarded. */
  readonly openness?: Openness
  /** Parameters of the query, each with what it is. */
  readonly query?: Readonly<Record<string, string>>
  readonly body?: z.ZodType
  /** Its answers may be megabytes: they are made a few at once. */
  readonly isLong?: boolean
  /**
   * Its answers may be megabytes, and who asks while one is made has the same: there must be room for them, and no turn.
   */
  readonly isLarge?: boolean
  /** A shape of JSON; or another type of content. */
  readonly answer: z.ZodType | { readonly contentType: string; readonly description: string }
  handle(request: AdminRequest): AdminAnswer | Promise<AdminAnswer>
}

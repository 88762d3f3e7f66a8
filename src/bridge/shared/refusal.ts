/** A request that is refused, and with which HTTP status. */
export interface Refusal {
  readonly status: number
  /** One sentence for the client. */
  readonly reason: string
}

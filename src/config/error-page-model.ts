/** nginx: `error_page 502 503 =200 /50x.html`. */
export interface ErrorPageConfig {
  /** From 300 to 599, and nginx's own 494 to 497. */
  httpStatuses: number[]
  /** Of the answer: null is the error's own, `target` what the target answers with. nginx: `=N`, `=`. */
  status: number | "target" | null
  /** A template: a path or `@name` of the same server, or an address that the client is sent to. */
  target: string
}

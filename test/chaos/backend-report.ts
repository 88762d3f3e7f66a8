/** What a backend tells of itself, again and again. */
export interface BackendReport {
  /** Keys of the streams that sent it their first message since the last report. */
  seen: number[]
  /** Messages that came wrong, doubled or not at all since then, and the first of them in words. */
  failures: number
  first: string
}

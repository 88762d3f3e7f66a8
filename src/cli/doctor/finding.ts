/** What a look at a backend has found. `trap`: calls fail, or will; `warning`: worth a thought; `fine`: as it should be. */
export interface Finding {
  readonly severity: "trap" | "warning" | "fine"
  /** Short and the same for all of its kind: `h2`, `alpn`, `stream-limit`. */
  readonly about: string
  readonly message: string
  /** What to do about it; null: nothing. */
  readonly hint: string | null
}

export const fine = (about: string, message: string): Finding => {
  return { severity: "fine", about, message, hint: null }
}
export const trap = (about: string, message: string, hint: string | null = null): Finding => ({
  severity: "trap",
  about,
  message,
  hint,
})
export const warning = (about: string, message: string, hint: string | null = null): Finding => ({
  severity: "warning",
  about,
  message,
  hint,
})

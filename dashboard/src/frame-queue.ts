/** So long after the last step of scrolling the page is still again. */
const STILL_MS = 150
/** However long is scrolled, nothing waits longer. */
const HELD_MS_MAX = 2000
/** What is drawn within one frame takes so long at most, but for a piece that takes longer by itself. */
const BUDGET_MS = 4

/** Draws a piece; where it gives true there is more of it. */
export type Piece = () => unknown

/** What a page gives: its clock, its frames and a timer. */
export interface FrameSource {
  nowMs(): number
  frame(call: () => void): void
  after(ms: number, call: () => void): void
}

/**
 * What is drawn again and again is drawn in turn, a few milliseconds a frame, so that no frame is missed for it; while the
 * reader scrolls it waits. Of each `key` the last piece counts: it is bounded by what there is to draw.
 */
export class FrameQueue {
  readonly #source: FrameSource
  readonly #pieces = new Map<unknown, Piece>()
  #scrolledMs = Number.NEGATIVE_INFINITY
  #heldMs: number | null = null
  #isArmed = false

  constructor(source: FrameSource) {
    this.#source = source
  }

  get isScrolling(): boolean {
    return this.#source.nowMs() - this.#scrolledMs < STILL_MS
  }

  /** The reader has scrolled by one step. */
  scrolled(): void {
    this.#scrolledMs = this.#source.nowMs()
  }

  post(key: unknown, piece: Piece): void {
    this.#pieces.set(key, piece)
    this.#arm()
  }

  drop(key: unknown): void {
    this.#pieces.delete(key)
  }

  #arm(): void {
    if (this.#isArmed || this.#pieces.size === 0) return
    this.#isArmed = true
    const nowMs = this.#source.nowMs()
    if (!this.isScrolling) this.#heldMs = null
    else this.#heldMs ??= nowMs
    const isHeld = this.#heldMs !== null && nowMs - this.#heldMs < HELD_MS_MAX
    if (isHeld) this.#source.after(STILL_MS, () => this.#again())
    else this.#source.frame(() => this.#draw())
  }

  #again(): void {
    this.#isArmed = false
    this.#arm()
  }

  #draw(): void {
    const begunMs = this.#source.nowMs()
    // A piece that fails keeps no other from its turn.
    try {
      for (const [key, piece] of this.#pieces) {
        this.#pieces.delete(key)
        // Behind those that wait.
        if (piece() === true && !this.#pieces.has(key)) this.#pieces.set(key, piece)
        if (this.#source.nowMs() - begunMs >= BUDGET_MS) break
      }
    } finally {
      // What was held has been drawn: what comes while it is scrolled on waits anew.
      if (this.#pieces.size === 0) this.#heldMs = null
      this.#again()
    }
  }
}

/** The page's own. */
export const frames = new FrameQueue({
  nowMs: () => performance.now(),
  frame: (call) => requestAnimationFrame(call),
  after: (ms, call) => setTimeout(call, ms),
})

/** Of the page as a whole: its rows tell of their own, which not only the reader scrolls. */
export function watchScrolling(): void {
  document.addEventListener("scroll", () => frames.scrolled(), { passive: true })
}

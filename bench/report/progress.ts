const WIDTH = 24

/** One line on a terminal that says what is under way, how far all is and how long it may take yet. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #steps: number
  readonly #startMs = Date.now()
  #done = 0

  constructor(stream: NodeJS.WriteStream, steps: number) {
    this.#stream = stream
    this.#steps = steps
  }

  /** A step begins. */
  step(what: string): void {
    if (this.#stream.isTTY)
      this.#stream.write(`\r\x1b[2K${progressLine(what, this.#done, this.#steps, this.#elapsed)}`)
    this.#done++
  }

  /** Clears the line, so that something else can be printed. */
  clear(): void {
    if (this.#stream.isTTY) this.#stream.write("\r\x1b[2K")
  }

  get #elapsed(): number {
    return (Date.now() - this.#startMs) / 1000
  }
}

export function progressLine(what: string, done: number, steps: number, elapsedSeconds: number): string {
  const share = steps === 0 ? 1 : Math.min(1, done / steps)
  const full = Math.round(share * WIDTH)
  const bar = "█".repeat(full) + "░".repeat(WIDTH - full)
  const left = done === 0 ? "" : `, ${duration((elapsedSeconds / done) * (steps - done))} left`
  return `${bar} ${Math.round(share * 100)} %${left}  ${what}`
}

function duration(seconds: number): string {
  return seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`
}

/** Lines written so far, and a way to wait for one without a clock. */
export class LogBook {
  readonly lines: string[] = []
  readonly write = (line: string): void => {
    this.lines.push(line)
    this.#waiting = this.#waiting.filter(({ matches, resolve }) => !(matches(line) && resolve(line)))
  }
  #waiting: { matches: (line: string) => boolean; resolve: (line: string) => true }[] = []

  /** The first line, past or to come, that holds `text`. */
  line(text: string): Promise<string> {
    const matches = (line: string) => line.includes(text)
    const past = this.lines.find(matches)
    if (past !== undefined) return Promise.resolve(past)
    return new Promise((settle) => {
      const resolve = (line: string): true => {
        settle(line)
        return true
      }
      this.#waiting.push({ matches, resolve })
    })
  }
}

import type { LogFileSystem } from "../../src/log/log-file.ts"

/** A disk for log files that is as slow, full or broken as the test wants it. Writes end when `settle` is called. */
export class MemoryDisk implements LogFileSystem {
  /** Path to content, latin1. A path opened anew after `rotate` starts empty. */
  readonly files = new Map<string, string>()
  /** What the next writes answer: an error code, or how many octets they take at most. */
  readonly answers: (string | number)[] = []
  readonly openFds = new Map<number, string>()
  openError: string | null = null
  #waiting: (() => void)[] = []
  #nextFd = 100

  open(path: string): number {
    if (this.openError !== null) throw Object.assign(new Error("open"), { code: this.openError })
    if (!this.files.has(path)) this.files.set(path, "")
    this.openFds.set(++this.#nextFd, path)
    return this.#nextFd
  }

  write(
    fd: number,
    data: Buffer,
    offset: number,
    done: (error: NodeJS.ErrnoException | null, written: number) => void,
  ): void {
    this.#waiting.push(() => {
      const answer = this.answers.shift() ?? data.length
      if (typeof answer === "string") return done(Object.assign(new Error(answer), { code: answer }), 0)
      const end = Math.min(data.length, offset + answer)
      this.#append(fd, data.subarray(offset, end))
      done(null, end - offset)
    })
  }

  writeSync(fd: number, data: Buffer): void {
    this.#append(fd, data)
  }

  close(fd: number): void {
    if (!this.openFds.delete(fd)) throw new Error(`fd ${fd} is not open`)
  }

  /** Ends the writes under way, and those they lead to. Returns how many there were. */
  settle(): number {
    let count = 0
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next()
      count++
    }
    return count
  }

  get writesOpen(): number {
    return this.#waiting.length
  }

  /** What logrotate does: the open file keeps its content under another name. */
  rotate(path: string, to: string): void {
    this.files.set(to, this.files.get(path)!)
    this.files.delete(path)
    for (const [fd, name] of this.openFds) if (name === path) this.openFds.set(fd, to)
  }

  #append(fd: number, data: Buffer): void {
    const path = this.openFds.get(fd)
    if (path === undefined) throw new Error(`fd ${fd} is not open`)
    this.files.set(path, this.files.get(path)! + data.toString("latin1"))
  }
}

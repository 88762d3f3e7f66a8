/**
 * A file that lines are appended to: batched, bounded, re-openable, and never in anyone's way.
 *
 * One write is under way at a time; lines that come meanwhile are the next batch. When the disk is too slow or fails,
 * lines are dropped and counted; that is reported once, and once more when it is over.
 */
import { closeSync, existsSync, openSync, write, writeSync } from "node:fs"
import { dirname } from "node:path"
import type { Clock, Timer } from "../base/clock.ts"
import { OctetBuffer } from "../base/octet-buffer.ts"

/** The calls made on the system, so that tests can hand in a slow or a broken disk. */
export interface LogFileSystem {
  /** Opens for appending, creating the file; throws what `node:fs` throws. */
  open(path: string): number
  write(
    fd: number,
    data: Buffer,
    offset: number,
    done: (error: NodeJS.ErrnoException | null, written: number) => void,
  ): void
  writeSync(fd: number, data: Buffer): void
  close(fd: number): void
}

export const systemFiles: LogFileSystem = {
  open: (path) => openSync(path, "a", 0o644),
  write: (fd, data, offset, done) => write(fd, data, offset, data.length - offset, null, done),
  writeSync(fd, data) {
    for (let at = 0; at < data.length; ) at += writeSync(fd, data, at)
  },
  close: closeSync,
}

export interface LogFileOptions {
  /** `/dev/stdout`, `/dev/stderr` and `stderr` are the process's own. */
  path: string
  /** What it is, for messages: `access log`. */
  purpose: string
  clock: Clock
  files?: LogFileSystem
  /** `latin1` for lines of octet strings. */
  encoding: "latin1" | "utf8"
  /** Octets that may wait before a write starts. 0: written soon, with the other lines of some milliseconds. */
  bufferOctets: number
  /** Longest wait of a line, in milliseconds. Null: until the buffer is full. Not used when that is 0. */
  flushMs: number | null
  /** Octets kept in all while the disk lags. */
  pendingOctets?: number
  report(severity: "error" | "info", message: string): void
}

/**
 * Lines without `buffer=` wait so long for others: too short to be seen in a log that is watched, and a write every
 * millisecond, which is a thread woken and a turn of the event loop, was a tenth of a unary call.
 */
const LINGER_MS = 10
/** About a second of lines at full load; more would only hide a disk that cannot keep up. */
export const PENDING_OCTETS = 4 * 1024 * 1024
/** After a failed write the next is tried no sooner. */
const RETRY_MS = 1_000
/** A full pipe is tried again this often, and on closing this many times. */
const FULL_PIPE_MS = 10
const FULL_PIPE_TRIES = 100
const NEWLINE = 0x0a

/** A log that cannot be opened: says which and why, for people. */
export class LogFileError extends Error {
  override readonly name = "LogFileError"
  readonly path: string
  readonly code: string

  constructor(purpose: string, path: string, cause: NodeJS.ErrnoException) {
    super(`cannot open the ${purpose} ${path}: ${reasonOf(path, cause)}`, { cause })
    this.path = path
    this.code = cause.code ?? "UNKNOWN"
  }
}

function reasonOf(path: string, { code, message }: NodeJS.ErrnoException): string {
  const directory = dirname(path)
  if (code === "ENOENT" && !existsSync(directory))
    return `the directory ${directory} does not exist; create it or name another file`
  if (code === "EACCES" || code === "EPERM") return "permission denied"
  if (code === "EISDIR") return "it is a directory"
  return code ?? message
}

/** Lines under way to the file, and the buffer they lie in. */
interface Batch {
  taken: OctetBuffer
  octets: Buffer
  lines: number
}

export class LogFile {
  readonly path: string
  /** Lines that reached the file. */
  written = 0
  /** Lines that were given up. */
  dropped = 0
  readonly #options: LogFileOptions
  readonly #files: LogFileSystem
  readonly #pendingLimit: number
  #fd: number
  #pending = new OctetBuffer()
  #pendingLines = 0
  /** Takes the place of `#pending` when that is written. */
  #spare: OctetBuffer | null = null
  #writing = false
  /** What a full pipe did not take, until it is tried again. */
  #stalled: { batch: Batch; offset: number; timer: Timer } | null = null
  #timer: Timer | null = null
  /** The last failed write ended within a line. */
  #torn = false
  /** Lines dropped since trouble was reported; -1: no trouble. */
  #lost = -1
  #reopening: (() => void)[] = []
  #closing: (() => void)[] = []
  #closed = false

  /** Errors: throws LogFileError. */
  constructor(options: LogFileOptions) {
    this.#options = options
    this.#files = options.files ?? systemFiles
    this.#pendingLimit = options.pendingOctets ?? PENDING_OCTETS
    this.path = options.path
    this.#fd = this.#open()
  }

  /** Takes a line without its newline. Never waits, never throws. */
  append(line: string): void {
    const isLatin1 = this.#options.encoding === "latin1"
    this.appendBy((out) => (isLatin1 ? out.text(line) : out.utf8(line)))
  }

  /** The same of a line that `write` puts into the buffer. What that throws is thrown, and nothing of the line stays. */
  appendBy(write: (out: OctetBuffer) => void): void {
    if (this.#closed) return this.#drop(1, "is closed")
    const pending = this.#pending
    const { length } = pending
    let isWhole = false
    try {
      write(pending)
      isWhole = pending.length < this.#pendingLimit
    } finally {
      if (!isWhole) pending.length = length
    }
    if (!isWhole) return this.#drop(1, "is slower than lines come")
    pending.octet(NEWLINE)
    this.#pendingLines++
    if (!this.#writing) this.#schedule()
  }

  /** Lets another user of the file have its lines sooner. */
  tighten(bufferOctets: number, flushMs: number | null): void {
    const options = this.#options
    options.bufferOctets = Math.min(options.bufferOctets, bufferOctets)
    if (flushMs !== null) options.flushMs = Math.min(options.flushMs ?? flushMs, flushMs)
  }

  /** Opens the path anew, after a rotation. When that fails the old file stays in use and the failure is reported. */
  reopen(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve()
      this.#reopening.push(resolve)
      if (!this.#writing) this.#next()
    })
  }

  /** Writes what waits and closes. Resolves also when the disk fails: what is lost is counted. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve()
      this.#closing.push(resolve)
      if (!this.#writing) this.#next()
    })
  }

  /** Writes what waits at once, for a process about to end. Lines of a write under way may come out of order. */
  flushSync(): void {
    if (this.#closed) return
    if (this.#stalled !== null) {
      const { batch, offset, timer } = this.#stalled
      this.#stalled = null
      timer.cancel()
      this.#writing = false
      this.#torn = !this.#writeSync(batch.octets.subarray(offset), batch.lines) && offset > 0
      this.#recycle(batch.taken)
    }
    const lines = this.#pendingLines
    if (lines === 0) return
    const taken = this.#take()
    this.#writeSync(this.#whole(taken.octets), lines)
    this.#recycle(taken)
  }

  /** False: nothing of it, or not all, was taken. */
  #writeSync(octets: Buffer, lines: number): boolean {
    try {
      this.#files.writeSync(this.#fd, octets)
      this.written += lines
      return true
    } catch {
      this.dropped += lines
      return false
    }
  }

  #open(): number {
    const fd = standardStream(this.path)
    if (fd !== null) return fd
    try {
      return this.#files.open(this.path)
    } catch (error) {
      throw new LogFileError(this.#options.purpose, this.path, error as NodeJS.ErrnoException)
    }
  }

  #schedule(): void {
    const { bufferOctets, flushMs, clock } = this.#options
    if (bufferOctets > 0 && this.#pending.length >= bufferOctets) this.#next()
    else if (this.#timer === null && (bufferOctets === 0 || flushMs !== null)) {
      this.#timer = clock.after(bufferOctets === 0 ? LINGER_MS : flushMs!, () => {
        this.#timer = null
        if (!this.#writing) this.#next()
      })
    }
  }

  /** What comes after a write, or instead of waiting for one. Never while one is under way. */
  #next(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#reopening.length > 0) this.#reopenNow()
    if (this.#pendingLines > 0) this.#write()
    else if (this.#closing.length > 0) this.#closeNow()
  }

  #take(): OctetBuffer {
    const taken = this.#pending
    this.#pending = this.#spare ?? new OctetBuffer()
    this.#spare = null
    this.#pendingLines = 0
    return taken
  }

  #recycle(taken: OctetBuffer): void {
    taken.clear()
    this.#spare ??= taken
  }

  #write(): void {
    this.#writing = true
    const lines = this.#pendingLines
    const taken = this.#take()
    this.#writeFrom({ taken, octets: this.#whole(taken.octets), lines }, 0, 0)
  }

  /** Ends the line that a failed write left open. */
  #whole(octets: Buffer): Buffer {
    if (!this.#torn) return octets
    this.#torn = false
    return Buffer.concat([Buffer.of(NEWLINE), octets])
  }

  #writeFrom(batch: Batch, offset: number, fullPipeTries: number): void {
    const { taken, octets, lines } = batch
    this.#files.write(this.#fd, octets, offset, (error, written) => {
      if (error !== null) return this.#failed(error, batch, offset, fullPipeTries)
      const end = offset + written
      if (end < octets.length) return this.#writeFrom(batch, end, 0)
      this.#recycle(taken)
      this.#wrote(lines)
    })
  }

  #wrote(lines: number): void {
    this.written += lines
    this.#writing = false
    if (this.#lost >= 0) {
      this.#options.report("info", `${this.#name} is written again; ${this.#lost} lines were lost`)
      this.#lost = -1
    }
    if (this.#reopening.length > 0 || this.#closing.length > 0) this.#next()
    else if (this.#pendingLines > 0) this.#schedule()
  }

  #failed(error: NodeJS.ErrnoException, batch: Batch, offset: number, fullPipeTries: number): void {
    const { taken, octets, lines } = batch
    const tries = this.#closing.length === 0 ? 0 : fullPipeTries + 1
    if (error.code === "EAGAIN" && tries <= FULL_PIPE_TRIES) {
      const timer = this.#options.clock.after(FULL_PIPE_MS, () => {
        this.#stalled = null
        this.#writeFrom(batch, offset, tries)
      })
      this.#stalled = { batch, offset, timer }
      return
    }
    this.#torn = octets[offset - 1] !== NEWLINE && (offset > 0 || octets[0] === NEWLINE)
    this.#recycle(taken)
    this.#drop(lines, `cannot be written (${error.code ?? error.message})`)
    if (this.#closing.length > 0) {
      this.#drop(this.#pendingLines, "was closed")
      this.#closeNow()
      return
    }
    this.#options.clock.after(this.#reopening.length > 0 ? 0 : RETRY_MS, () => {
      this.#writing = false
      this.#next()
    })
  }

  #drop(lines: number, why: string): void {
    this.dropped += lines
    if (this.#closed) return
    if (this.#lost < 0) {
      this.#lost = 0
      this.#options.report("error", `${this.#name} ${why}: lines are being dropped`)
    }
    this.#lost += lines
  }

  #reopenNow(): void {
    const old = this.#fd
    try {
      this.#fd = this.#open()
      if (standardStream(this.path) === null) this.#files.close(old)
    } catch (error) {
      this.#options.report("error", `${(error as Error).message}; the file opened before stays in use`)
    }
    for (const done of this.#reopening.splice(0)) done()
  }

  #closeNow(): void {
    this.#closed = true
    if (standardStream(this.path) === null) this.#files.close(this.#fd)
    for (const done of [...this.#reopening.splice(0), ...this.#closing.splice(0)]) done()
  }

  get #name(): string {
    return `${this.#options.purpose} ${this.path}`
  }
}

/** Not opened by path: `/dev/stdout` cannot be when it is a socket, and must not be truncated or closed. */
function standardStream(path: string): 1 | 2 | null {
  if (path === "/dev/stdout") return 1
  return path === "/dev/stderr" || path === "stderr" ? 2 : null
}

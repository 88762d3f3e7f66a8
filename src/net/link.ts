import type { Socket } from "node:net"
import type { CachedClock, Timer } from "../base/clock.ts"
import type { Placed } from "../base/roster.ts"
import { type Output, type OutputChunk, recycleChunk } from "../http2/output.ts"
import { errorReason } from "./error-reason.ts"
import type { Flushable, Flusher } from "./flusher.ts"
import { resetSocket } from "./reset-socket.ts"

/** What a link carries octets for: an HTTP/2 connection, or a bridge's. */
export interface LinkUser {
  readonly output: Output
  readonly shouldPauseReading: boolean
  /** Valid during the call only. */
  receive(octets: Buffer, start: number, end: number): void
  /** The peer has ended its side, or the socket broke; `reason` says how. Called once. */
  receiveEnd(reason: string): void
  /** The peer has ended its side of a socket that may be half open. True: it is still written to, and ended from here. */
  receiveHalfClose?(): boolean
  /** The kernel has taken what waited. */
  drained(): void
  /** Nothing is read any more until `shouldPauseReading` is false again. */
  onPaused?(): void
}

/** The keeper of the links. */
export interface LinkOwner {
  /** The user threw; the link ends, and with it whatever state was left half changed. */
  onBug(error: unknown): void
  /** The socket is closed. */
  onClosed(link: Link): void
}

const LINK = Symbol("link")

/** A socket knows its link, so that all of them share their listeners: closures would be 600 octets for each. */
interface LinkedSocket extends Socket {
  [LINK]?: Link
}

function onError(this: LinkedSocket, error: Error): void {
  const { code } = error as NodeJS.ErrnoException
  if (code === "EMFILE" || code === "ENFILE") this[LINK]!.lacksDescriptor = true
  this[LINK]!.ended(errorReason(error))
}

function onEnd(this: LinkedSocket): void {
  this[LINK]!.halfClosed()
}

function onClose(this: LinkedSocket): void {
  this[LINK]!.closed()
}

const NOTHING_WRITTEN: OutputChunk[] = []

/**
 * One socket and its user. Reads go in as they come; the output goes out once per turn, and never while
 * an earlier write waits for the kernel, so all that has gathered meanwhile leaves together.
 */
export class Link implements Flushable, Placed {
  place = -1
  readonly socket: Socket
  /** It could not be opened: the process has too many files open. */
  lacksDescriptor = false
  readonly #flusher: Flusher
  readonly #clock: CachedClock
  readonly #owner: LinkOwner
  #user: LinkUser | null = null
  /** Nothing goes out before a TLS peer has shown who it is. */
  #isHeld = false
  #isWriting = false
  #isScheduled = false
  #isPaused = false
  #isEnding = false
  #isDone = false
  /** The user is being told that the peer has ended. What it has written goes nowhere any more. */
  #isFinishing = false
  #writingOctets = 0
  #writing = NOTHING_WRITTEN
  #deadline: Timer | null = null

  constructor(socket: LinkedSocket, flusher: Flusher, clock: CachedClock, owner: LinkOwner) {
    this.socket = socket
    this.#owner = owner
    this.#flusher = flusher
    this.#clock = clock
    if ((socket as { secureConnecting?: boolean }).secureConnecting === true) this.#hold()
    socket[LINK] = this
    socket.on("error", onError)
    socket.on("end", onEnd)
    socket.on("close", onClose)
  }

  /** Its socket's peer has ended, or the socket broke. */
  ended(reason: string): void {
    this.#finish(reason)
  }

  /** Its socket's peer has ended its side. */
  halfClosed(): void {
    try {
      if (!this.#isDone && this.#user?.receiveHalfClose?.() === true) return
    } catch (error) {
      this.#owner.onBug(error)
      this.destroy()
    }
    this.#finish("the peer closed the connection")
  }

  /** Its socket is closed. */
  closed(): void {
    this.#finish("the connection was closed")
    this.#owner.onClosed(this)
  }

  #hold(): void {
    this.#isHeld = true
    this.socket.once("secureConnect", () => {
      this.#isHeld = false
      this.flush()
    })
  }

  use(user: LinkUser): void {
    this.#user = user
  }

  /** Octets came: `start..end` of `octets`, whose buffer is reused afterwards. */
  received(octets: Buffer, start: number, end: number): void {
    const user = this.#user
    if (user === null || this.#isDone) return
    this.#flusher.reading()
    this.#clock.hold()
    try {
      user.receive(octets, start, end)
    } catch (error) {
      this.#owner.onBug(error)
      this.destroy()
      return
    } finally {
      this.#clock.release()
    }
    if (user.shouldPauseReading && !this.#isPaused) {
      this.#isPaused = true
      user.onPaused?.()
      this.socket.pause()
    }
  }

  /** Connected, and over TLS its handshake done. */
  get isUp(): boolean {
    return !this.#isHeld && !this.socket.connecting
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** The user wants to read again, though nothing was written. */
  resumeReading(): void {
    if (!this.#isPaused || this.socket.destroyed) return
    this.#isPaused = false
    this.socket.resume()
  }

  /** The user's output is no longer empty. */
  schedule(): void {
    if (this.#isScheduled || this.#isWriting) return
    this.#isScheduled = true
    this.#flusher.add(this)
  }

  flush(): void {
    this.#isScheduled = false
    try {
      this.#flush()
    } catch (error) {
      this.#owner.onBug(error)
      this.destroy()
    }
  }

  #flush(): void {
    const user = this.#user
    if (user === null || this.#isHeld || this.#isWriting || this.socket.destroyed) return
    const { output } = user
    if (!output.isEmpty) this.#write(output.take())
    if (this.#isEnding && !this.#isWriting) this.socket.end()
  }

  #write(chunks: OutputChunk[]): void {
    const { socket } = this
    this.#isWriting = true
    this.#writing = chunks
    this.#writingOctets = 0
    if (chunks.length > 1) socket.cork()
    for (let i = 0; i < chunks.length; i++) {
      const { buffer, length } = chunks[i]!
      this.#writingOctets += length
      const octets = length === buffer.length ? buffer : buffer.subarray(0, length)
      if (i === chunks.length - 1) socket.write(octets, this.#written)
      else socket.write(octets)
    }
    if (chunks.length > 1) socket.uncork()
  }

  readonly #written = (): void => {
    this.#isWriting = false
    const user = this.#user
    for (const chunk of this.#writing) recycleChunk(chunk.buffer)
    this.#writing = NOTHING_WRITTEN
    if (user === null) return
    user.output.sent(this.#writingOctets)
    if (this.socket.destroyed) return
    try {
      user.drained()
    } catch (error) {
      this.#owner.onBug(error)
      this.destroy()
      return
    }
    if (this.#isPaused && !user.shouldPauseReading) {
      this.#isPaused = false
      this.socket.resume()
    }
    if (!user.output.isEmpty) this.schedule()
    else if (this.#isEnding) this.socket.end()
  }

  /** Writes what is in the output, then closes. A peer that has not read it within `graceMs` is not waited for. */
  end(graceMs: number, onTimeout: () => void = () => {}): void {
    if (this.#isEnding) return
    this.#isEnding = true
    if (this.#isFinishing) return
    if (this.#isHeld) return this.destroy()
    this.schedule()
    this.#deadline = this.#clock.after(graceMs, () => {
      onTimeout()
      this.destroy()
    })
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** As `resetSocket`. */
  reset(): void {
    resetSocket(this.socket)
  }

  #finish(reason: string): void {
    if (!this.#isDone) {
      this.#isDone = true
      this.#isFinishing = true
      try {
        this.#user?.receiveEnd(reason)
      } catch (error) {
        this.#owner.onBug(error)
        this.destroy()
      }
      this.#isFinishing = false
    }
    if (this.#isEnding || this.socket.destroyed) {
      this.#deadline?.cancel()
      this.socket.destroy()
    }
  }
}

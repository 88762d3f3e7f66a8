import type { HeldOctets } from "../../relay/overload/held-octets.ts"
import type { Translation } from "../json/translation.ts"
import type { ValueCounter } from "../json/value-counter.ts"
import { type DecompressFault, decompress } from "./decompress.ts"
import type { Job } from "./message-work.ts"

/** Looking costs so much less than translating. */
const COUNTED_PER_OCTET = 4

/** How one message came out. */
export interface Translated {
  /** The message, decompressed. */
  readonly plain: Buffer
  /** What it became; null for a fault. */
  readonly result: Buffer | null
  /** Why it could not be decompressed or translated. */
  readonly fault: DecompressFault | Error | null
  readonly unknownField: string | null
}

export interface PipeJobOptions {
  message: Buffer
  /** Null: it is not compressed. */
  encoding: string | null
  maxOctets: number
  translate: ((message: Buffer) => Translation) | null
  /** Looks at a message before it is translated, as it comes; null: there is nothing to see. */
  counter: ValueCounter | null
  held: HeldOctets
  guard: <Given extends unknown[]>(run: (...given: Given) => void) => (...given: Given) => void
  onOver: (translated: Translated) => void
}

/** One large message on its way through `MessageWork`: decompressed on another thread, then translated in slices. */
export class PipeJob implements Job {
  readonly #options: PipeJobOptions
  #plain: Buffer
  #translation: Translation | null = null
  /** What of `held` is this job's. */
  #octets = 0
  #isOver = false
  #stopDecompressing: (() => void) | null = null
  /** How far the message has been looked at. */
  #counted = 0

  constructor(options: PipeJobOptions) {
    this.#options = options
    this.#plain = options.message
    this.#hold(options.message.length)
  }

  prepare(ready: () => void): void {
    const { encoding, maxOctets, message, guard } = this.#options
    if (encoding === null) return ready()
    this.#stopDecompressing = decompress(encoding, message, maxOctets, {
      onChunk: guard((chunk: Buffer) => this.#grow(chunk, ready)),
      onDone: guard((result: Buffer | DecompressFault) => {
        if (this.#isOver) return
        if (typeof result === "string") this.#end(null, result)
        else {
          this.#plain = result
          this.#counted = result.length
        }
        ready()
      }),
    })
  }

  #grow(chunk: Buffer, ready: () => void): void {
    this.#hold(chunk.length)
    const fault = this.#count(chunk, 0, chunk.length)
    if (fault === null) return
    this.#stopDecompressing?.()
    this.#end(null, fault)
    ready()
  }

  #count(octets: Buffer, start: number, end: number): Error | null {
    try {
      this.#options.counter?.push(octets, start, end)
      return null
    } catch (error) {
      return error as Error
    }
  }

  step(octets: number): boolean {
    if (this.#isOver) return true
    let isSound = false
    this.#options.guard(() => {
      this.#step(octets)
      isSound = true
    })()
    // A bug has ended the call, and must not be met in each turn.
    if (!isSound) this.cancel()
    return this.#isOver
  }

  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stopDecompressing?.()
    this.#hold(-this.#octets)
  }

  #step(octets: number): void {
    const { translate } = this.#options
    if (translate === null) return this.#end(this.#plain, null)
    if (this.#counted < this.#plain.length && this.#options.counter !== null) {
      const end = Math.min(this.#plain.length, this.#counted + COUNTED_PER_OCTET * octets)
      const fault = this.#count(this.#plain, this.#counted, end)
      this.#counted = end
      if (fault !== null) this.#end(null, fault)
      return
    }
    try {
      this.#translation ??= translate(this.#plain)
      const before = this.#translation.heldOctets
      const isThrough = this.#translation.step(octets)
      if (!isThrough) return this.#hold(this.#translation.heldOctets - before)
      this.#end(this.#translation.finish(), null)
    } catch (error) {
      this.#end(null, error as Error)
    }
  }

  #end(result: Buffer | null, fault: DecompressFault | Error | null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#hold(-this.#octets)
    const unknownField = this.#translation?.unknownField ?? null
    this.#options.onOver({ plain: this.#plain, result, fault, unknownField })
  }

  #hold(octets: number): void {
    this.#octets += octets
    this.#options.held.add(octets)
  }
}

import type { BufferBudget } from "../../http2/buffer-budget.ts"
import { HeldOctets } from "../../relay/overload/held-octets.ts"
import { MessageFault } from "../json/fault.ts"
import type { Translation } from "../json/translation.ts"
import type { ValueCounter } from "../json/value-counter.ts"
import { type DecompressFault, decompressAtOnce } from "./decompress.ts"
import type { MessageWork } from "./message-work.ts"
import { PipeJob, type Translated } from "./pipe-job.ts"

/** A message of at most so many octets is translated where it comes: that is a millisecond of work at most. */
const AT_ONCE_OCTETS = 8 * 1024
/** What a message that waits takes beside its octets: five on the wire may be an empty one. */
const ITEM_OCTETS = 256

export interface MessagePipeOptions {
  readonly work: MessageWork
  readonly budget: BufferBudget
  /** Of a message once it is decompressed. */
  readonly maxOctets: number
  /** Null: messages are only decompressed. */
  readonly translate: ((message: Buffer) => Translation) | null
  /** Looks at each large message before it is translated. */
  readonly makeCounter?: () => ValueCounter
  /** Octets are the receiver's own. */
  readonly onMessage: (message: Buffer) => void
  /** Once, and the pipe is closed. */
  readonly onFault: (fault: DecompressFault | Error) => void
  /** Something was met that the types do not have. Resolves once newer ones may; null: there are none to wait for. */
  readonly onUnknown?: () => Promise<void> | null
  /** Nothing waits any more. */
  readonly onIdle: () => void
  /** Makes a callback whose bugs end the call alone. */
  readonly guard: <Given extends unknown[]>(run: (...given: Given) => void) => (...given: Given) => void
}

/** What waits behind a message: another, or something to be done in turn. */
type Item = { readonly message: Buffer; readonly encoding: string | null } | (() => void)

/**
 * Messages of one direction of a call, decompressed and translated in turn. Small ones are handed on before `push`
 * returns; large ones, and all behind them, when `MessageWork` has got to them. What is held meanwhile counts as held.
 */
export class MessagePipe {
  readonly #options: MessagePipeOptions
  readonly #held: HeldOctets
  /** Those before `#next` are through: to shift a long list costs its length. */
  #items: Item[] = []
  #next = 0
  #job: PipeJob | null = null
  /** A message is under way. */
  #isBusy = false
  #isClosed = false

  constructor(options: MessagePipeOptions) {
    this.#options = options
    this.#held = new HeldOctets(options.budget)
  }

  /** Something waits to be handed on. */
  get isBusy(): boolean {
    return this.#isBusy
  }

  get heldOctets(): number {
    return this.#held.octets
  }

  /** `encoding`: how it is compressed. `isOwned`: the octets stay as they are. */
  push(message: Buffer, encoding: string | null, isOwned: boolean): void {
    if (this.#isClosed) return
    if (!this.#isBusy) return this.#handle(message, encoding, isOwned)
    const kept = isOwned ? message : Buffer.from(message)
    this.#held.add(kept.length + ITEM_OCTETS)
    this.#items.push({ message: kept, encoding })
  }

  /** Calls `run` once all that was pushed is through. */
  after(run: () => void): void {
    if (this.#isClosed) return
    if (this.#isBusy) this.#items.push(run)
    else run()
  }

  /** Nothing more comes of what waits. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isBusy = false
    this.#items = []
    this.#next = 0
    if (this.#job !== null) {
      this.#job.cancel()
      this.#options.work.cancel(this.#job)
    }
    this.#job = null
    this.#held.release()
  }

  #handle(message: Buffer, encoding: string | null, isOwned: boolean, isLastTry = false): void {
    const translated = this.#atOnce(message, encoding, isOwned)
    this.#isBusy = true
    if (translated !== null) return this.#came(translated, isLastTry, isOwned)
    const { work, maxOctets, translate, makeCounter, guard } = this.#options
    this.#job = new PipeJob({
      message: isOwned ? message : Buffer.from(message),
      encoding,
      maxOctets,
      translate,
      counter: makeCounter?.() ?? null,
      guard,
      held: this.#held,
      onOver: (result) => {
        this.#job = null
        this.#came(result, isLastTry, true)
        this.#goOn()
      },
    })
    work.add(this.#job)
  }

  /** Null: it is too much work for that. */
  #atOnce(message: Buffer, encoding: string | null, isOwned: boolean): Translated | null {
    const { translate, maxOctets } = this.#options
    if (message.length > AT_ONCE_OCTETS) return null
    let plain = message
    if (encoding !== null) {
      const result = decompressAtOnce(encoding, message, maxOctets)
      if (result === null) return null
      if (typeof result === "string") return { plain, result: null, fault: result, unknownField: null }
      if (result.length > AT_ONCE_OCTETS && translate !== null) return null
      plain = result
    }
    if (translate === null)
      return { plain, result: isOwned ? plain : Buffer.from(plain), fault: null, unknownField: null }
    try {
      const translation = translate(plain)
      translation.step(Number.MAX_SAFE_INTEGER)
      return { plain, result: translation.finish(), fault: null, unknownField: translation.unknownField }
    } catch (error) {
      return { plain, result: null, fault: error as Error, unknownField: null }
    }
  }

  /** A message came out, or a fault. With newer types it may come out otherwise. */
  #came({ plain, result, fault, unknownField }: Translated, isLastTry: boolean, isOwned: boolean): void {
    if (this.#isClosed) return
    const { onUnknown, onMessage, onFault, guard } = this.#options
    const isUnknown = unknownField !== null || (fault instanceof MessageFault && fault.kind === "unknown")
    const newer = isUnknown && !isLastTry ? (onUnknown?.() ?? null) : null
    if (newer !== null) {
      const kept = isOwned ? plain : Buffer.from(plain)
      this.#held.add(kept.length)
      const again = guard(() => {
        if (this.#isClosed) return
        this.#held.add(-kept.length)
        this.#handle(kept, null, true, true)
        this.#goOn()
      })
      newer.then(again, again)
      return
    }
    if (fault !== null || result === null) {
      this.close()
      return onFault(fault ?? "malformed")
    }
    // What is pushed meanwhile comes behind what waits already.
    const isLast = this.#next === this.#items.length
    if (isLast) this.#isBusy = false
    onMessage(result)
    if (!isLast) this.#isBusy = false
  }

  /** Something that was waited for is through: what is behind it follows. */
  #goOn(): void {
    while (this.#next < this.#items.length && !this.#isBusy && !this.#isClosed) {
      const item = this.#items[this.#next]!
      this.#items[this.#next++] = nothing
      if (this.#next === this.#items.length) {
        this.#items = []
        this.#next = 0
      }
      if (typeof item === "function") item()
      else {
        this.#held.add(-item.message.length - ITEM_OCTETS)
        this.#handle(item.message, item.encoding, true)
      }
    }
    if (!this.#isBusy && !this.#isClosed) this.#options.onIdle()
  }
}

function nothing(): void {}

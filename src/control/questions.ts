import type { AnswerPart, Question } from "../balancer/live/question.ts"
import type { FromThread, ToThread } from "../balancer/thread/contract.ts"
import type { Clock } from "../base/clock.ts"

/** A thread that has said nothing for so long is answered without, and is not asked again until it says something. */
const SILENCE_MS = 5000

interface Asked {
  readonly who: object
  readonly parts: AnswerPart[]
  lastMs: number
  done(parts: AnswerPart[] | null): void
}

/** What data threads were asked and have not answered yet. */
export class Questions {
  readonly #clock: Clock
  readonly #asked = new Map<number, Asked>()
  /** Threads that have fallen silent. What they were asked waits for them: they are asked no more until they say something. */
  readonly #silent = new WeakSet<object>()
  #lastId = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves with all pieces of the answer; with null when the thread is gone, or has fallen silent. */
  ask(who: { postMessage(message: ToThread): void }, question: Question): Promise<AnswerPart[] | null> {
    if (this.#silent.has(who)) return Promise.resolve(null)
    const id = ++this.#lastId
    return new Promise((resolve) => {
      const done = (parts: AnswerPart[] | null): void => {
        this.#asked.delete(id)
        resolve(parts)
      }
      this.#asked.set(id, { who, parts: [], lastMs: this.#clock.now(), done })
      this.#watch(id, SILENCE_MS)
      who.postMessage({ kind: "ask", id, question })
    })
  }

  answered({ id, part, isLast }: Extract<FromThread, { kind: "answer" }>): void {
    const asked = this.#asked.get(id)
    if (asked === undefined) return
    asked.lastMs = this.#clock.now()
    asked.parts.push(part)
    if (isLast) asked.done(asked.parts)
  }

  /** A thread has said something, whatever it is. */
  heard(who: object): void {
    this.#silent.delete(who)
  }

  /** The thread is gone. */
  lost(who: object): void {
    for (const asked of [...this.#asked.values()]) if (asked.who === who) asked.done(null)
  }

  #watch(id: number, afterMs: number): void {
    this.#clock.after(afterMs, () => {
      const asked = this.#asked.get(id)
      if (asked === undefined) return
      const leftMs = asked.lastMs + SILENCE_MS - this.#clock.now()
      if (leftMs > 0) this.#watch(id, leftMs)
      else {
        this.#silent.add(asked.who)
        asked.done(null)
      }
    })
  }
}

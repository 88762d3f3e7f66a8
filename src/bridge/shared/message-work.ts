/** Work of one turn, in octets gone through: about a tenth of a millisecond. */
const PER_TURN = 20_000

/** Something large that is done a piece at a time. */
export interface SlicedWork {
  /** Does about `octets` of it; true once there is nothing left to do. Must not throw. */
  step(octets: number): boolean
}

/** What brings a piece of work to its turns: `prepare` is called once, and `ready` when its steps may begin. */
export interface Job extends SlicedWork {
  prepare(ready: () => void): void
}

/**
 * Large work of the bridges, such as messages that are translated: a piece in each turn of the event loop, so that streams
 * beside it wait for a piece at most. So many jobs at once; others wait, and hold nothing but what they came with.
 */
export class MessageWork {
  readonly #jobsMax: number
  readonly #onWait: () => void
  readonly #waiting = new Set<Job>()
  /** Being prepared or worked on. */
  readonly #begun = new Set<Job>()
  /** Those whose steps go on, in turn. */
  readonly #running = new Set<SlicedWork>()
  #isTurnSet = false

  /** `onWait`: a job has to wait for others. */
  constructor(jobsMax: number, onWait: () => void = () => {}) {
    this.#jobsMax = jobsMax
    this.#onWait = onWait
  }

  add(job: Job): void {
    this.#waiting.add(job)
    this.#beginNext()
    if (this.#waiting.has(job)) this.#onWait()
  }

  /** Runs `steps` to their end, one in a turn. Errors: what they throw. */
  run<Result>(steps: Iterator<unknown, Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.add({
        prepare: (ready) => ready(),
        step() {
          try {
            const next = steps.next()
            if (next.done === true) resolve(next.value)
            return next.done === true
          } catch (error) {
            reject(error as Error)
            return true
          }
        },
      })
    })
  }

  /** It is no longer wanted. */
  cancel(job: Job): void {
    this.#waiting.delete(job)
    this.#over(job)
  }

  #beginNext(): void {
    for (const job of this.#waiting) {
      if (this.#begun.size >= this.#jobsMax) return
      this.#waiting.delete(job)
      this.#begun.add(job)
      job.prepare(() => {
        if (!this.#begun.has(job)) return
        this.#running.add(job)
        this.#setTurn()
      })
    }
  }

  #setTurn(): void {
    if (this.#isTurnSet || this.#running.size === 0) return
    this.#isTurnSet = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#isTurnSet = false
    const [job] = this.#running as Set<Job>
    if (job === undefined) return
    // To the end of the line.
    this.#running.delete(job)
    this.#running.add(job)
    if (job.step(PER_TURN)) this.#over(job)
    this.#setTurn()
  }

  #over(job: Job): void {
    this.#running.delete(job)
    if (this.#begun.delete(job)) this.#beginNext()
  }
}

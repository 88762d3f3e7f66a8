import type { Clock, Timer } from "./clock.ts"

const TICK_MS = 4
const SLOTS = 1024

/** Something that is due at a time. Fields belong to the wheel; make one and keep it. */
export interface Deadline {
  onDue(): void
  /** Managed by `TimerWheel`: where it hangs. -1: nowhere. */
  slot: number
  dueTick: number
  next: Deadline | null
  previous: Deadline | null
}

/**
 * Many deadlines on one timer: a hashed wheel (Varghese and Lauck, 1987). Setting and cancelling are O(1) and allocate
 * nothing; with none set, no timer runs.
 *
 * Unit: milliseconds, kept to `TICK_MS`; never early.
 */
export class TimerWheel {
  readonly #clock: Clock
  readonly #slots: (Deadline | null)[] = new Array<Deadline | null>(SLOTS).fill(null)
  #size = 0
  #tick: number
  #timer: Timer | null = null
  #timerTick = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#tick = Math.floor(clock.now() / TICK_MS)
  }

  get size(): number {
    return this.#size
  }

  /** Calls `deadline.onDue` after `delayMs`, instead of when it was due before. */
  set(deadline: Deadline, delayMs: number): void {
    this.cancel(deadline)
    const nowTick = Math.floor(this.#clock.now() / TICK_MS)
    if (this.#size === 0) this.#tick = nowTick
    const ticks = Math.max(1, Math.ceil(delayMs / TICK_MS) + 1)
    deadline.dueTick = nowTick + ticks
    const slot = deadline.dueTick % SLOTS
    const head = this.#slots[slot]!
    deadline.slot = slot
    deadline.next = head
    deadline.previous = null
    if (head !== null) head.previous = deadline
    this.#slots[slot] = deadline
    this.#size++
    this.#arm(Math.min(deadline.dueTick, nowTick + SLOTS))
  }

  cancel(deadline: Deadline): void {
    if (deadline.slot < 0) return
    if (deadline.previous !== null) deadline.previous.next = deadline.next
    else this.#slots[deadline.slot] = deadline.next
    if (deadline.next !== null) deadline.next.previous = deadline.previous
    deadline.slot = -1
    deadline.next = null
    deadline.previous = null
    this.#size--
  }

  #arm(tick: number): void {
    if (this.#timer !== null) {
      if (this.#timerTick <= tick) return
      this.#timer.cancel()
    }
    this.#timerTick = tick
    this.#timer = this.#clock.after(Math.max(0, tick * TICK_MS - this.#clock.now()), () => this.#run())
  }

  #run(): void {
    this.#timer = null
    const nowTick = Math.floor(this.#clock.now() / TICK_MS)
    // A whole round covers every slot, however long ago the last one was.
    const from = Math.max(this.#tick + 1, nowTick - SLOTS + 1)
    const bugs: unknown[] = []
    for (let tick = from; tick <= nowTick; tick++) this.#runSlot(tick % SLOTS, nowTick, bugs)
    this.#tick = Math.max(this.#tick, nowTick)
    if (this.#size > 0) this.#arm(this.#nextTick(nowTick))
    // What one deadline throws is told only when all others have had their turn.
    if (bugs.length > 0) throw bugs[0]
  }

  #runSlot(slot: number, nowTick: number, bugs: unknown[]): void {
    let deadline = this.#slots[slot]!
    let due: Deadline[] | null = null
    for (; deadline !== null; deadline = deadline.next!)
      if (deadline.dueTick <= nowTick) (due ??= []).push(deadline)
    if (due === null) return
    for (const one of due) {
      if (one.slot < 0 || one.dueTick > nowTick) continue
      this.cancel(one)
      try {
        one.onDue()
      } catch (error) {
        bugs.push(error)
      }
    }
  }

  /** The next tick whose slot holds anything: sooner than needed for deadlines more than a round away, never later. */
  #nextTick(nowTick: number): number {
    for (let ahead = 1; ahead < SLOTS; ahead++)
      if (this.#slots[(nowTick + ahead) % SLOTS] !== null) return nowTick + ahead
    return nowTick + SLOTS
  }
}

/** A deadline that calls `onDue`. */
export function makeDeadline(onDue: () => void): Deadline {
  return { onDue, slot: -1, dueTick: 0, next: null, previous: null }
}

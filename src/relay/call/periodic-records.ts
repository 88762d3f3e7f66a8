import type { Deadline, TimerWheel } from "../../base/timer-wheel.ts"
import type { AccessLog } from "../../log/access-log.ts"
import type { StreamRecord } from "../../record/record.ts"

/** Access records of a call that goes on: one when it begins, then one an interval. That of its end is written by its report. */
export class PeriodicRecords implements Deadline {
  slot = -1
  dueTick = 0
  next: Deadline | null = null
  previous: Deadline | null = null
  readonly #deadlines: TimerWheel
  readonly #logs: readonly AccessLog[]
  readonly #record: StreamRecord
  readonly #intervalMs: number

  constructor(deadlines: TimerWheel, logs: readonly AccessLog[], record: StreamRecord, intervalMs: number) {
    this.#deadlines = deadlines
    this.#logs = logs
    this.#record = record
    this.#intervalMs = intervalMs
  }

  begin(): void {
    for (const log of this.#logs) log.write(this.#record, "start")
    this.#deadlines.set(this, this.#intervalMs)
  }

  onDue(): void {
    for (const log of this.#logs) log.write(this.#record, "alive")
    this.#deadlines.set(this, this.#intervalMs)
  }

  end(): void {
    this.#deadlines.cancel(this)
  }
}

import { expect, test } from "vitest"
import type { AdminEvent, Status } from "./api.ts"
import { ApiError } from "./api.ts"
import { SAMPLES_MAX } from "./history.ts"
import { STALE_MS, Store } from "./store.ts"

/** A Sluice that answers at once, and a clock that is moved by hand. */
class Bed {
  nowMs = 1_000_000
  isUp = true
  eventsEach = 1
  asked = 0
  #timers: { atMs: number; call: () => void }[] = []
  #events = 0

  readonly clock = {
    nowMs: () => this.nowMs,
    after: (ms: number, call: () => void) => {
      const timer = { atMs: this.nowMs + ms, call }
      this.#timers.push(timer)
      return () => void (this.#timers = this.#timers.filter((each) => each !== timer))
    },
  }

  get timers(): number {
    return this.#timers.length
  }

  readonly api = {
    json: async <T>(path: string): Promise<T> => {
      if (!this.isUp) throw new ApiError(0, "no contact")
      if (path === "./status") {
        this.asked++
        return { startedAt: "x", atMs: this.nowMs, streams: { open: 7, ended: 0 } } as unknown as T
      }
      if (path.startsWith("./events")) return { events: this.#news(), lost: 0 } as T
      return { clusters: [] } as T
    },
    text: async () => "",
  }

  #news(): AdminEvent[] {
    return Array.from({ length: this.eventsEach }, () => ({
      id: ++this.#events,
      at: new Date(this.nowMs).toISOString(),
      kind: "limit",
      level: "warn",
      message: "limit reached",
      fields: {},
    }))
  }

  /** Lets the next timer come; resolves once the pass that it began has ended. */
  async step(store: Store): Promise<void> {
    const passed = new Promise<void>((resolve) => {
      const stop = store.subscribe(() => {
        stop()
        resolve()
      })
    })
    const next = this.#timers.sort((one, other) => one.atMs - other.atMs).shift()!
    this.nowMs = next.atMs
    next.call()
    await passed
  }
}

test("24 hours: it goes on reading, and what it keeps does not grow", async () => {
  const bed = new Bed()
  const store = new Store(bed.api, bed.clock, () => false)
  await store.refresh()
  const endMs = bed.nowMs + 86_400_000
  while (bed.nowMs < endMs) await bed.step(store)
  expect(bed.asked).toBe(86_401)
  expect(store.history.times.length).toBe(SAMPLES_MAX)
  expect(store.history.column("live").length).toBe(SAMPLES_MAX)
  expect(store.history.times.at(-1)).toBe(bed.nowMs / 1000)
  expect(store.events.length).toBe(500)
  expect(store.events.at(-1)!.id).toBe(86_401)
  expect(bed.timers).toBe(1)
})

test("while nothing answers it tries again, and what it had stays, with its age", async () => {
  const bed = new Bed()
  const store = new Store(bed.api, bed.clock, () => false)
  await store.refresh()
  const heardMs = bed.nowMs
  bed.isUp = false
  for (let pass = 0; pass < 5; pass++) await bed.step(store)
  expect(store.problem?.message).toBe("no contact")
  expect(store.picture?.status.streams.open).toBe(7)
  expect(bed.nowMs - store.heardMs).toBeGreaterThan(STALE_MS)
  expect(store.heardMs).toBe(heardMs)
  bed.isUp = true
  await bed.step(store)
  expect(store.problem).toBe(null)
  expect(store.heardMs).toBe(bed.nowMs)
})

test("a page that is not looked at asks less often", async () => {
  const bed = new Bed()
  let isHidden = true
  const store = new Store(bed.api, bed.clock, () => isHidden)
  await store.refresh()
  await bed.step(store)
  expect(bed.nowMs).toBe(1_005_000)
  isHidden = false
  await bed.step(store)
  await bed.step(store)
  expect(bed.nowMs).toBe(1_011_000)
})

test("another process in the place of the first: no rate is made of numbers of both", async () => {
  const bed = new Bed()
  let ended = 500
  let startedAt = "first"
  const api = {
    json: async <T>(path: string): Promise<T> => {
      const answer = await bed.api.json<T>(path)
      if (path !== "./status") return answer
      return { ...(answer as Status), startedAt, streams: { open: 7, ended } } as T
    },
    text: async () => `sluice_streams_ended_total{code="OK"} ${ended}\n`,
  }
  const store = new Store(api, bed.clock, () => false)
  await store.refresh()
  ended = 510
  await bed.step(store)
  startedAt = "second"
  ended = 3
  await bed.step(store)
  ended = 5
  await bed.step(store)
  expect(store.history.column("endedOk")).toEqual([null, 10, null, 2])
  expect(store.history.column("opened")).toEqual([null, 10, null, 2])
})

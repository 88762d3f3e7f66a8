import type { MessageLimit } from "../../config/model.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import type { Zone } from "./zone.ts"

/** What is counted in zones are thousandths of messages. */
const MESSAGE = 1000
/** Longer keys are not counted. */
const KEY_OCTETS_MAX = 65_535

/** Lets through so many units a second, and so many at once beyond that. */
interface Bucket {
  /** Takes `units` and returns 0, or in how many milliseconds to ask again. */
  take(units: number, nowMs: number): number
  giveBack(units: number): void
}

/** How fast one side of a call may send. */
export interface CallRates {
  readonly messages: readonly Bucket[]
  readonly octets: readonly Bucket[]
}

/** `limit_messages` and `limit_message_octets` of a route. */
export class MessageRates {
  readonly #limits: readonly (MessageLimit & { readonly of: Zone | null })[]

  constructor(limits: readonly MessageLimit[], zoneOf: (name: string) => Zone) {
    this.#limits = limits.map((limit) => ({ ...limit, of: limit.zone === null ? null : zoneOf(limit.zone) }))
  }

  /** Those of one side; null: it may send as it likes. */
  open(from: MessageLimit["from"], record: StreamRecord, env: TemplateEnvironment): CallRates | null {
    const rates: Record<MessageLimit["counts"], Bucket[]> = { messages: [], octets: [] }
    for (const limit of this.#limits) {
      const { counts, rate, burst, of } = limit
      if (limit.from !== from) continue
      const scale = counts === "messages" ? MESSAGE : 1
      // Within a zone each side is counted by itself.
      const kind = `${from} ${counts} `
      const key = of === null ? "" : kind + of.key.render(record, env)
      if (of === null) rates[counts].push(new StreamBucket(rate, burst))
      else if (key !== kind && key.length <= KEY_OCTETS_MAX)
        rates[counts].push(zoneBucket(of, key, { rate: rate * scale, burst: burst * scale, scale }))
    }
    return rates.messages.length + rates.octets.length === 0 ? null : rates
  }
}

export function compileMessageRates(
  limits: readonly MessageLimit[],
  zoneOf: (name: string) => Zone,
): MessageRates | null {
  return limits.length === 0 ? null : new MessageRates(limits, zoneOf)
}

/** Takes `units` of all `buckets`, or of none; returns in how many milliseconds to ask again. */
export function takeOfAll(buckets: readonly Bucket[], units: number, nowMs: number): number {
  for (let i = 0; i < buckets.length; i++) {
    const waitMs = buckets[i]!.take(units, nowMs)
    if (waitMs === 0) continue
    for (let taken = 0; taken < i; taken++) buckets[taken]!.giveBack(units)
    return waitMs
  }
  return 0
}

function zoneBucket(
  { table }: Zone,
  key: string,
  { rate, burst, scale }: { rate: number; burst: number; scale: number },
): Bucket {
  return {
    take: (units, nowMs) => table.take(key, units * scale, rate, burst, nowMs),
    giveBack: (units) => table.giveBack(key, units * scale),
  }
}

/** A leaky bucket: what was taken, less what time has let through. */
class StreamBucket implements Bucket {
  readonly #rate: number
  readonly #burst: number
  #level = 0
  #sinceMs = 0

  constructor(rate: number, burst: number) {
    this.#rate = rate
    this.#burst = burst
  }

  take(units: number, nowMs: number): number {
    const passedMs = Math.max(0, nowMs - this.#sinceMs)
    this.#level = Math.max(0, this.#level - (this.#rate * passedMs) / 1000)
    this.#sinceMs = nowMs
    if (this.#level > this.#burst) return Math.ceil(((this.#level - this.#burst) * 1000) / this.#rate)
    this.#level += units
    return 0
  }

  giveBack(units: number): void {
    this.#level = Math.max(0, this.#level - units)
  }
}

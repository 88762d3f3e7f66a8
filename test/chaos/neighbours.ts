import { Histogram } from "../../bench/measure/histogram.ts"
import type { LiveStream, LiveStreams } from "./live-streams.ts"
import { type Check, check } from "./scenario.ts"
import type { Backend, Stage } from "./stage.ts"

/** Streams on a backend that nothing is done to: their echo times in quiet and in trouble, and whether any ended. */
export class Neighbours {
  readonly #streams: Set<LiveStream>
  readonly #live: LiveStreams
  readonly #quiet = new Histogram()
  readonly #trouble = new Histogram()

  private constructor(live: LiveStreams, streams: Set<LiveStream>) {
    this.#live = live
    this.#streams = streams
    this.#timeInto(this.#quiet)
  }

  /** `backend`'s streams, from now on in quiet; waits until the backends have told which theirs are. */
  static async of(stage: Stage, live: LiveStreams, backend: Backend): Promise<Neighbours> {
    const isKnown = () => live.all.every(({ key }) => stage.backendOf(key) !== undefined)
    await live.until(isKnown, "the backends have told of their streams")
    return new Neighbours(live, new Set(live.all.filter(({ key }) => stage.backendOf(key) === backend)))
  }

  trouble(): void {
    this.#timeInto(this.#trouble)
  }

  #timeInto(times: Histogram): void {
    this.#live.timesOf = (stream) => (this.#streams.has(stream) ? times : null)
  }

  /** To be called before the streams are ended on purpose. */
  checks(): Check[] {
    const ended = [...this.#streams].filter(({ ending }) => ending !== null).length
    const rows = (times: Histogram) =>
      [0.5, 0.99].map((share) => `${(times.quantile(share) / 1000).toFixed(1)} ms`).join(" / ")
    return [
      check("neighbours on the other backend", this.#streams.size, this.#streams.size > 0),
      check("neighbours that ended", ended, ended === 0),
      check("neighbours' echo time before, median / 99 %", rows(this.#quiet), this.#quiet.total > 0),
      check("neighbours' echo time meanwhile", rows(this.#trouble), this.#trouble.total > 0),
    ]
  }
}

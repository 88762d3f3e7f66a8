import { Histogram } from "../../bench/measure/histogram.ts"
import type { LiveStreams } from "./live-streams.ts"
import { type Check, check } from "./scenario.ts"
import { pause, type Stage } from "./stage.ts"

const LOOK_MS = 500
const TURNS_MS = 2_000

/**
 * How long messages are on their way and back, and the longest turn of a data thread by its own clock, in two times: before
 * anything is done to Sluice, which is what the machine does by itself, and while it is.
 */
export class Stalls {
  readonly #stage: Stage
  readonly #live: LiveStreams
  readonly #times: Histogram[] = []
  readonly #turnsMs: number[] = []
  #timer: NodeJS.Timeout | null = null

  constructor(stage: Stage, live: LiveStreams) {
    this.#stage = stage
    this.#live = live
  }

  /** Measures for a while in which nothing is done. */
  static async begin(stage: Stage, live: LiveStreams, quietMs: number): Promise<Stalls> {
    // What a thread says of its longest turn is of the last second: the opening of streams is no part of it.
    await pause(TURNS_MS)
    const stalls = new Stalls(stage, live)
    stalls.#start()
    await pause(quietMs)
    await stalls.#look()
    stalls.#start()
    return stalls
  }

  #start(): void {
    this.#timer ??= setInterval(() => void this.#look(), LOOK_MS)
    const times = new Histogram()
    this.#times.push(times)
    this.#turnsMs.push(0)
    this.#live.timesOf = () => times
  }

  async #look(): Promise<void> {
    const longestMs = await this.#stage.longestTurnMs()
    this.#turnsMs[this.#turnsMs.length - 1] = Math.max(this.#turnsMs.at(-1)!, longestMs)
  }

  async end(): Promise<Check[]> {
    await this.#look()
    clearInterval(this.#timer!)
    this.#live.timesOf = () => null
    const [quiet, meanwhile] = this.#times.map((times) => textOf(times)) as [string, string]
    const [turnBefore, turn] = this.#turnsMs.map((ms) => `${ms.toFixed(1)} ms`) as [string, string]
    return [
      check("echo time before, median / 99 % / longest", quiet, true),
      check("echo time meanwhile, median / 99 % / longest", meanwhile, true),
      check("longest turn of a data thread, before / meanwhile", `${turnBefore} / ${turn}`, true),
    ]
  }
}

function textOf(times: Histogram): string {
  return [0.5, 0.99, 1].map((share) => `${(times.quantile(share) / 1000).toFixed(1)} ms`).join(" / ")
}

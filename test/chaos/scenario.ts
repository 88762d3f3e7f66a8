import type { Random } from "../../src/base/random.ts"
import type { LiveStreams } from "./live-streams.ts"
import type { Stage } from "./stage.ts"

/** One thing that was looked at, with what was seen. */
export interface Check {
  what: string
  value: string
  held: boolean
}

export interface ScenarioOptions {
  random: Random
  /** How long the trouble lasts, about. */
  seconds: number
  /** Live streams at once. */
  streams: number
  /** Charts go into docs. */
  writes?: boolean
}

export interface Scenario {
  readonly name: string
  /** The part of docs/reliability.md that it is written to, with all others of that part. Default: `chaos`. */
  readonly part?: string
  readonly says: string
  run(options: ScenarioOptions): Promise<Check[]>
}

export const check = (what: string, value: string | number, held: boolean): Check => ({
  what,
  value: typeof value === "number" ? value.toLocaleString("en-US") : value,
  held,
})

/**
 * What must hold for live streams whatever happened: no message lost, doubled or out of order either way, no call seen
 * by a backend twice, every stream one ending, and none but those that `allowed` describes.
 */
export function liveChecks(stage: Stage, live: LiveStreams, allowed: readonly RegExp[]): Check[] {
  const { opened, open, echoed, endedTwice, endings } = live.totals()
  const strange = [...endings.keys()].filter((how) => how !== "0" && !allowed.some((form) => form.test(how)))
  const wrong = live.failures.count + stage.failures.count
  const first = live.failures.first || stage.failures.first
  const unanswered = live.all.filter((one) => one.ending === "0" && one.echoed !== one.sent).length
  return [
    check("streams opened", opened, opened > 0),
    check("messages echoed", echoed, echoed > 0),
    check("messages lost, doubled or out of order", wrong > 0 ? `${wrong}: ${first}` : 0, wrong === 0),
    check("streams that ended well without their last echoes", unanswered, unanswered === 0),
    check("calls that came to a backend twice", stage.doubled(), stage.doubled() === 0),
    check("streams without an ending, or with two", open + endedTwice, open + endedTwice === 0),
    check("endings with a status nobody expects", strange.join("; ") || 0, strange.length === 0),
    ...soundChecks(stage),
  ]
}

/** Sluice lives, and has met no bug of its own. */
export function soundChecks(stage: Stage): Check[] {
  const bugs = stage.log().filter(({ message }) => message.startsWith("unexpected error"))
  return [
    check("unexpected errors in Sluice's log", bugs.length, bugs.length === 0),
    check("Sluice ended", stage.exit ?? "no", !stage.hasEnded),
  ]
}

/** How many streams ended with a status other than OK. */
export function endedByFault(live: LiveStreams): number {
  let sum = 0
  for (const [how, count] of live.totals().endings) if (how !== "0") sum += count
  return sum
}

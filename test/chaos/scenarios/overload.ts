import { Histogram } from "../../../bench/measure/histogram.ts"
import type { Random } from "../../../src/base/random.ts"
import { CallLoad, type CallOutcome } from "../call-load.ts"
import { LiveStreams } from "../live-streams.ts"
import { type Check, check, liveChecks, type Scenario } from "../scenario.ts"
import { pause, Stage } from "../stage.ts"
import { throttle } from "../throttle.ts"

/** Of a core: what is left of the machine has to bring three times what Sluice can do. */
const SHARE = 0.05
const LIVE_STREAMS = 100
const CONNECTIONS = 20
/** Calls under way at once while the capacity is found. */
const AT_ONCE = 200
const REFUSED = /^8 overloadDelayMs: /
/** A turn that brings thousands at once may also ask for more connections to the backends than can be waited for. */
const NO_PLACE = /^14 cluster chaos, .*: pickQueueMax: /
/** What counts as "at once" after the overload: the backlog has to be turned away, at a twentieth of a core. */
const RECOVERED_MS = 2000

interface Phase {
  name: string
  startMs: number
  seconds: number
  offered: number
  admitted: Histogram
  refused: Histogram
  live: Histogram
  withoutPlace: number
  failed: number
  firstFailure: string
  /** When the last call that was refused had been sent, since the phase began; 0: none was. */
  lastRefusedMs: number
}

export const overload: Scenario = {
  name: "overload",
  says: "calls at one, two and three times what Sluice can do, then half of it, beside live streams; and without the limit",
  async run({ random, seconds }) {
    const stage = await Stage.start({ backends: 2, random })
    let capacity = 0
    let checks: Check[] = []
    let endThrottle = async () => {}
    try {
      const { port } = stage
      await peakRate(port, seconds / 6)
      endThrottle = throttle(stage.pid, SHARE)
      const live = await LiveStreams.start({
        port,
        connections: 5,
        streams: LIVE_STREAMS,
        intervalMs: 500,
        random,
      })
      capacity = await peakRate(port, seconds / 6)
      const { phases, unanswered } = await ramp(port, live, capacity, [1, 2, 3, 0.5], seconds / 6)
      await endThrottle()
      const ended = live.all.filter(({ ending }) => ending !== null).length
      await live.finish()
      checks = [
        check("capacity, calls/s", Math.round(capacity), capacity > 0),
        ...phases.flatMap(describe),
        ...judge(phases),
        check("calls without an answer", unanswered, unanswered === 0),
        check("live streams ended", ended, ended === 0),
        ...liveChecks(stage, live, []),
      ]
    } finally {
      await endThrottle()
      stage.end()
    }
    return [...checks, ...(await withoutLimit(random, capacity, seconds / 6))]
  },
}

/** For comparison; nothing to hold. */
async function withoutLimit(random: Random, capacity: number, seconds: number): Promise<Check[]> {
  const limits = { overloadDelayMs: 3_600_000 }
  const stage = await Stage.start({ backends: 2, random, config: () => ({ limits }) })
  let endThrottle = async () => {}
  try {
    const { port } = stage
    await peakRate(port, seconds)
    endThrottle = throttle(stage.pid, SHARE)
    const live = await LiveStreams.start({
      port,
      connections: 5,
      streams: LIVE_STREAMS,
      intervalMs: 500,
      random,
    })
    const { phases } = await ramp(port, live, capacity, [3, 0.5], seconds)
    live.close()
    return phases.flatMap(describe).map((row) => ({ ...row, what: `without overloadDelayMs, ${row.what}` }))
  } finally {
    await endThrottle()
    stage.end()
  }
}

/** One phase after the other, each at so many times the capacity. */
async function ramp(
  port: number,
  live: LiveStreams,
  capacity: number,
  steps: readonly number[],
  seconds: number,
): Promise<{ phases: Phase[]; unanswered: number }> {
  const calls = await CallLoad.start({ port, connections: CONNECTIONS, rate: 0 })
  const phases: Phase[] = []
  calls.onDone = (outcome) => {
    const phase = phases.findLast(({ startMs }) => startMs <= outcome.sentMs)
    if (phase !== undefined) note(phase, outcome)
  }
  for (const times of steps) {
    const phase = newPhase(times < 1 ? "then half" : `${times} ×`, seconds)
    phases.push(phase)
    await runPhase(phase, calls, live, Math.round(times * capacity))
    // The last phase begins while what three times too much left behind is still there.
    if (times < 3) await settled(calls)
  }
  return { phases, unanswered: await calls.finish() }
}

/**
 * Calls a second with `AT_ONCE` under way all the time. At first also what has the code compiled: at a fraction of a core
 * that would take minutes.
 */
async function peakRate(port: number, seconds: number): Promise<number> {
  const load = await CallLoad.start({ port, connections: CONNECTIONS, rate: 0 })
  let isOver = false
  load.onDone = () => {
    if (!isOver) load.fire()
  }
  for (let i = 0; i < AT_ONCE; i++) load.fire()
  await pause(seconds * 500)
  const [before, startMs] = [load.finished, performance.now()]
  await pause(seconds * 1000)
  const capacity = ((load.finished - before) * 1000) / (performance.now() - startMs)
  isOver = true
  await load.finish()
  return capacity
}

function newPhase(name: string, seconds: number): Phase {
  return {
    name,
    startMs: performance.now(),
    seconds,
    offered: 0,
    admitted: new Histogram(),
    refused: new Histogram(),
    live: new Histogram(),
    withoutPlace: 0,
    failed: 0,
    firstFailure: "",
    lastRefusedMs: 0,
  }
}

async function runPhase(phase: Phase, calls: CallLoad, live: LiveStreams, rate: number): Promise<void> {
  const sentBefore = calls.sent
  live.timesOf = () => phase.live
  calls.rate = rate
  await pause(phase.seconds * 1000)
  calls.rate = 0
  phase.offered = calls.sent - sentBefore
}

/** To the account of the phase in which it was sent. */
function note(phase: Phase, { sentMs, doneMs, how }: CallOutcome): void {
  const took = (doneMs - sentMs) * 1000
  if (how === "ok") phase.admitted.add(took)
  else if (REFUSED.test(how)) {
    phase.refused.add(took)
    phase.lastRefusedMs = Math.max(phase.lastRefusedMs, sentMs - phase.startMs)
  } else if (NO_PLACE.test(how)) phase.withoutPlace++
  else {
    phase.failed++
    phase.firstFailure ||= how
  }
}

/** What is still under way belongs to the phase that sent it. */
async function settled(calls: CallLoad): Promise<void> {
  while (calls.underWay > 0) await pause(10)
  await pause(500)
}

function describe({ name, offered, seconds, admitted, refused, live }: Phase): Check[] {
  const each = (count: number) => `${Math.round(count / seconds).toLocaleString("en-US")}/s`
  return [
    check(
      `${name}: offered; served; refused`,
      `${each(offered)}; ${each(admitted.total)}; ${each(refused.total)}`,
      true,
    ),
    check(
      `${name}: time to the answer; to the refusal; echo on live streams`,
      [admitted, refused, live].map(times).join("; "),
      true,
    ),
  ]
}

function judge(phases: readonly Phase[]): Check[] {
  const [, , most, after] = phases as [Phase, Phase, Phase, Phase]
  const failed = phases.reduce((sum, phase) => sum + phase.failed, 0)
  const withoutPlace = phases.reduce((sum, phase) => sum + phase.withoutPlace, 0)
  const first = phases.find(({ firstFailure }) => firstFailure !== "")?.firstFailure
  return [
    check("refused by pickQueueMax, UNAVAILABLE", withoutPlace, true),
    check("failed without a limit's name", failed === 0 ? 0 : `${failed}: ${first}`, failed === 0),
    check("refused at three times", most.refused.total, most.refused.total > 0),
    check("served at three times", most.admitted.total, most.admitted.total > 0),
    check(
      "the last refusal after the load fell",
      `${Math.round(after.lastRefusedMs)} ms`,
      after.lastRefusedMs < RECOVERED_MS,
    ),
  ]
}

/** Median and 99 %. */
function times(histogram: Histogram): string {
  if (histogram.total === 0) return "–"
  const [median, most] = [0.5, 0.99].map((share) => Math.round(histogram.quantile(share) / 1000))
  return `${median} / ${most} ms`
}

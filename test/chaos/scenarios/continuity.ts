import { CountingStage, type EndedStream } from "../counting.ts"
import { type Check, check, type Scenario } from "../scenario.ts"

const BACKENDS = 4
/** Every stream is to be served again within it. */
const MOST_MS = 10_000
/** Beside the time that one message of each stream takes, at a thousand messages a second. */
const patienceMs = (streams: number): number => MOST_MS + Math.max(1000, streams)

/** The longest that a stream was without a backend, and what of a hundred streams 99 are below. */
function gapChecks(ended: readonly EndedStream[], mostMs: number): Check[] {
  const gaps = ended.filter(({ legs }) => legs > 1).map(({ legs, gapMs }) => gapMs / (legs - 1))
  gaps.sort((one, other) => one - other)
  const at = (share: number): number => gaps[Math.min(gaps.length - 1, Math.floor(share * gaps.length))] ?? 0
  const longest = Math.max(...ended.map(({ gapMs }) => gapMs), 0)
  return [
    check("streams that went on with another backend", gaps.length, gaps.length > 0),
    check(
      "time without a backend each time, median / 99 %",
      `${Math.round(at(0.5))} ms / ${Math.round(at(0.99))} ms`,
      true,
    ),
    check("the longest of a stream in all", `${Math.round(longest)} ms`, longest <= mostMs),
  ]
}

const toMs = (microseconds: number): string => `${(microseconds / 1000).toFixed(1)} ms`

/** Nothing lost, nothing twice, and every stream ended well when its client had said all. */
async function endChecks(stage: CountingStage): Promise<Check[]> {
  const cut = stage.streams.filter(({ ending }) => ending !== null).length
  await stage.finish()
  const wrong = stage.streams.reduce((sum, one) => sum + one.wrong, 0)
  const unanswered = stage.streams.filter(({ got, sent }) => got !== sent).length
  const bad = stage.streams.filter(({ ending }) => ending !== "0 OK")
  return [
    check("streams ended while backends went", cut, cut === 0),
    check("messages lost, doubled or out of order", wrong, wrong === 0),
    check("streams without an answer to their last message", unanswered, unanswered === 0),
    check(
      "streams that did not end with OK",
      bad.length > 0 ? `${bad.length}: ${bad[0]!.ending}` : 0,
      bad.length === 0,
    ),
  ]
}

export const resumed: Scenario = {
  name: "resumed",
  part: "continuity",
  says: "one of four backends is killed with SIGKILL under streams with continuity: all of them go on",
  async run({ streams }) {
    const stage = await CountingStage.start({ backends: BACKENDS, streams })
    try {
      await stage.stopBackend(0, "SIGKILL")
      const tookMs = await stage.allAnswered(patienceMs(streams))
      return [
        check("streams", stage.streams.length, true),
        check(
          "until each has sent a message and been answered",
          tookMs === null ? "never" : `${Math.round(tookMs)} ms`,
          tookMs !== null,
        ),
        ...(await endChecks(stage)),
        ...gapChecks(await stage.ended(), MOST_MS),
      ]
    } finally {
      stage.end()
    }
  },
}

export const handedOff: Scenario = {
  name: "handed-off",
  part: "continuity",
  says: "four backends are restarted one after the other with SIGTERM under streams with continuity: all of them go on",
  async run({ streams }) {
    const stage = await CountingStage.start({ backends: BACKENDS, streams })
    try {
      let slowestMs = 0
      for (let at = 0; at < BACKENDS; at++) {
        stage.slowestMs = 0
        await stage.stopBackend(at, "SIGTERM")
        await stage.startBackend(at)
        const tookMs = await stage.allAnswered(patienceMs(streams))
        slowestMs = Math.max(slowestMs, tookMs === null ? Number.POSITIVE_INFINITY : stage.slowestMs)
      }
      const usual = stage.delays
      return [
        check("streams", stage.streams.length, true),
        check("backends restarted", BACKENDS, true),
        check(
          "time to an answer meanwhile, median / 99 %",
          `${toMs(usual.quantile(0.5))} / ${toMs(usual.quantile(0.99))}`,
          true,
        ),
        check(
          "the longest that an answer took",
          `${Math.round(slowestMs)} ms`,
          slowestMs < patienceMs(streams),
        ),
        ...(await endChecks(stage)),
        ...gapChecks(await stage.ended(), BACKENDS * MOST_MS),
      ]
    } finally {
      stage.end()
    }
  },
}

/** A second that a stream is without a backend is no handoff's, but the machine's. */
const DRAINED_GAP_MS = 1000
const DRAIN_MS = 120_000

const asking = (endpoints: object[]): object => ({
  continuity: { mode: ["handoff", "resume"], ask: "call" },
  clusters: { counters: { endpoints } },
})

export const drainedFirst: Scenario = {
  name: "drained-first",
  part: "continuity",
  says: "the same, but each backend is drained before it is restarted: Sluice asks it for one stream after the other (ask: call)",
  async run({ streams }) {
    const stage = await CountingStage.start({ backends: BACKENDS, streams, config: asking })
    try {
      let drained = 0
      for (let at = 0; at < BACKENDS; at++) {
        await stage.order(at, "drain", { graceMs: 0 })
        const isEmpty = async (): Promise<boolean> => (await stage.counts())[at] === 0
        if (await stage.untilAsync(isEmpty, DRAIN_MS)) drained++
        await stage.stopBackend(at, "SIGTERM")
        await stage.startBackend(at)
        await stage.order(at, "resume", {})
      }
      await stage.allAnswered(patienceMs(streams))
      const usual = stage.delays
      return [
        check("streams", stage.streams.length, true),
        check("backends drained, and restarted without a stream", drained, drained === BACKENDS),
        check(
          "time to an answer meanwhile, median / 99 %",
          `${toMs(usual.quantile(0.5))} / ${toMs(usual.quantile(0.99))}`,
          true,
        ),
        ...(await endChecks(stage)),
        ...gapChecks(await stage.ended(), BACKENDS * DRAINED_GAP_MS),
      ]
    } finally {
      stage.end()
    }
  },
}

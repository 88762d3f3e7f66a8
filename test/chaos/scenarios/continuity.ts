import { CountingStage } from "../counting.ts"
import { type Check, check, type Scenario } from "../scenario.ts"

const BACKENDS = 4
const EVERY_MS = 1000
/** Every stream is to be served again within it. */
const MOST_MS = 10_000

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
  says: "one of four backends is killed with SIGKILL under streams with continuity: all of them go on",
  async run({ streams }) {
    const stage = await CountingStage.start(BACKENDS, streams, EVERY_MS)
    try {
      await stage.stopBackend(0, "SIGKILL")
      const tookMs = await stage.allAnswered(MOST_MS + EVERY_MS)
      return [
        check("streams", stage.streams.length, true),
        check(
          "until each has sent a message and been answered",
          tookMs === null ? "never" : `${Math.round(tookMs)} ms`,
          tookMs !== null,
        ),
        ...(await endChecks(stage)),
      ]
    } finally {
      stage.end()
    }
  },
}

export const handedOff: Scenario = {
  name: "handed-off",
  says: "four backends are restarted one after the other with SIGTERM under streams with continuity: all of them go on",
  async run({ streams }) {
    const stage = await CountingStage.start(BACKENDS, streams, EVERY_MS)
    try {
      let slowestMs = 0
      for (let at = 0; at < BACKENDS; at++) {
        stage.slowestMs = 0
        await stage.stopBackend(at, "SIGTERM")
        await stage.startBackend(at)
        const tookMs = await stage.allAnswered(MOST_MS + EVERY_MS)
        slowestMs = Math.max(slowestMs, tookMs === null ? Number.POSITIVE_INFINITY : stage.slowestMs)
      }
      return [
        check("streams", stage.streams.length, true),
        check("backends restarted", BACKENDS, true),
        check("the longest that an answer took", `${Math.round(slowestMs)} ms`, slowestMs < MOST_MS),
        ...(await endChecks(stage)),
      ]
    } finally {
      stage.end()
    }
  },
}

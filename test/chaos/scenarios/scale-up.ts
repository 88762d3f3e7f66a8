import { writeFileSync } from "node:fs"
import { type LineChart, lineChart } from "../../policies/chart.ts"
import { CountingStage, type EndedStream } from "../counting.ts"
import { type Check, check, type Scenario, type ScenarioOptions } from "../scenario.ts"
import { pause } from "../stage.ts"

const BACKENDS = 3
const BOUND = 1.1
const WITHIN_S = 60
/** Looked at for so long after the fourth backend has joined. */
const SECONDS = 90
const CHART = new URL("../../../docs/pictures/scale-up.svg", import.meta.url)

/** Every second: the largest count of streams at a backend, over the mean, and streams that had ended by then. */
interface Course {
  readonly imbalance: number[]
  readonly ended: number[]
}

/** Begins with three backends, and puts a fourth beside them. */
async function scaleUp(stage: CountingStage): Promise<Course> {
  await stage.addBackend()
  await stage.reload()
  const course: Course = { imbalance: [], ended: [] }
  const startMs = performance.now()
  for (let second = 0; second <= SECONDS; second++) {
    await pause(Math.max(0, startMs + second * 1000 - performance.now()))
    const counts = await stage.counts()
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
    course.imbalance.push(Math.max(...counts) / mean)
    course.ended.push(stage.reopened)
  }
  return course
}

const planned = (endpoints: object[]): object => ({
  continuity: { mode: ["handoff", "resume"] },
  clusters: { counters: { rebalance: { after: AFTER }, endpoints } },
})

/** With the default of 30 s, and 50 streams a second, 10,000 streams would take 65 s. */
const AFTER = "10s"

const aged = (endpoints: object[]): object => ({
  clusters: { counters: { endpoints } },
  maxStreamAge: `${SECONDS / 2}s`,
})

const percentAbove = (share: number): number => (share - 1) * 100

function draw(streams: number, moved: Course, ended: Course): void {
  const chart: LineChart = {
    title: `A fourth backend joins three: ${streams.toLocaleString("en-US")} live streams`,
    xLabel: "s",
    yLabel: "the most streams that a backend has, in percent above the mean",
    x: Array.from({ length: SECONDS + 1 }, (_, second) => second),
    lines: [
      { label: "rebalance: 0 ended", y: moved.imbalance.map(percentAbove), tone: "first" },
      {
        label: `age limit: ${ended.ended.at(-1)!.toLocaleString("en-US")} ended`,
        y: ended.imbalance.map(percentAbove),
        tone: "second",
      },
      { label: "the bound", y: moved.imbalance.map(() => percentAbove(BOUND)), tone: "pale" },
    ],
  }
  writeFileSync(CHART, lineChart(chart))
}

function movedChecks(stage: CountingStage, ended: readonly EndedStream[], course: Course): Check[] {
  const at = course.imbalance.findIndex((share) => share <= BOUND)
  const back = at < 0 ? -1 : course.imbalance.slice(at).findIndex((share) => share > BOUND + 0.01)
  const wrong = stage.streams.reduce((sum, one) => sum + one.wrong, 0)
  const unanswered = stage.streams.filter(({ got, sent }) => got !== sent).length
  const bad = stage.streams.filter(({ ending }) => ending !== "0 OK").length
  const twice = ended.filter(({ moves }) => moves > 1).length
  return [
    check("streams", stage.streams.length, true),
    check(
      `until no backend has more than ${BOUND} of the mean`,
      at < 0 ? "never" : `${at} s`,
      at >= 0 && at <= WITHIN_S,
    ),
    check("afterwards more again", back < 0 ? "no" : `after ${at + back} s`, back < 0),
    check("streams that moved", ended.filter(({ moves }) => moves > 0).length, true),
    check("streams that moved twice", twice, twice === 0),
    check("streams that ended", bad, bad === 0),
    check("messages lost, doubled or out of order", wrong + unanswered, wrong + unanswered === 0),
  ]
}

async function run({ streams, writes }: ScenarioOptions): Promise<Check[]> {
  const stage = await CountingStage.start({ backends: BACKENDS, streams, config: planned })
  let moved: Course
  let checks: Check[]
  try {
    moved = await scaleUp(stage)
    await stage.finish()
    checks = movedChecks(stage, await stage.ended(), moved)
  } finally {
    stage.end()
  }
  const other = await CountingStage.start({ backends: BACKENDS, streams, config: aged, reopens: true })
  try {
    const ended = await scaleUp(other)
    const at = ended.imbalance.findIndex((share) => share <= BOUND)
    if (writes === true) draw(streams, moved, ended)
    return [
      ...checks,
      check("with an age limit alone: until then", at < 0 ? "never" : `${at} s`, true),
      check("with an age limit alone: streams ended by then", ended.ended.at(at)!, true),
      check(`with an age limit alone: streams ended in ${SECONDS} s`, ended.ended.at(-1)!, true),
    ]
  } finally {
    other.end()
  }
}

export const scaledUp: Scenario = {
  name: "scale-up",
  part: "continuity",
  says: `a fourth backend joins three under streams with continuity, and \`rebalance: { after: ${AFTER} }\`: streams move to it; beside it, the same with an age limit alone`,
  run,
}

import { number, percent, time } from "../report/format.ts"
import type { Table } from "../report/table.ts"
import type { OptionFigures } from "./account.ts"
import type { BalancingOption } from "./options.ts"

/** One option, run. */
export interface OptionResult {
  readonly option: BalancingOption
  /** Null: there are no figures, for `failure`. */
  readonly figures: OptionFigures | null
  readonly failure: string
}

type Cells = (figures: OptionFigures) => readonly string[]

function table(head: readonly string[], results: readonly OptionResult[], cells: Cells): Table {
  const rows = results.map(({ option, figures }) => [
    option.name,
    ...(figures === null ? ["no figure", ...new Array<string>(head.length - 2).fill("")] : cells(figures)),
  ])
  return [head, ...rows]
}

/** What it costs while nothing happens. */
export function steadyRows(results: readonly OptionResult[]): Table {
  const head = [
    "option",
    "streams by backend",
    "calls",
    "median",
    "99 %",
    "CPU a message: proxy",
    "client",
    "backend",
  ]
  return table(head, results, (one) => [
    counts(one.streams),
    counts(one.calls.slice(0, 3)),
    time(one.medianUs),
    time(one.p99Us),
    one.proxyUs === 0 ? "–" : `${number(one.proxyUs)} µs`,
    `${number(one.clientUs)} µs`,
    `${number(one.backendUs)} µs`,
  ])
}

/** A fourth backend joins three. */
export function joinRows(results: readonly OptionResult[]): Table {
  const head = [
    "option",
    "its first call after",
    "its share of calls at the end",
    "streams by backend",
    "streams moved",
  ]
  return table(head, results, (one) => [
    one.firstCallMs === null ? "none came" : milliseconds(one.firstCallMs),
    percent(one.lateShare),
    counts(one.streamsAfterJoin),
    String(one.moved),
  ])
}

/** `kill -9` of the first backend. */
export function killRows(results: readonly OptionResult[]): Table {
  const head = [
    "option",
    "streams lost there",
    "lost elsewhere",
    "calls failed",
    "longest stall of those that went on",
    "streams by backend",
    "answers wrong",
  ]
  return table(head, results, (one) => [
    `${one.lostThere} of ${one.there}`,
    String(one.lostElsewhere),
    `${one.callsFailed} of ${one.callsThen}`,
    one.stallMs === null ? "–" : milliseconds(one.stallMs),
    counts(one.streamsAtEnd),
    String(one.wrong),
  ])
}

const counts = (list: readonly number[]): string => list.join(" ")

function milliseconds(ms: number): string {
  return ms >= 1000 ? `${number(ms / 1000)} s` : `${ms.toFixed(0)} ms`
}

/** `grpc_rebalance`: live streams move to servers that have too few. */
import { defaultRebalance } from "../../defaults.ts"
import type { ClusterConfig, RebalanceConfig } from "../../model.ts"
import type { Directive, Word } from "../ast.ts"
import { readNumber, readTimeMs } from "../units.ts"
import type { Adapter } from "./adapter.ts"

/** Sets one parameter. False: the value is wrong. */
type Setter = (settings: RebalanceConfig, value: string) => boolean

const time =
  (name: "afterMs" | "dwellMs" | "maxStreamAgeMs"): Setter =>
  (settings, value) => {
    const ms = readTimeMs(value)
    if (ms === null) return false
    settings[name] = ms
    return true
  }

const number =
  (name: "tolerancePercent" | "streamsPerSecond", min: number, max: number): Setter =>
  (settings, value) => {
    const read = readNumber(value)
    if (read === null || read < min || read > max) return false
    settings[name] = read
    return true
  }

const SETTERS: Readonly<Record<string, Setter>> = {
  tolerance: number("tolerancePercent", 0, 1000),
  after: time("afterMs"),
  dwell: time("dwellMs"),
  pace: number("streamsPerSecond", 1, 1_000_000),
  max_stream_age: time("maxStreamAgeMs"),
}

/** Null: it is off, or wrong. */
export function adaptRebalance(
  adapter: Adapter,
  { args, name }: Directive,
  { policy, sticky }: ClusterConfig,
): RebalanceConfig | null {
  const [first, ...rest] = args as [Word, ...Word[]]
  if (first.text === "off" && rest.length === 0) return null
  const settings = defaultRebalance()
  const wrong = (first.text === "on" ? rest : args).filter((word) => !adaptParameter(adapter, settings, word))
  if (wrong.length > 0) return null
  if (!("key" in policy) && policy.name !== "ip_hash" && sticky === null) return settings
  adapter.report.error(
    name.span,
    `"grpc_rebalance" where a ${sticky === null ? "key" : "cookie"} says where streams belong`,
    sticky === null ? "grpc_rehome moves those" : null,
  )
  return null
}

function adaptParameter(adapter: Adapter, settings: RebalanceConfig, word: Word): boolean {
  const [, name = "", value = ""] = /^(\w+)=(.*)$/s.exec(word.text) ?? []
  const right = Object.hasOwn(SETTERS, name) && SETTERS[name]!(settings, value)
  if (!right)
    adapter.report.error(
      word.span,
      `invalid parameter "${word.text}"`,
      `on, off, or of ${Object.keys(SETTERS).join("=, ")}=`,
    )
  return right
}

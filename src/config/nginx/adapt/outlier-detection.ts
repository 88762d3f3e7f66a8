/** `grpc_outlier_detection`: Envoy's outlier detection, in nginx's spelling. */
import { defaultFailurePercentage, defaultOutlierDetection } from "../../defaults.ts"
import type { OutlierDetectionConfig } from "../../model.ts"
import type { Directive, Word } from "../ast.ts"
import { readNumber, readTimeMs } from "../units.ts"
import type { Adapter } from "./adapter.ts"

/** Sets one parameter. False: the value is wrong. */
type Setter = (settings: OutlierDetectionConfig, value: string) => boolean

const time =
  (name: "intervalMs" | "baseEjectionMs" | "maxEjectionMs"): Setter =>
  (settings, value) => {
    const ms = readTimeMs(value)
    if (!ms) return false
    settings[name] = ms
    return true
  }

/** `value` within the range, given to `set`. */
function number(value: string, min: number, max: number, set: (number: number) => void): boolean {
  const read = readNumber(value)
  if (read === null || read < min || read > max) return false
  set(read)
  return true
}

const successRate =
  (name: keyof NonNullable<OutlierDetectionConfig["successRate"]>): Setter =>
  (settings, value) =>
    number(value, 1, 1_000_000, (read) => {
      settings.successRate = {
        ...(settings.successRate ?? defaultOutlierDetection().successRate!),
        [name]: read,
      }
    })

const failurePercentage =
  (name: keyof NonNullable<OutlierDetectionConfig["failurePercentage"]>, max = 1_000_000): Setter =>
  (settings, value) =>
    number(value, 1, max, (read) => {
      settings.failurePercentage = {
        ...(settings.failurePercentage ?? defaultFailurePercentage()),
        [name]: read,
      }
    })

const SETTERS: Readonly<Record<string, Setter>> = {
  interval: time("intervalMs"),
  base_ejection_time: time("baseEjectionMs"),
  max_ejection_time: time("maxEjectionMs"),
  max_ejection_percent: (settings, value) =>
    number(value, 0, 100, (read) => {
      settings.maxEjectionPercent = read
    }),
  consecutive_failures: (settings, value) =>
    number(value, 0, 1_000_000, (read) => {
      settings.consecutiveFailures = read || null
    }),
  success_rate: (settings, value) => {
    if (value === "off") settings.successRate = null
    return value === "off" || value === "on"
  },
  success_rate_stdev_factor: successRate("stdevFactor"),
  success_rate_minimum_hosts: successRate("minimumHosts"),
  success_rate_request_volume: successRate("requestVolume"),
  failure_percentage_threshold: failurePercentage("threshold", 100),
  failure_percentage_minimum_hosts: failurePercentage("minimumHosts"),
  failure_percentage_request_volume: failurePercentage("requestVolume"),
}

const HINT = `of Envoy's parameters: ${Object.keys(SETTERS).join("=, ")}=`

/** Null: it is off, or wrong. */
export function adaptOutlierDetection(adapter: Adapter, { args }: Directive): OutlierDetectionConfig | null {
  if (args.length === 1 && args[0]!.text === "off") return null
  const settings = defaultOutlierDetection()
  return args.filter((word) => !adaptParameter(adapter, settings, word)).length > 0 ? null : settings
}

function adaptParameter(adapter: Adapter, settings: OutlierDetectionConfig, word: Word): boolean {
  const [, name = "", value = ""] = /^(\w+)=(.*)$/s.exec(word.text) ?? []
  const right = Object.hasOwn(SETTERS, name) && SETTERS[name]!(settings, value)
  if (!right) adapter.report.error(word.span, `invalid parameter "${word.text}"`, HINT)
  return right
}

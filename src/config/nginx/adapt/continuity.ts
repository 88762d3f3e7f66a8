/** `grpc_continuity`, Sluice's own: streams that outlive their backend. */
import { GrpcStatus } from "../../../grpc/status.ts"
import {
  CLIENTS,
  CONTINUITY_ASKS,
  CONTINUITY_MODES,
  continuityPreset,
  continuityProblem,
  FIELD_PATH,
  KEEP_OCTETS,
  LEGS_MAX,
  OVERFLOWS,
  presetNames,
  REFUSALS,
  RESTARTS_WITH,
} from "../../continuity.ts"
import { defaultContinuity } from "../../defaults.ts"
import type { ContinuityConfig, ContinuityMode } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import { spanOf, type Word } from "../ast.ts"
import type { Report } from "../report.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readOffset, readTimeMs } from "../units.ts"

type Setting = keyof ContinuityConfig

/** One of a list; null: none. */
const oneOf = (choices: readonly string[]) => (text: string) => (choices.includes(text) ? text : null)
const within = (value: number | null, min: number, max: number) =>
  value !== null && value >= min && value <= max ? value : null
const fieldPath = (text: string) => (FIELD_PATH.test(text) ? text : null)

/** What may stand as `key=value` behind the modes. Null: no such value. */
const parameters: Readonly<Record<string, readonly [Setting, read: (text: string) => unknown]>> = {
  keep: ["keepOctets", (text) => within(readOffset(text), KEEP_OCTETS.min, KEEP_OCTETS.max)],
  gap_max: ["gapMaxMs", (text) => readTimeMs(text) || null],
  legs_max: ["legsMax", (text) => within(readNumber(text), LEGS_MAX.min, LEGS_MAX.max)],
  ask: ["ask", oneOf(CONTINUITY_ASKS)],
  refused: ["refused", oneOf(REFUSALS)],
  with: ["restartWith", oneOf(RESTARTS_WITH)],
  statuses: ["statuses", readStatuses],
  overflow: ["overflow", oneOf(OVERFLOWS)],
  clients: ["clients", oneOf(CLIENTS)],
  hold: ["holdOctets", (text) => within(readOffset(text), KEEP_OCTETS.min, KEEP_OCTETS.max)],
  from: ["cursorFrom", fieldPath],
  into: ["cursorInto", fieldPath],
}

export function adaptContinuity(report: Report, scope: Scope): ContinuityConfig {
  const directive = scope.one("grpc_continuity")
  const off = defaultContinuity()
  if (directive === null) return off
  const { args } = directive
  if (args.length === 1 && args[0]!.text === "off") return off
  const preset = args.length === 1 ? continuityPreset(args[0]!.text) : null
  if (preset !== null) return preset
  const modes = [
    ...new Set(args.filter(({ text }) => !text.includes("=")).flatMap((word) => mode(report, word))),
  ]
  const config: ContinuityConfig = { ...off, modes }
  for (const word of args.filter(({ text }) => text.includes("="))) readParameter(report, word, config)
  const problem =
    modes.length === 0
      ? "no mode is named"
      : continuityProblem(modes, config.cursorFrom, config.cursorInto, config.overflow)
  if (problem !== null) report.error(spanOf(directive), problem, `modes are ${CONTINUITY_MODES.join(", ")}`)
  return config
}

function mode(report: Report, { text, span }: Word): ContinuityMode[] {
  const found = CONTINUITY_MODES.find((each) => each === text)
  if (found !== undefined) return [found]
  const known = [...CONTINUITY_MODES, ...presetNames, "off"]
  const hint = didYouMean(text, known) ?? `modes are ${CONTINUITY_MODES.join(", ")}`
  report.error(span, `"${text}" is no mode of grpc_continuity`, hint)
  return []
}

function readParameter(report: Report, { text, span }: Word, config: ContinuityConfig): void {
  const at = text.indexOf("=")
  const key = text.slice(0, at)
  const parameter = Object.hasOwn(parameters, key) ? parameters[key] : undefined
  if (parameter === undefined) {
    report.error(span, `unknown parameter "${key}"`, didYouMean(key, Object.keys(parameters)))
    return
  }
  const [setting, read] = parameter
  const value = read(text.slice(at + 1))
  if (value === null) report.error(span, `invalid value in "${text}"`)
  else Object.assign(config, { [setting]: value })
}

/** `UNAVAILABLE,INTERNAL`, by name or number; OK is never a failure. */
function readStatuses(text: string): number[] | null {
  const statuses = text.split(",").map((one) => {
    const code = Object.hasOwn(GrpcStatus, one) ? GrpcStatus[one as keyof typeof GrpcStatus] : readNumber(one)
    return within(code, 1, 16)
  })
  return statuses.includes(null) ? null : (statuses as number[])
}

/** `log_format`, `access_log` and `error_log`. */
import type { AccessLogConfig, Config, LogLevel } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import { missingSemicolon } from "../check.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readSize, readTimeMs } from "../units.ts"
import { hasVariables } from "../variables.ts"
import { type Adapter, fullPath } from "./adapter.ts"
import type { LogFormat } from "./log-formats.ts"

export function adaptLogFormat(adapter: Adapter, { args }: Directive): void {
  const [name, ...rest] = args as [Word, ...Word[]]
  const key = name.text.toLowerCase()
  if (adapter.formats.get(key)?.written === true) {
    adapter.report.error(name.span, `duplicate "log_format" name "${name.text}"`)
    return
  }
  let escaping: LogFormat["escape"] = "default"
  const first = rest[0]!
  if (first.text.startsWith("escape=")) {
    const value = first.text.slice("escape=".length)
    if (value === "json" || value === "none" || value === "default") escaping = value
    else {
      adapter.report.error(
        first.span,
        `unknown log format escaping "${value}"`,
        "it is default, json or none",
      )
    }
    rest.shift()
  }
  for (const word of rest) adapter.variables.check(word, adapter.report, true)
  const template = adapter.variables.toLogTemplate(rest)
  adapter.formats.set(key, { name: name.text, template, escape: escaping, written: true })
}

/** The access logs that hold at a level; `off` anywhere there is none at all. */
export function adaptAccessLogs(adapter: Adapter, scope: Scope): AccessLogConfig[] {
  const directives = scope.all("access_log")
  const logs = directives.map((directive) => adaptAccessLog(adapter, directive, scope))
  if (directives.some(({ args }) => args[0]!.text === "off")) return []
  return logs.filter((log) => log !== null)
}

/** nginx's when `gzip` is given without `buffer=`. */
const GZIP_BUFFER_OCTETS = 64 * 1024

function adaptAccessLog(adapter: Adapter, directive: Directive, scope: Scope): AccessLogConfig | null {
  const { report } = adapter
  const [path, formatName, ...parameters] = directive.args as [Word, ...Word[]]
  if (path.text === "off") {
    if (formatName !== undefined) reportInvalid(adapter, directive, formatName)
    return null
  }
  if (formatName === undefined && adapter.protocol === "tcp") {
    report.error(
      spanOf(directive),
      "log format is not specified",
      "stream has none of its own: write log_format",
    )
    return null
  }
  const format = adapter.formats.get((formatName?.text ?? "combined").toLowerCase())
  if (format === undefined) {
    const names = [...adapter.formats.values()].map(({ name }) => name)
    const hint =
      missingSemicolon(directive, ["http", "server", "location"]) ?? didYouMean(formatName!.text, names)
    report.error(formatName!.span, `unknown log format "${formatName!.text}"`, hint)
    return null
  }
  const log: AccessLogConfig = {
    path: fullPath(adapter, path),
    template: scope.textHere(format.template, "-"),
    escape: format.escape,
    ifTemplate: null,
    bufferOctets: 0,
    flushMs: null,
  }
  if (!parameters.every((word) => adaptParameter(adapter, directive, word, log))) return null
  if (log.flushMs !== null && log.bufferOctets === 0) {
    report.error(
      spanOf(directive),
      `no buffer is defined for access_log "${path.text}"`,
      "add buffer=, for instance buffer=32k",
    )
    return null
  }
  if (hasVariables(path.text) && !adapter.variables.check(path, report, true)) return null
  if (path.text.startsWith("syslog:") || hasVariables(path.text)) {
    const what = hasVariables(path.text) ? "a path with variables" : "logging to syslog"
    report.warning(path.span, `${what} is not supported, this log is not written`)
    return null
  }
  return log
}

function adaptParameter(adapter: Adapter, directive: Directive, word: Word, log: AccessLogConfig): boolean {
  const { report } = adapter
  const [, name, value] = /^(buffer=|flush=|if=|gzip(?:=|$))(.*)$/s.exec(word.text) ?? []
  if (name === "buffer=") {
    log.bufferOctets = readSize(value!) ?? 0
    if (log.bufferOctets === 0)
      report.error(word.span, `invalid buffer size "${value}"`, "for instance buffer=32k")
    return log.bufferOctets !== 0
  }
  if (name === "flush=") {
    log.flushMs = readTimeMs(value!) || null
    if (log.flushMs === null)
      report.error(word.span, `invalid flush time "${value}"`, "for instance flush=5s")
    return log.flushMs !== null
  }
  if (name === "if=") {
    log.ifTemplate = value!
    return adapter.variables.check({ ...word, text: value! }, report)
  }
  if (name === undefined) return reportInvalid(adapter, directive, word)
  const level = name === "gzip" ? 1 : readNumber(value!)
  if (level === null || level < 1 || level > 9) {
    report.error(word.span, `invalid compression level "${value}"`)
    return false
  }
  report.note(word.span, "access_log gzip", "logs are not compressed")
  if (log.bufferOctets === 0) log.bufferOctets = GZIP_BUFFER_OCTETS
  return true
}

function reportInvalid({ report }: Adapter, directive: Directive, word: Word): false {
  const hint = missingSemicolon(directive, ["http", "server", "location"])
  report.error(
    word.span,
    `invalid parameter "${word.text}"`,
    hint ?? didYouMean(word.text, ["buffer=", "flush=", "if=", "gzip"]),
  )
  return false
}

/** nginx's levels and the nearest that Sluice has. */
const LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ["debug", "debug"],
  ["info", "info"],
  ["notice", "info"],
  ["warn", "warn"],
  ["error", "error"],
  ["crit", "error"],
  ["alert", "error"],
  ["emerg", "error"],
])

/** Sluice's own log, from the first `error_log`; the others are noted. */
export function adaptErrorLog(
  adapter: Adapter,
  directive: Directive,
  log: Config["log"],
  isFirst: boolean,
): void {
  const { report } = adapter
  const [path, ...levels] = directive.args as [Word, ...Word[]]
  for (const word of levels) {
    if (LEVELS.has(word.text)) continue
    if (word.text.startsWith("debug_")) continue
    report.error(word.span, `invalid log level "${word.text}"`, didYouMean(word.text, LEVELS.keys()))
    return
  }
  if (!isFirst) {
    report.note(spanOf(directive), "error_log", "there is one log, the first that is written")
    return
  }
  log.level = LEVELS.get(levels[0]?.text ?? "error") ?? "debug"
  if (/^(syslog|memory):/.test(path.text)) {
    report.warning(
      path.span,
      `logging to ${path.text.split(":")[0]} is not supported, standard error is used`,
    )
  } else log.path = path.text === "stderr" ? "stderr" : fullPath(adapter, path)
}

/**
 * The process's own log: what people and machines read about Sluice itself, not about single streams.
 *
 * JSON lines, or short readable ones on a terminal. A peer cannot flood it: each message has a rate of its own.
 */
import { pino } from "pino"
import { type Clock, systemClock } from "../base/clock.ts"
import type { LogLevel } from "../config/model.ts"
import { LineRate } from "./line-rate.ts"
import { eventKindOf, type LogEvent } from "./log-event.ts"
import { LogFile, type LogFileSystem } from "./log-file.ts"
import { readableLine } from "./readable-line.ts"

export type LogFields = Readonly<
  Record<string, string | number | boolean | null | undefined | readonly string[]>
>

/** What every part of Sluice is handed to speak with. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A log whose lines all carry `fields`; the rates are shared. */
  with(fields: LogFields): Log
}

export interface ProcessLog extends Log {
  setLevel(level: LogLevel): void
  /** After a rotation (SIGUSR1). */
  reopen(): Promise<void>
  /** Writes what waits and closes. */
  close(): Promise<void>
  /** For a process about to end abnormally. */
  flushSync(): void
}

export interface LogOptions {
  level: LogLevel
  /** `stderr`, `/dev/stdout`, or a file. Default `stderr`. */
  path?: string
  /** Default: `readable` when standard error is a terminal and the log goes there, else `json`. */
  format?: "json" | "readable"
  /** Levels in colour, where lines are readable. Default: no. */
  color?: boolean
  clock?: Clock
  files?: LogFileSystem
  /** Told of those lines that are events, whatever the level; as seldom as lines are written. */
  onEvent?: (event: LogEvent) => void
}

/** Opens the process log. Errors: throws LogFileError. */
export function openLog(options: LogOptions): ProcessLog {
  const { path = "stderr", clock = systemClock, files } = options
  const file = new LogFile({
    path,
    purpose: "log",
    clock,
    ...(files && { files }),
    encoding: "utf8",
    bufferOctets: 0,
    flushMs: null,
    report: (_severity, message) => path !== "stderr" && process.stderr.write(`sluice: ${message}\n`),
  })
  const terminal = path === "stderr" && process.stderr.isTTY === true
  const format = options.format ?? (terminal ? "readable" : "json")
  const { log, setLevel } = makeLog({ ...options, format, clock, write: (line) => file.append(line) })
  return Object.assign(log, {
    setLevel,
    reopen: () => file.reopen(),
    close: () => file.close(),
    flushSync: () => file.flushSync(),
  })
}

/** A log that hands its lines, without newline, to `write`: for tests, and for programs that have a log already. */
export function createLog(options: CreateLogOptions): Log {
  return makeLog(options).log
}

interface CreateLogOptions {
  level: LogLevel
  format?: "json" | "readable"
  color?: boolean
  clock?: Clock
  write: (line: string) => void
  onEvent?: (event: LogEvent) => void
}

function makeLog(options: CreateLogOptions): { log: Log; setLevel(level: LogLevel): void } {
  const { level, format = "json", color = false, clock = systemClock, write, onEvent } = options
  const finish = format === "json" ? (line: string) => line : (line: string) => readableLine(line, color)
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "message",
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(finish(line.trimEnd())) },
  )
  const tellOf = onEvent === undefined ? null : eventTeller(new LineRate(clock), onEvent)
  return {
    log: limitedLog(logger, new LineRate(clock), {}, tellOf),
    setLevel(to) {
      logger.level = to
    },
  }
}

type TellOf = (level: LogLevel, message: string, fields: LogFields) => void

/** Events are as rare as lines: no peer can flood those who listen. */
function eventTeller(rate: LineRate, onEvent: (event: LogEvent) => void): TellOf {
  return (level, message, fields) => {
    const kind = eventKindOf(message)
    if (kind === null) return
    const unsaid = rate.admit(message)
    if (unsaid < 0) return
    onEvent({ kind, level, message, fields: unsaid > 0 ? { ...fields, unsaid } : fields })
  }
}

function limitedLog(logger: pino.Logger, rate: LineRate, own: LogFields, tellOf: TellOf | null): Log {
  const say = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (level !== "debug") tellOf?.(level, message, { ...own, ...fields })
    if (!logger.isLevelEnabled(level)) return
    const unsaid = level === "debug" ? 0 : rate.admit(message)
    if (unsaid < 0) return
    logger[level](unsaid > 0 ? { ...own, ...fields, unsaid } : { ...own, ...fields }, message)
  }
  return {
    debug: say("debug"),
    info: say("info"),
    warn: say("warn"),
    error: say("error"),
    with: (fields) => limitedLog(logger, rate, { ...own, ...fields }, tellOf),
  }
}

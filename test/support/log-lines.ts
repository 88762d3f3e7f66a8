import { createLog, type Log } from "../../src/log/logger.ts"

export interface LogLine {
  level: string
  message: string
  [field: string]: unknown
}

/** A log, and what was said in it. */
export class LogLines {
  readonly lines: LogLine[] = []
  readonly log: Log = createLog({ level: "debug", write: (line) => this.lines.push(JSON.parse(line)) })

  /** The lines that say `message`, without their level and time. */
  saying(message: string): Record<string, unknown>[] {
    return this.lines
      .filter((line) => line.message === message)
      .map(({ level: _level, time: _time, message: _message, ...fields }) => fields)
  }
}

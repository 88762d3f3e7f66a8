import { resolve } from "node:path"
import type { Clock } from "../base/clock.ts"
import type { AccessLogConfig } from "../config/model.ts"
import type { StreamRecord } from "../record/record.ts"
import { compileTemplate, type Template } from "../record/template.ts"
import { builtIn, type VariableSource } from "../record/variable-table.ts"
import type { StreamEvent, TemplateEnvironment } from "../record/variables.ts"
import { LogFile, type LogFileSystem } from "./log-file.ts"
import type { Log } from "./logger.ts"

export interface AccessLogsOptions {
  clock: Clock
  /** Where trouble with the files is told. */
  log: Log
  env: TemplateEnvironment
  files?: LogFileSystem
  /** Octets kept per file while the disk lags; default 4 MiB. */
  pendingOctets?: number
}

/** One `access_log`: a line when a stream ends, and where that is asked for, others before. */
export interface AccessLog {
  /** Never waits, never throws; the line is dropped and counted when the disk cannot keep up. */
  write(record: StreamRecord, event?: StreamEvent): void
  /** Gives the file back. The last user's release writes what waits and closes it. */
  release(): Promise<void>
}

export interface AccessLogStats {
  path: string
  written: number
  dropped: number
}

/** All access logs of a process: those of one path share one open file. */
export class AccessLogs {
  readonly #options: AccessLogsOptions
  readonly #files = new Map<string, { file: LogFile; users: number }>()

  constructor(options: AccessLogsOptions) {
    this.#options = options
  }

  /** Errors: throws LogFileError, which names the path and the reason. */
  open(config: AccessLogConfig, table: VariableSource = builtIn): AccessLog {
    const { env } = this.#options
    const line = compileTemplate(config.template, config.escape, table)
    const condition = config.ifTemplate === null ? null : compileTemplate(config.ifTemplate, "none", table)
    const { file, release } = this.#acquire(config)
    return {
      write(record, event = "end") {
        env.streamEvent = event
        if (condition === null || holds(condition, record, env))
          file.appendBy((out) => line.write(record, env, out))
      },
      release,
    }
  }

  /** After a rotation (SIGUSR1): every file is opened anew. */
  async reopen(): Promise<void> {
    await Promise.all([...this.#files.values()].map(({ file }) => file.reopen()))
  }

  /** Writes what waits and closes every file. */
  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map(({ file }) => file.close()))
    this.#files.clear()
  }

  /** For a process about to end, also in the middle of `close`. */
  flushSync(): void {
    for (const { file } of this.#files.values()) file.flushSync()
  }

  stats(): AccessLogStats[] {
    return [...this.#files.values()].map(({ file: { path, written, dropped } }) => ({
      path,
      written,
      dropped,
    }))
  }

  #acquire(config: AccessLogConfig): { file: LogFile; release: () => Promise<void> } {
    const key = config.path === "stderr" ? "/dev/stderr" : resolve(config.path)
    let entry = this.#files.get(key)
    if (entry === undefined) {
      entry = { file: this.#openFile(key, config), users: 0 }
      this.#files.set(key, entry)
    }
    const held = entry
    held.file.tighten(config.bufferOctets, config.flushMs)
    held.users++
    let released = false
    const release = async () => {
      if (released) return
      released = true
      if (--held.users > 0) return
      if (this.#files.get(key) === held) this.#files.delete(key)
      await held.file.close()
    }
    return { file: held.file, release }
  }

  #openFile(path: string, { bufferOctets, flushMs }: AccessLogConfig): LogFile {
    const { clock, log, files, pendingOctets } = this.#options
    return new LogFile({
      path,
      purpose: "access log",
      clock,
      ...(files && { files }),
      encoding: "latin1",
      bufferOctets,
      flushMs,
      ...(pendingOctets !== undefined && { pendingOctets }),
      report: (severity, message) => log[severity](message),
    })
  }
}

function holds(condition: Template, record: StreamRecord, env: TemplateEnvironment): boolean {
  const value = condition.render(record, env)
  return value !== "" && value !== "0"
}

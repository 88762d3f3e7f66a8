import type { OpenAddress } from "../balancer/status.ts"
import type { ThreadLog } from "../balancer/thread/contract.ts"
import { systemClock } from "../base/clock.ts"
import type { LoadedConfig } from "../config/load.ts"
import type { Config } from "../config/model.ts"
import { workerCount } from "../config/workers.ts"
import { openAdmin } from "../control/admin/admin.ts"
import { EventRing } from "../control/admin/event-ring.ts"
import { Control, type ControlOptions } from "../control/control.ts"
import { makeWorker } from "../control/data-threads.ts"
import { type Inheritance, inheritSockets } from "../control/inherited-sockets.ts"
import { processSignals } from "../control/signals.ts"
import { openLog, type ProcessLog } from "../log/logger.ts"
import { wantsColor } from "./colors.ts"
import { writePidFile } from "./pid-file.ts"
import type { StartupOutput } from "./startup-output.ts"
import { closeUninvitedDebugger } from "./uninvited-debugger.ts"

/** The log of a process, how its threads write theirs, and what happened of late. */
export interface ProcessLogs {
  readonly log: ProcessLog
  readonly threadLog: ThreadLog
  readonly events: EventRing
}

/** Errors: throws in a sentence, where the log cannot be opened. */
export function openProcessLogs({ log: config }: Pick<Config, "log">, isJson: boolean): ProcessLogs {
  const isTerminal = config.path === "stderr" && process.stderr.isTTY === true
  const threadLog = {
    ...config,
    format: isTerminal && !isJson ? ("readable" as const) : ("json" as const),
    color: wantsColor(process.stderr, process.env),
  }
  const events = new EventRing(systemClock.wallMs)
  const log = openLog({ ...threadLog, onEvent: (event) => events.add(event) })
  process.on("uncaughtException", (error) => {
    // A bug on the control side. Data threads full of live streams are not ended for it.
    log.error("unexpected error", { error: error.stack ?? String(error) })
  })
  return { log, threadLog, events }
}

export interface RunControlOptions
  extends Pick<ControlOptions, "configFile" | "sourceSpecs" | "onDrain" | "controlPlane"> {
  config: Config
  /** As `ControlOptions` has it. */
  load: ((isReload: boolean) => Promise<LoadedConfig>) | null
  logs: ProcessLogs
  teller: StartupOutput
  isJson: boolean
  /** Whether another process may take its place. Default: yes. */
  canUpgrade?: boolean
  /** Default: what this process was started with. */
  inheritance?: Inheritance
  /** Before it runs. */
  onControl?(control: Control): void
  /** It runs. */
  onListening?(control: Control): void
}

/** Runs a configuration until told to stop. Resolves with the exit code: 0, or 1 where it could not start or stop. */
export async function runControl(options: RunControlOptions): Promise<number> {
  const { config, load, logs, teller, isJson, configFile, sourceSpecs, onDrain, canUpgrade = true } = options
  const { log, threadLog, events } = logs
  await closeUninvitedDebugger()
  const control: Control = new Control({
    config,
    threads: workerCount(config),
    load,
    log,
    threadLog,
    clock: systemClock,
    signals: canUpgrade ? processSignals : withoutUpgrade(log),
    inheritance: options.inheritance ?? inheritSockets(process.env, process, log),
    configFile,
    controlPlane: options.controlPlane ?? null,
    ...(sourceSpecs && { sourceSpecs }),
    ...(onDrain && { onDrain }),
    onEvent: (event) => events.add(event),
    openAdmin: (admin, view) =>
      openAdmin({ config: admin, view, events, clock: systemClock, log, env: process.env }),
    makeWorker,
    onListening: (addresses, admin) => {
      announce(addresses, admin, { config, log, teller, isJson })
      options.onListening?.(control)
    },
    exit: (code) => process.exit(code),
  })
  options.onControl?.(control)
  const code = await control.run().catch((error: unknown) => {
    const reason = (error as Error).message
    teller.cannotStart(reason)
    if (config.log.path !== "stderr") log.error("cannot start", { reason })
    return 1
  })
  return code
}

/** Signals that ask for another process in its place are not obeyed. */
function withoutUpgrade(log: ProcessLog): ControlOptions["signals"] {
  return {
    onCommand: (handler) =>
      processSignals.onCommand((command, why) => {
        if (command !== "upgrade") return handler(command, why)
        log.warn("no upgrade: another process would have to learn what it serves first", { signal: why })
      }),
  }
}

interface Announcement {
  config: Config
  log: ProcessLog
  teller: StartupOutput
  isJson: boolean
}

/** Says that it listens, in the log and wherever else that is waited for. */
function announce(
  addresses: readonly OpenAddress[],
  admin: string | null,
  { config, log, teller, isJson }: Announcement,
): void {
  writePidFile(config.pidFile, log)
  const shown = addresses.map(({ host, port, unixPath }) =>
    unixPath !== null ? `unix:${unixPath}` : `${host?.includes(":") ? `[${host}]` : host}:${port}`,
  )
  log.info("listening", {
    addresses: shown.join(" "),
    clusters: config.clusters.map(({ name, endpoints }) => `${name}(${endpoints.length})`).join(" "),
    workers: workerCount(config),
    ...(admin !== null && { admin }),
  })
  if (shown.length === 0) log.warn("no server is configured: nothing listens")
  // On a terminal the log itself says so.
  if (process.stderr.isTTY && config.log.path !== "stderr")
    teller.line(`listening on ${shown.join(" ")}; the log is ${config.log.path}, level ${config.log.level}`)
  if (!isJson) return
  process.stdout.write(`${JSON.stringify({ event: "listening", addresses })}\n`)
}

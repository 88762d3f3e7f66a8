import { resolve } from "node:path"
import type { OpenAddress } from "../balancer/status.ts"
import { holdProcess, systemClock } from "../base/clock.ts"
import { defaultConfig } from "../config/defaults.ts"
import type { LoadedConfig } from "../config/load.ts"
import type { Config } from "../config/model.ts"
import { whyNot } from "../config/problem.ts"
import { workerCount } from "../config/workers.ts"
import { openAdmin } from "../control/admin/admin.ts"
import { EventRing } from "../control/admin/event-ring.ts"
import { ConfigWatch } from "../control/config-watch.ts"
import { Control } from "../control/control.ts"
import { makeWorker } from "../control/data-threads.ts"
import { inheritSockets } from "../control/inherited-sockets.ts"
import { processSignals } from "../control/signals.ts"
import { ControlPlane } from "../control/xds/control-plane.ts"
import { openLog, type ProcessLog } from "../log/logger.ts"
import { fromAddresses } from "./address-options.ts"
import { wantsColor } from "./check.ts"
import { writePidFile } from "./pid-file.ts"
import { makeLogDirectories, prepare } from "./prepare.ts"
import { StartupOutput } from "./startup-output.ts"
import { closeUninvitedDebugger } from "./uninvited-debugger.ts"

export interface RunOptions {
  /** A configuration file, or … */
  config: string | null
  /** A bootstrap file: a control plane says more. */
  xds?: string | null
  /** … addresses to listen on and to balance over. */
  listen: string[]
  to: string[]
  json: boolean
  /** A configuration with warnings is not run. */
  strict: boolean
  /** Reads the file. Default: `loadConfig`. */
  load?: (path: string) => LoadedConfig
  /** Reloads by itself when a file of the configuration changes. */
  watch: boolean
}

/** Runs until told to stop. Resolves with the exit code: 0, 1 at runtime, 2 for the configuration. */
export async function run(options: RunOptions): Promise<number> {
  // The clock's timers keep no process alive, and while all threads are dead, or a log waits for its reader, there is nothing else.
  const letGo = holdProcess()
  try {
    return await runUntilStopped(options)
  } finally {
    letGo()
  }
}

async function runUntilStopped(options: RunOptions): Promise<number> {
  const teller = new StartupOutput(options.json)
  let control: Control | null = null
  // Nothing is watched before it runs: what changes until then is read at the first look.
  const watch =
    options.watch && options.config !== null
      ? new ConfigWatch(options.config, systemClock, () => void control?.reload().catch(() => {}))
      : null
  const read = (path: string): Promise<LoadedConfig> => {
    const again = (): Promise<LoadedConfig> => prepareAgain(path, options, teller)
    return watch === null ? again() : watch.reading(again)
  }
  const config = await readConfig(options, teller, read)
  if (config === null) return 2
  const isTerminal = config.log.path === "stderr" && process.stderr.isTTY === true
  const threadLog = {
    ...config.log,
    format: isTerminal && !options.json ? ("readable" as const) : ("json" as const),
    color: wantsColor(process.stderr, process.env),
  }
  const events = new EventRing(systemClock.wallMs)
  let log: ProcessLog
  try {
    log = openLog({ ...threadLog, onEvent: (event) => events.add(event) })
  } catch (error) {
    teller.cannotStart((error as Error).message)
    return 1
  }
  process.on("uncaughtException", (error) => {
    // A bug on the control side. Data threads full of live streams are not ended for it.
    log.error("unexpected error", { error: error.stack ?? String(error) })
  })
  await closeUninvitedDebugger()
  const inheritance = inheritSockets(process.env, process, log)
  let plane: ControlPlane | null = null
  if (options.xds != null)
    try {
      plane = new ControlPlane({
        path: options.xds,
        base: config,
        clock: systemClock,
        log,
        onLimit: (limit) => control?.count(limit),
      })
      await plane.start(inheritance.isUpgrade)
    } catch (error) {
      teller.cannotStart((error as Error).message)
      return 1
    }
  const running = new Control({
    config: plane?.config ?? config,
    threads: workerCount(config),
    load: options.config === null ? null : (isReload) => load(isReload, options, read, plane),
    log,
    threadLog,
    clock: systemClock,
    signals: processSignals,
    inheritance,
    controlPlane: plane?.client ?? null,
    configFile: options.config === null ? null : resolve(options.config),
    onEvent: (event) => events.add(event),
    openAdmin: (admin, view) =>
      openAdmin({ config: admin, view, events, clock: systemClock, log, env: process.env }),
    makeWorker,
    onListening: (addresses, admin) => {
      announce(addresses, admin, { config: running.config, log, teller, options })
      plane?.use((next) => running.apply(next))
    },
    exit: (code) => process.exit(code),
  })
  control = running
  const code = await running.run().catch((error: unknown) => {
    const reason = (error as Error).message
    teller.cannotStart(reason)
    if (config.log.path !== "stderr") log.error("cannot start", { reason })
    return 1
  })
  plane?.stop()
  await log.close()
  return code
}

/** The file, with what the control plane says. */
async function load(
  isReload: boolean,
  options: RunOptions,
  read: (path: string) => Promise<LoadedConfig>,
  plane: ControlPlane | null,
): Promise<LoadedConfig> {
  const loaded = await (isReload ? read(options.config!) : prepare(options.config!, options))
  if (plane === null || loaded.config === null) return loaded
  return { ...loaded, config: plane.configWith(loaded.config, isReload) }
}

async function readConfig(
  options: RunOptions,
  teller: StartupOutput,
  read: (path: string) => Promise<LoadedConfig>,
): Promise<Config | null> {
  if (options.config === null && options.xds != null) return defaultConfig()
  if (options.config === null) {
    const { config, errors } = fromAddresses(options.listen, options.to)
    for (const error of errors) teller.cannotStart(error)
    return config
  }
  const { config, problems } = await read(options.config)
  if (config === null) teller.cannotStart(whyNot(problems), problems)
  return config
}

/** Reads the configuration, tells what is wrong with it, and makes the directories that it needs. */
async function prepareAgain(
  path: string,
  { strict, load }: RunOptions,
  teller: StartupOutput,
): Promise<LoadedConfig> {
  const loaded = await prepare(path, { strict, ...(load && { load }) })
  teller.problems(loaded)
  if (loaded.config !== null) makeLogDirectories(loaded.config)
  return loaded
}

interface Announcement {
  config: Config
  log: ProcessLog
  teller: StartupOutput
  options: RunOptions
}

/** Says that it listens, in the log and wherever else that is waited for. */
function announce(
  addresses: readonly OpenAddress[],
  admin: string | null,
  { config, log, teller, options }: Announcement,
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
  if (!options.json) return
  process.stdout.write(`${JSON.stringify({ event: "listening", addresses })}\n`)
}

import { resolve } from "node:path"
import { holdProcess, systemClock } from "../base/clock.ts"
import type { CounterName } from "../base/counters.ts"
import { defaultConfig } from "../config/defaults.ts"
import type { LoadedConfig } from "../config/load.ts"
import type { Config } from "../config/model.ts"
import { whyNot } from "../config/problem.ts"
import { ConfigWatch } from "../control/config-watch.ts"
import type { Control } from "../control/control.ts"
import { inheritSockets } from "../control/inherited-sockets.ts"
import { ControlPlane } from "../control/xds/control-plane.ts"
import { fromAddresses } from "./address-options.ts"
import { makeLogDirectories, prepare } from "./prepare.ts"
import { openProcessLogs, type ProcessLogs, runControl } from "./run-control.ts"
import { StartupOutput } from "./startup-output.ts"

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
  let logs: ProcessLogs
  try {
    logs = openProcessLogs(config, options.json)
  } catch (error) {
    teller.cannotStart((error as Error).message)
    return 1
  }
  const { log } = logs
  const inheritance = inheritSockets(process.env, process, log)
  let plane: ControlPlane | null = null
  if (options.xds != null) {
    const onLimit = (limit: CounterName): void => control?.count(limit)
    try {
      plane = new ControlPlane({ path: options.xds, base: config, clock: systemClock, log, onLimit })
    } catch (error) {
      teller.cannotStart((error as Error).message)
      return 2
    }
    try {
      await plane.start(inheritance.isUpgrade)
    } catch (error) {
      teller.cannotStart((error as Error).message)
      return 1
    }
  }
  const code = await runControl({
    config: plane?.config ?? config,
    load: options.config === null ? null : (isReload) => load(isReload, options, read, plane),
    logs,
    inheritance,
    controlPlane: plane?.client ?? null,
    teller,
    isJson: options.json,
    configFile: options.config === null ? null : resolve(options.config),
    onControl: (running) => (control = running),
    onListening: (running) => plane?.use((next) => running.apply(next)),
  })
  plane?.stop()
  await logs.log.close()
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

import { holdProcess, systemClock } from "../clock.ts"
import { loadConfig } from "../config/load.ts"
import type { Config } from "../config/model.ts"
import { renderProblem, sortProblems } from "../config/problem.ts"
import { workerCount } from "../config/workers.ts"
import { fromInput } from "../config/yaml/normalize.ts"
import { counterIds } from "../counters.ts"
import { openLog, type ProcessLog } from "../log/logger.ts"
import { Balancer, type OpenAddress } from "../sluice.ts"
import { wantsColor } from "./check.ts"
import { writePidFile } from "./pid-file.ts"
import { closeUninvitedDebugger } from "./uninvited-debugger.ts"
import { type Control, commands, isWorker, WORKER_READY } from "./worker-control.ts"
import { assertFree, startWorker, Workers } from "./workers.ts"

export interface RunOptions {
  /** A configuration file, or … */
  config: string | null
  /** … addresses to listen on and to balance over. */
  listen: string[]
  to: string[]
  json: boolean
}

const NO_UPGRADE =
  "SIGUSR2 is not supported: start the new version beside this one (reuseport), then send this one SIGTERM"

/** Runs until told to stop. Resolves with the exit code: 0, 1 at runtime, 2 for the configuration. */
export async function run(options: RunOptions): Promise<number> {
  // The clock's timers keep no process alive, and while all workers are dead, or a log waits for its reader, there is nothing else.
  const letGo = holdProcess()
  try {
    return await runUntilStopped(options)
  } finally {
    letGo()
  }
}

async function runUntilStopped(options: RunOptions): Promise<number> {
  const config = readConfig(options)
  if (config === null) return 2
  const count = workerCount(config)
  let log: ProcessLog
  try {
    const format = options.json ? { format: "json" as const } : {}
    log = openLog({ ...config.log, ...format, color: wantsColor(process.stderr, process.env) })
  } catch (error) {
    return cannotStart(error)
  }
  if (!isWorker) process.on("SIGUSR2", () => log.warn(NO_UPGRADE))
  const code =
    count > 1 && !isWorker
      ? await runWorkers(config, count, log, options)
      : await runHere(config, log, options)
  await log.close()
  return code
}

function cannotStart(error: unknown): 1 {
  process.stderr.write(`sluice: ${(error as Error).message}\n`)
  return 1
}

/** The whole data plane in this process. */
async function runHere(config: Config, log: ProcessLog, options: RunOptions): Promise<number> {
  let balancer: Balancer
  try {
    balancer = new Balancer(asHere(config), { log })
    await closeUninvitedDebugger()
    await balancer.start()
  } catch (error) {
    return cannotStart(error)
  }
  // Whoever hears that it listens may tell it to stop the next moment.
  const stopped = untilStopped(balancer, config, log, options, commands)
  if (isWorker) process.send!(WORKER_READY)
  else announce(balancer.addresses, config, log, options.json)
  return stopped
}

/** The data plane in several processes, and this one to look after them. */
async function runWorkers(
  config: Config,
  count: number,
  log: ProcessLog,
  options: RunOptions,
): Promise<number> {
  try {
    await assertFree(config.listeners)
  } catch (error) {
    return cannotStart(error)
  }
  await closeUninvitedDebugger()
  const start = () => startWorker(process.argv.slice(2))
  const workers = new Workers({ count, start, control: commands, clock: systemClock, log })
  return workers.run(() => announce(config.listeners, config, log, options.json))
}

/** The configuration as this process runs it: workers share their ports. */
function asHere(config: Config): Config {
  if (!isWorker) return config
  return { ...config, listeners: config.listeners.map((listener) => ({ ...listener, reusePort: true })) }
}

function readConfig(options: RunOptions): Config | null {
  if (options.config === null) {
    const input = {
      listeners: options.listen,
      clusters: { backend: options.to },
    }
    const { config, problems } = fromInput(input)
    for (const problem of problems)
      if (problem.severity === "error") process.stderr.write(`sluice: ${problem.message}\n`)
    return config
  }
  return loadAndReport(options.config)
}

/** Errors and warnings go to standard error; notes are `sluice check`'s. */
function loadAndReport(path: string): Config | null {
  const { config, problems, sources } = loadConfig(path)
  const color = wantsColor(process.stderr, process.env)
  for (const problem of sortProblems(problems))
    if (problem.severity !== "note") process.stderr.write(`${renderProblem(problem, sources, { color })}\n\n`)
  return config
}

/** Tells everybody who wants to know that it listens. */
function announce(addresses: readonly OpenAddress[], config: Config, log: ProcessLog, json: boolean): void {
  writePidFile(config.pidFile, log)
  const shown = addresses.map(({ host, port, unixPath }) =>
    unixPath === null ? `${host}:${port}` : `unix:${unixPath}`,
  )
  log.info("listening", {
    addresses: shown.join(" "),
    clusters: config.clusters.map(({ name, endpoints }) => `${name}(${endpoints.length})`).join(" "),
    workers: workerCount(config),
  })
  if (!json) return
  const places = addresses.map(({ name, host, port, unixPath }) => ({ name, host, port, unixPath }))
  process.stdout.write(`${JSON.stringify({ event: "listening", addresses: places })}\n`)
}

/** The first stop drains, a second one ends at once. Resolves with the exit code. */
export function untilStopped(
  balancer: Balancer,
  config: Config,
  log: ProcessLog,
  options: RunOptions,
  control: Control,
): Promise<number> {
  process.on("uncaughtException", (error) => {
    // A bug of ours, outside any connection's own. A process full of strangers' live streams is not ended for it.
    balancer.counters.add(counterIds.uncaught)
    log.error("unexpected error", { error: error.stack ?? String(error) })
  })
  return new Promise((resolve) => {
    let isStopping = false
    const stop = (signal: string): void => {
      if (isStopping) {
        log.warn("stopping at once", { signal })
        balancer.flushLogsSync()
        log.flushSync()
        process.exit(0)
      }
      isStopping = true
      const { streams } = balancer.snapshot()
      log.info("draining", { signal, streams: streams.length, graceMs: config.shutdown.graceMs })
      balancer.close().then(
        () => {
          log.info("stopped")
          resolve(0)
        },
        (error: unknown) => {
          log.error("could not stop cleanly", { reason: (error as Error).message })
          resolve(1)
        },
      )
    }
    const reopen = (): void => {
      void balancer.reopenLogs()
      void log.reopen()
    }
    control.onCommand((command, why) => {
      if (command === "stop") stop(why)
      // As in nginx, for whoever rotates logs by `systemctl reload`; also when the old configuration stays.
      else if (command === "reload") void reload(balancer, log, options).then(reopen)
      else reopen()
    })
  })
}

async function reload(balancer: Balancer, log: ProcessLog, options: RunOptions): Promise<void> {
  if (options.config === null) return log.warn("nothing to reload: no configuration file was given")
  const config = loadAndReport(options.config)
  if (config === null) return log.error("the configuration has errors; the old one stays")
  try {
    await balancer.reload(asHere(config))
  } catch (error) {
    log.error("cannot reload; the old configuration stays", { reason: (error as Error).message })
  }
}

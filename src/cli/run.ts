import { Balancer } from "../balancer/balancer.ts"
import type { OpenAddress } from "../balancer/status.ts"
import { holdProcess, systemClock } from "../base/clock.ts"
import { counterIds } from "../base/counters.ts"
import type { Config } from "../config/model.ts"
import { workerCount } from "../config/workers.ts"
import { openLog, type ProcessLog } from "../log/logger.ts"
import { fromAddresses } from "./address-options.ts"
import { wantsColor } from "./check.ts"
import { writePidFile } from "./pid-file.ts"
import { makeLogDirectories, prepare, whyNot } from "./prepare.ts"
import { reload } from "./reload.ts"
import { StartSettings } from "./start-settings.ts"
import { Teller } from "./teller.ts"
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
  /** A configuration with warnings is not run. */
  strict: boolean
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
  const teller = new Teller(options.json)
  const config = await readConfig(options, teller)
  if (config === null) return 2
  makeLogDirectories(config)
  const count = workerCount(config)
  let log: ProcessLog
  try {
    const format = options.json ? { format: "json" as const } : {}
    log = openLog({ ...config.log, ...format, color: wantsColor(process.stderr, process.env) })
  } catch (error) {
    teller.cannotStart((error as Error).message)
    return 1
  }
  if (!isWorker) process.on("SIGUSR2", () => log.warn(NO_UPGRADE))
  const running = { config, log, teller, options }
  const code = count > 1 && !isWorker ? await runWorkers(running, count) : await runHere(running)
  await log.close()
  return code
}

interface Running {
  config: Config
  log: ProcessLog
  teller: Teller
  options: RunOptions
}

/** Said on standard error, and in the log where that is elsewhere. */
function cannotStart(error: unknown, { config, log, teller }: Running): 1 {
  const reason = (error as Error).message
  teller.cannotStart(reason)
  if (config.log.path !== "stderr") log.error("cannot start", { reason })
  return 1
}

/** The whole data plane in this process. */
async function runHere(running: Running): Promise<number> {
  const { config, log } = running
  let balancer: Balancer
  try {
    balancer = new Balancer(asHere(config), { log })
    await closeUninvitedDebugger()
    await balancer.start()
  } catch (error) {
    return cannotStart(error, running)
  }
  // Whoever hears that it listens may tell it to stop the next moment.
  const stopped = untilStopped(balancer, running, commands)
  if (isWorker) process.send!(WORKER_READY)
  else announce(balancer.addresses, running)
  return stopped
}

/** The data plane in several processes, and this one to look after them. */
async function runWorkers(running: Running, count: number): Promise<number> {
  const { config, log } = running
  try {
    await assertFree(config.listeners)
  } catch (error) {
    return cannotStart(error, running)
  }
  await closeUninvitedDebugger()
  const start = () => startWorker(process.argv.slice(2))
  const workers = new Workers({ count, start, control: commands, clock: systemClock, log })
  return workers.run(() => announce(config.listeners, running))
}

/** The configuration as this process runs it: workers share their ports. */
function asHere(config: Config): Config {
  if (!isWorker) return config
  return { ...config, listeners: config.listeners.map((listener) => ({ ...listener, reusePort: true })) }
}

async function readConfig(options: RunOptions, teller: Teller): Promise<Config | null> {
  if (options.config === null) {
    const { config, errors } = fromAddresses(options.listen, options.to)
    for (const error of errors) teller.cannotStart(error)
    return config
  }
  const loaded = await prepare(options.config, options)
  const { config, problems } = loaded
  // Of a warning each worker would only say again what the primary has.
  if (config === null || !isWorker) teller.problems(loaded)
  if (config === null) teller.cannotStart(whyNot(problems), problems)
  return config
}

/** Tells everybody who wants to know that it listens. */
function announce(addresses: readonly OpenAddress[], { config, log, teller, options }: Running): void {
  writePidFile(config.pidFile, log)
  const shown = addresses.map(({ host, port, unixPath }) =>
    unixPath === null ? `${host}:${port}` : `unix:${unixPath}`,
  )
  log.info("listening", {
    addresses: shown.join(" "),
    clusters: config.clusters.map(({ name, endpoints }) => `${name}(${endpoints.length})`).join(" "),
    workers: workerCount(config),
  })
  if (shown.length === 0) log.warn("no server is configured: nothing listens")
  // Whoever started it by hand sees that it runs.
  if (process.stderr.isTTY && config.log.path !== "stderr")
    teller.line(`listening on ${shown.join(" ")}; the log is ${config.log.path}, level ${config.log.level}`)
  if (!options.json) return
  const places = addresses.map(({ name, host, port, unixPath }) => ({ name, host, port, unixPath }))
  process.stdout.write(`${JSON.stringify({ event: "listening", addresses: places })}\n`)
}

/** The first stop drains, a second one ends at once. Resolves with the exit code. */
export function untilStopped(
  balancer: Balancer,
  { config, log, teller, options }: Running,
  control: Control,
): Promise<number> {
  const settings = new StartSettings(asHere(config))
  process.on("uncaughtException", (error) => {
    // A bug of ours, outside any connection's own. A process full of strangers' live streams is not ended for it.
    balancer.counters.add(counterIds.uncaught)
    log.error("unexpected error", { error: error.stack ?? String(error) })
  })
  return new Promise((resolve) => {
    let isStopping = false
    // One after the other: the last to be asked for is the one that holds.
    let reloading = Promise.resolve()
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
      else if (command === "reload") {
        const { config: path, strict } = options
        const again = () => reload({ path, strict, balancer, asHere, settings, log, teller }).then(reopen)
        reloading = reloading.then(again)
      } else reopen()
    })
  })
}

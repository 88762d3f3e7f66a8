import { rmSync, writeFileSync } from "node:fs"
import { loadConfig } from "../config/load.ts"
import type { Config } from "../config/model.ts"
import { renderProblem, sortProblems } from "../config/problem.ts"
import { fromInput } from "../config/yaml/normalize.ts"
import { openLog, type ProcessLog } from "../log/logger.ts"
import { Balancer } from "../sluice.ts"
import { wantsColor } from "./check.ts"

export interface RunOptions {
  /** A configuration file, or … */
  config: string | null
  /** … addresses to listen on and to balance over. */
  listen: string[]
  to: string[]
  json: boolean
}

/** Runs until told to stop. Resolves with the exit code: 0, 1 at runtime, 2 for the configuration. */
export async function run(options: RunOptions): Promise<number> {
  const config = readConfig(options)
  if (config === null) return 2
  let log: ProcessLog
  let balancer: Balancer
  try {
    const format = options.json ? { format: "json" as const } : {}
    log = openLog({ ...config.log, ...format, color: wantsColor(process.stderr, process.env) })
    balancer = new Balancer(config, { log })
    await balancer.start()
  } catch (error) {
    process.stderr.write(`sluice: ${(error as Error).message}\n`)
    return 1
  }
  announce(balancer, config, log, options.json)
  const removePidFile = writePidFile(config.pidFile, log)
  const code = await untilStopped(balancer, config, log, options)
  removePidFile()
  await log.close()
  return code
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

function announce(balancer: Balancer, config: Config, log: ProcessLog, json: boolean): void {
  const { addresses } = balancer
  const shown = addresses.map(({ host, port, unixPath }) =>
    unixPath === null ? `${host}:${port}` : `unix:${unixPath}`,
  )
  log.info("listening", {
    addresses: shown.join(" "),
    clusters: config.clusters.map(({ name, endpoints }) => `${name}(${endpoints.length})`).join(" "),
  })
  if (json) process.stdout.write(`${JSON.stringify({ event: "listening", addresses })}\n`)
}

function writePidFile(path: string | null, log: ProcessLog): () => void {
  if (path === null) return () => {}
  try {
    writeFileSync(path, `${process.pid}\n`)
  } catch (error) {
    // nginx's stock file names /run/nginx.pid, which an ordinary user may not write; no reason not to run.
    log.warn("cannot write the pid file", { path, reason: (error as Error).message })
    return () => {}
  }
  return () => rmSync(path, { force: true })
}

/** SIGTERM, SIGINT and SIGQUIT drain; a second one ends at once. SIGHUP reloads, SIGUSR1 opens the logs anew. */
function untilStopped(
  balancer: Balancer,
  config: Config,
  log: ProcessLog,
  options: RunOptions,
): Promise<number> {
  return new Promise((resolve) => {
    let isStopping = false
    const stop = (signal: string): void => {
      if (isStopping) {
        log.warn("stopping at once", { signal })
        log.flushSync()
        process.exit(0)
      }
      isStopping = true
      const { streams } = balancer.snapshot()
      log.info("draining", { signal, streams: streams.length, graceMs: config.shutdown.graceMs })
      void balancer.close().then(() => {
        log.info("stopped")
        resolve(0)
      })
    }
    for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"]) process.on(signal, () => stop(signal))
    process.on("SIGHUP", () => void reload(balancer, log, options))
    process.on("SIGUSR1", () => {
      void balancer.reopenLogs()
      void log.reopen()
    })
    process.on("uncaughtException", (error) => {
      // A bug of ours. One stream's state may be wrong; a process of strangers' live streams is not worth that.
      balancer.counters.add(0)
      log.error("unexpected error", { error: error.stack ?? String(error) })
    })
  })
}

async function reload(balancer: Balancer, log: ProcessLog, options: RunOptions): Promise<void> {
  if (options.config === null) return log.warn("nothing to reload: no configuration file was given")
  const config = loadAndReport(options.config)
  if (config === null) return log.error("the configuration has errors; the old one stays")
  try {
    await balancer.reload(config)
  } catch (error) {
    log.error("cannot reload; the old configuration stays", { reason: (error as Error).message })
  }
}

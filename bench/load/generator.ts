/**
 * The load generator: a process with an IPC channel that runs one workload at a time and measures it.
 * It reads the proxy's CPU time itself, at the very moments its window opens and closes.
 */
import { Histogram } from "../measure/histogram.ts"
import { cpuNs, threadTimes, waitOfBusiest } from "../measure/process-usage.ts"
import { Bidi } from "./bidi.ts"
import { Failures } from "./failures.ts"
import { Push, Upload } from "./one-way.ts"
import { AtOnce, type Lane, Never, type Pace, Steady } from "./pace.ts"
import { Unary } from "./unary.ts"
import type { Workload, WorkloadContext, WorkloadSpec } from "./workload.ts"

export type GeneratorCommand =
  | {
      do: "measure"
      port: number
      spec: WorkloadSpec
      warmMs: number
      windowMs: number
      proxy: number[]
      backend: number[]
    }
  | { do: "open"; port: number; spec: WorkloadSpec }
  | { do: "close" }

/** What one window showed. With `failures` above 0 the rest means nothing. */
export interface GeneratorReport {
  failures: number
  firstFailure: string
  messages: number
  seconds: number
  proxyCpuNs: number
  /** How long the proxy's busiest thread waited for a core. */
  proxyWaitNs: number
  generatorCpuNs: number
  /** The same of the generator's and of the backends'. */
  loadWaitNs: number
  backendCpuNs: number
  /** Microseconds, where a message is answered; else NaN (null over IPC). */
  p50: number
  p99: number
  p999: number
  /** By how much the load itself was late, microseconds; of a steady rate alone. */
  delays: { p50: number; p99: number; p999: number }
}

const WINDOWS_AT_MOST = 10
const failures = new Failures()
const times = new Histogram()
const delays = new Histogram()
let held: Workload | null = null

function workload(context: WorkloadContext): Workload {
  const { kind, pace } = context.spec
  if (kind === "push") return new Push(context)
  if (kind === "upload") return new Upload(context)
  const rhythm: Pace<Lane> =
    pace === "peak"
      ? new AtOnce(context.times)
      : pace === "idle"
        ? new Never()
        : new Steady(pace, context.times, delays)
  return kind === "bidi" ? new Bidi(context, rhythm) : new Unary(context, rhythm)
}

async function measure(command: GeneratorCommand & { do: "measure" }): Promise<GeneratorReport> {
  const load = workload({ port: command.port, spec: command.spec, failures, times })
  await load.start()
  await pause(command.warmMs)
  times.clear()
  delays.clear()
  const open = sample(load, command)
  // On a machine so busy that the window saw nothing, it stays open a little longer.
  for (let tries = 0; tries < WINDOWS_AT_MOST && load.messages === open.messages; tries++) {
    await pause(command.windowMs)
  }
  const close = sample(load, command)
  const report = {
    messages: close.messages - open.messages,
    seconds: (close.ms - open.ms) / 1000,
    proxyCpuNs: close.proxy - open.proxy,
    proxyWaitNs: waitOfBusiest(open.proxyThreads, close.proxyThreads),
    loadWaitNs:
      waitOfBusiest(open.generatorThreads, close.generatorThreads) +
      waitOfBusiest(open.backendThreads, close.backendThreads),
    generatorCpuNs: close.generator - open.generator,
    backendCpuNs: close.backend - open.backend,
    ...quantiles(times),
    delays: quantiles(delays),
  }
  await load.stop()
  return { ...outcome(), ...report }
}

function quantiles(of: Histogram) {
  return { p50: of.quantile(0.5), p99: of.quantile(0.99), p999: of.quantile(0.999) }
}

function sample(load: Workload, command: GeneratorCommand & { do: "measure" }) {
  return {
    ms: performance.now(),
    messages: load.messages,
    proxy: cpuNs(command.proxy),
    proxyThreads: threadTimes(command.proxy),
    generatorThreads: threadTimes([process.pid]),
    backendThreads: threadTimes(command.backend),
    generator: cpuNs([process.pid]),
    backend: cpuNs(command.backend),
  }
}

/** Waits, but not on after a failure. */
async function pause(ms: number): Promise<void> {
  const end = performance.now() + ms
  for (let left = ms; left > 0 && failures.count === 0; left = end - performance.now()) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(left, 100)))
  }
}

function outcome(): { failures: number; firstFailure: string } {
  return { failures: failures.count, firstFailure: failures.first }
}

async function obey(command: GeneratorCommand): Promise<unknown> {
  if (command.do === "measure") return measure(command)
  if (command.do === "open") {
    held = workload({ port: command.port, spec: command.spec, failures, times })
    await held.start()
  } else {
    await held?.stop()
    held = null
  }
  return outcome()
}

process.on("disconnect", () => process.exit())
process.on("message", (command: GeneratorCommand) => {
  failures.count = 0
  failures.first = ""
  obey(command).then(
    (answer) => process.send!(answer),
    (error: Error) => process.send!({ failures: 1, firstFailure: error.message }),
  )
})
process.send!({ ready: true })

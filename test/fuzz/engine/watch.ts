import { Worker } from "node:worker_threads"
import { targets } from "../targets/index.ts"
import type { Finding } from "./finding.ts"
import { Slot } from "./slot.ts"
import type { Message, Order, Progress } from "./worker.ts"

/** CPU time that one run may take, and time without any. */
const RUN_CPU_MS_MAX = 5_000
const RUN_MS_MAX = 60_000
const HEAP_MIB_MAX = 1024
const LOOK_MS = 250

export interface Campaign {
  readonly findings: readonly Finding[]
  /** The last that was told; null when the thread was gone before it said anything. */
  readonly last: Progress | null
}

export interface WatchOptions extends Omit<Order, "shared"> {
  readonly onProgress: (progress: Progress) => void
  readonly onFinding: (finding: Finding) => void
}

/**
 * Fuzzes one target in a thread of its own, which is ended when a run hangs or takes all memory: that is a finding too.
 */
export async function watch(options: WatchOptions): Promise<Campaign> {
  const { onProgress, onFinding, ...order } = options
  const slot = Slot.for(targets[order.name]!.maxOctets)
  const findings: Finding[] = []
  let last: Progress | null = null
  const found = (finding: Finding): void => {
    findings.push(finding)
    onFinding(finding)
  }
  const blame = (kind: string, message: string): void =>
    found({ target: order.name, kind, message, octets: slot.input })
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    workerData: { ...order, shared: slot.shared } satisfies Order,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
  })
  worker.on("message", (message: Message) => {
    if (message.kind === "finding") return found(message.finding)
    last = message
    if (message.kind === "progress") onProgress(message)
  })
  const looking = setInterval(
    watchdog(worker, slot, (message) => blame("takes too long", message)),
    LOOK_MS,
  )
  await new Promise<void>((resolve, reject) => {
    worker.on("exit", () => resolve())
    worker.on("error", (error: Error & { code?: string }) => {
      if (error.code === "ERR_WORKER_OUT_OF_MEMORY")
        blame("takes memory", `more than ${HEAP_MIB_MAX} MiB of heap`)
      else reject(error)
    })
  }).finally(() => clearInterval(looking))
  return { findings, last }
}

/** Looks, whenever it is called, whether the run under way is still the one it saw first too long ago. */
function watchdog(worker: Worker, slot: Slot, onHang: (message: string) => void): () => Promise<void> {
  let run: number | null = null
  let since = { ms: 0, cpuMs: 0 }
  return async () => {
    const now = { ms: performance.now(), cpuMs: await cpuMs(worker) }
    if (slot.run === null || slot.run !== run) {
      run = slot.run
      since = now
      return
    }
    const ms = now.ms - since.ms
    if (now.cpuMs - since.cpuMs < RUN_CPU_MS_MAX && ms < RUN_MS_MAX) return
    run = null
    onHang(`not over after ${Math.round(ms)} ms`)
    await worker.terminate()
  }
}

async function cpuMs(worker: Worker): Promise<number> {
  try {
    const { user, system } = await worker.cpuUsage()
    return (user + system) / 1000
  } catch {
    // It has just ended.
    return 0
  }
}

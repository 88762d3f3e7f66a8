import { Worker } from "node:worker_threads"

const PERIOD_MS = 15

/** Slows a process down to a share of a core, so that this machine can bring more than it can do. Returns the end of it. */
export function throttle(pid: number, share: number): () => Promise<void> {
  const isOver = new Int32Array(new SharedArrayBuffer(4))
  const onMs = PERIOD_MS * share
  const workerData = { pid, onMs, offMs: PERIOD_MS - onMs, isOver }
  const worker = new Worker(new URL("./throttle-worker.ts", import.meta.url), { workerData })
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()))
  return async () => {
    Atomics.store(isOver, 0, 1)
    Atomics.notify(isOver, 0)
    await ended
  }
}

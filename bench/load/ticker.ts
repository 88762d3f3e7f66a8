/**
 * A worker thread that ticks faster than Node's timers, which know whole milliseconds only.
 * `workerData`: `intervalMs`, and `pending`, one shared integer that is 1 from a tick until it was taken.
 */
import { parentPort, workerData } from "node:worker_threads"

const { intervalMs, pending } = workerData as { intervalMs: number; pending: Int32Array }
const never = new Int32Array(new SharedArrayBuffer(4))

for (;;) {
  Atomics.wait(never, 0, 0, intervalMs)
  if (Atomics.compareExchange(pending, 0, 0, 1) === 0) parentPort!.postMessage(null)
}

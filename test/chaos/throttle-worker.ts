/**
 * A thread that lets a process run for a part of every few milliseconds, by SIGSTOP and SIGCONT: a slower processor.
 * `workerData`: `pid`, `onMs`, `offMs`, and `isOver`, a shared integer that becomes 1.
 */
import { workerData } from "node:worker_threads"

const { pid, onMs, offMs, isOver } = workerData as {
  pid: number
  onMs: number
  offMs: number
  isOver: Int32Array
}

/** Waits, and says whether it is to go on. */
const wait = (ms: number): boolean => Atomics.wait(isOver, 0, 0, ms) === "timed-out"

try {
  while (wait(onMs)) {
    process.kill(pid, "SIGSTOP")
    const goesOn = wait(offMs)
    process.kill(pid, "SIGCONT")
    if (!goesOn) break
  }
} catch {
  // The process has ended.
}

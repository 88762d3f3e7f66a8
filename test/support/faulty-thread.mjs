/**
 * Preloaded by `--import` into a process of Sluice: the data thread that finds the file of SLUICE_TEST_FAULT first meets the fault
 * that the file names.
 */
import { readFileSync, renameSync } from "node:fs"
import { isMainThread } from "node:worker_threads"

const path = process.env.SLUICE_TEST_FAULT
const faults = {
  /** Past its own handler of what nothing has caught. */
  throw() {
    process.prependListener("uncaughtException", () => {
      throw new Error("past everything")
    })
    throw new Error("a bug")
  },
  heap() {
    const kept = []
    for (;;) kept.push({ at: kept.length, text: `x${kept.length}` })
  },
  uncaught() {
    throw new Error("a bug")
  },
}

function claim() {
  try {
    renameSync(path, `${path}.taken`)
    return readFileSync(`${path}.taken`, "utf8")
  } catch {
    return null
  }
}

if (!isMainThread && path !== undefined) {
  const timer = setInterval(() => {
    const fault = claim()
    if (fault === null) return
    clearInterval(timer)
    faults[fault]()
  }, 5)
  timer.unref()
}

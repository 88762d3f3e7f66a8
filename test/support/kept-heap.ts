import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

/** A path that is a slice of a string of so many octets. */
export function slicedPath(index: number, octets: number): string {
  const whole = Buffer.alloc(octets, `/a/path/of/a/call/${index} `).toString("latin1")
  return whole.slice(0, whole.indexOf(" "))
}

/** Octets of the heap that are kept behind `run`. */
export async function keptHeapOctets(run: () => unknown): Promise<number> {
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  await run()
  collectGarbage()
  return process.memoryUsage().heapUsed - before
}

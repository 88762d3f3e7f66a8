import { readFileSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"

const SAMPLE_MS = 50

/** Resident octets of a process and all its children, 0 where /proc does not say. */
export function residentOctets(pid: number): number {
  let octets = 0
  for (const id of processTree(pid)) {
    const status = read(`/proc/${id}/status`)
    octets += 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  }
  return octets
}

function processTree(pid: number): number[] {
  const tree = [pid]
  for (let i = 0; i < tree.length && i < 1000; i++) {
    const children = read(`/proc/${tree[i]}/task/${tree[i]}/children`)
    tree.push(...children.split(" ").filter(Boolean).map(Number))
  }
  return tree
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return ""
  }
}

/** Watches a process while something happens to it. */
export class MemoryWatch {
  readonly #pid: number | null
  readonly #before: number
  #most: number
  #watching = true
  readonly #loop: Promise<void>

  constructor(pid: number | null) {
    this.#pid = pid
    this.#before = pid === null ? 0 : residentOctets(pid)
    this.#most = this.#before
    this.#loop = this.#sample()
  }

  /** Growth at its highest, in octets; null when the process is not known. */
  async stop(): Promise<number | null> {
    this.#watching = false
    await this.#loop
    return this.#pid === null || this.#before === 0 ? null : this.#most - this.#before
  }

  /** Once stopped: growth that is left, as soon as it is no more than `enough` octets, or after `waitMs`. */
  async left(enough: number, waitMs: number): Promise<number | null> {
    if (this.#pid === null || this.#before === 0) return null
    const until = performance.now() + waitMs
    const now = (): number => residentOctets(this.#pid!) - this.#before
    while (now() > enough && performance.now() < until) await pause(SAMPLE_MS)
    return now()
  }

  async #sample(): Promise<void> {
    while (this.#watching && this.#pid !== null) {
      this.#most = Math.max(this.#most, residentOctets(this.#pid))
      await pause(SAMPLE_MS)
    }
  }
}

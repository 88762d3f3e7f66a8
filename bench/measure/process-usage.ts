import { readdirSync, readFileSync } from "node:fs"

/** The processes of one tree, the root first. Linux's /proc. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue
    const stat = read(`/proc/${name}/stat`)
    if (stat === "") continue
    const parent = Number(afterName(stat)[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const tree: number[] = []
  const open = [root]
  while (open.length > 0) {
    const pid = open.shift()!
    tree.push(pid)
    open.push(...(children.get(pid) ?? []))
  }
  return tree
}

/**
 * CPU time of these processes so far, user and system, all threads; nanoseconds.
 * From schedstat, which counts nanoseconds; `stat` counts 10 ms ticks and serves where the kernel has no schedstat.
 */
export function cpuNs(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) sum += cpuNsOfProcess(pid)
  return sum
}

/** What the kernel says of one thread so far, nanoseconds: how long it ran, and was ready and had to wait for a core. */
export interface ThreadTimes {
  readonly ranNs: number
  readonly waitedNs: number
}

/** Of all threads of these processes. None where the kernel has no schedstat. */
export function threadTimes(pids: readonly number[]): Map<string, ThreadTimes> {
  const times = new Map<string, ThreadTimes>()
  for (const pid of pids) {
    for (const thread of threadsOf(pid)) {
      const [ran, waited] = read(`/proc/${pid}/task/${thread}/schedstat`).split(" ")
      if (waited !== undefined) times.set(thread, { ranNs: Number(ran), waitedNs: Number(waited) })
    }
  }
  return times
}

/**
 * How long the thread that ran most between two readings had to wait for a core: those beside it, a garbage collector's
 * for one, hold up no message by waiting.
 */
export function waitOfBusiest(
  before: ReadonlyMap<string, ThreadTimes>,
  after: ReadonlyMap<string, ThreadTimes>,
): number {
  let most = 0
  let waitNs = 0
  for (const [thread, { ranNs, waitedNs }] of after) {
    const ran = ranNs - (before.get(thread)?.ranNs ?? 0)
    if (ran <= most) continue
    most = ran
    waitNs = waitedNs - (before.get(thread)?.waitedNs ?? 0)
  }
  return waitNs
}

const TICK_NS = 10_000_000

function cpuNsOfProcess(pid: number): number {
  let sum = 0
  for (const thread of threadsOf(pid)) {
    const schedstat = read(`/proc/${pid}/task/${thread}/schedstat`)
    if (schedstat === "") return cpuTicks(pid) * TICK_NS
    sum += Number(schedstat.split(" ")[0])
  }
  return sum
}

/** None where the process has ended. */
function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function cpuTicks(pid: number): number {
  const fields = afterName(read(`/proc/${pid}/stat`))
  return Number(fields[11]) + Number(fields[12])
}

/** The fields of a `stat` line from the third (state) on: the second, the name, may hold spaces. */
function afterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
}

/** Memory in RAM of these processes, octets. Pages they share are counted once, where the kernel tells (smaps). */
export function residentOctets(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) {
    const rollup = /^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`))
    const status = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))
    sum += Number((rollup ?? status)?.[1] ?? 0) * 1024
  }
  return sum
}

/** Open file descriptors. */
export function openFiles(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) {
    try {
      sum += readdirSync(`/proc/${pid}/fd`).length
    } catch {}
  }
  return sum
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return ""
  }
}

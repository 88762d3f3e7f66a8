import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createConnection, createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

/** Most octets kept of what a child prints; older ones go. */
const outputOctets = 1 << 20

/** Children that live; none outlives this process. */
const living = new Set<ChildProcess>()
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL")
})

export interface Child {
  /** What it printed last, both streams together. */
  output: () => string
  /** Resolves with the exit code, or null when a signal ended it or it could not start. */
  exited: Promise<number | null>
  /** SIGTERM, and SIGKILL when it is still there after two seconds. */
  stop: () => Promise<void>
}

export interface SpawnOptions {
  cwd?: string
  env?: Record<string, string>
}

/** Starts a long-running program. A program that cannot be started exits with null and says why in its output. */
export function start(command: string, args: string[], options: SpawnOptions = {}): Child {
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let text = ""
  const keep = (chunk: string) => {
    text = (text + chunk).slice(-outputOctets)
  }
  child.stdout.setEncoding("utf8").on("data", keep)
  child.stderr.setEncoding("utf8").on("data", keep)
  living.add(child)
  const exited = new Promise<number | null>((resolve) => {
    child.once("error", (error) => {
      keep(error.message)
      living.delete(child)
      resolve(null)
    })
    child.once("close", (code) => {
      living.delete(child)
      resolve(code)
    })
  })
  return {
    output: () => text,
    exited,
    async stop() {
      if (!living.has(child)) return
      child.kill("SIGTERM")
      const ended = await Promise.race([exited.then(() => true), sleep(2000, false, { ref: false })])
      if (!ended) child.kill("SIGKILL")
      await exited
    },
  }
}

/** Runs a program to its end. Past `timeoutMs` it is stopped and the code is null. */
export async function run(
  command: string,
  args: string[],
  options: SpawnOptions & { timeoutMs: number },
): Promise<{ code: number | null; output: string }> {
  const child = start(command, args, options)
  const aborter = new AbortController()
  const late = sleep(options.timeoutMs, "late" as const, { signal: aborter.signal }).catch(() => null)
  const code = await Promise.race([child.exited, late])
  aborter.abort()
  if (code !== "late") return { code, output: child.output() }
  await child.stop()
  return { code: null, output: `${child.output()}\nstopped after ${options.timeoutMs} ms` }
}

/** True when the program answers to `args` at all. */
export async function installed(command: string, args = ["--version"]): Promise<boolean> {
  return (await run(command, args, { timeoutMs: 20_000 })).code === 0
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("no port of 127.0.0.1 is free")
  return address.port
}

/** The first of `count` consecutive ports of 127.0.0.1 that were all free a moment ago. */
export async function freePortRange(count: number): Promise<number> {
  // Below 32768, where Linux hands out the ports of outgoing connections.
  for (let first = 20_000; first + count < 32_768; first += count) {
    if (await allFree(first, count)) return first
  }
  throw new Error(`no ${count} consecutive ports of 127.0.0.1 are free`)
}

async function allFree(first: number, count: number): Promise<boolean> {
  for (let port = first; port < first + count; port++) {
    const server = createServer()
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false))
      server.listen(port, "127.0.0.1", () => resolve(true))
    })
    if (!free) return false
    server.close()
    await once(server, "close")
  }
  return true
}

/** Waits until `port` accepts connections. Fails with the child's output when it ends first, or after ten seconds. */
export async function listening(port: number, child: Child, name: string): Promise<void> {
  let ended = false
  void child.exited.then(() => {
    ended = true
  })
  for (let tries = 0; tries < 200; tries++) {
    if (await accepts(port)) return
    if (ended) throw new Error(`${name} ended at its start:\n${child.output().trim()}`)
    await sleep(50)
  }
  await child.stop()
  throw new Error(`${name} does not listen on port ${port} after ten seconds:\n${child.output().trim()}`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })
}

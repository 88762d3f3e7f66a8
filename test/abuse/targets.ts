import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { fromJson, toBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { counterNames } from "../../src/base/counters.ts"
import type { Backends } from "./backend.ts"
import * as config from "./peer-configs.ts"

/** A load balancer under attack. */
export interface Running {
  at: { host: string; port: number }
  /** Its first process; null: not known, so memory is not watched. */
  pid: number | null
  readCounters?(): Promise<Record<string, number>>
  stop(): Promise<void>
}

export interface Target {
  name: string
  version: string
  start(backends: Backends): Promise<Running>
}

export const peerNames = ["sluice", "nginx", "haproxy", "nghttpx"] as const
export type PeerName = (typeof peerNames)[number]

const root = fileURLToPath(new URL("../../", import.meta.url))
const sluiceMain = join(root, "src/cli/main.ts")

interface Program {
  /** What to run to learn the version; its absence is the program's. */
  version: [command: string, ...args: string[]]
  getIt: string
  file: string
  config(port: number, backend: number, hostile: ReadonlyMap<string, number>): string
  command(file: string, directory: string): [string, ...string[]]
}

const programs: Record<PeerName, Program> = {
  sluice: {
    version: [process.execPath, "-p", `require(${JSON.stringify(join(root, "package.json"))}).version`],
    getIt: "src/cli/main.ts is not there yet",
    file: "nginx.conf",
    config: config.sluice,
    command: (file) => [process.execPath, sluiceMain, "run", file],
  },
  nginx: {
    version: ["nginx", "-v"],
    getIt: "apt-get install nginx",
    file: "nginx.conf",
    config: config.nginx,
    command: (file, directory) => ["nginx", "-p", directory, "-c", file],
  },
  haproxy: {
    version: ["haproxy", "-v"],
    getIt: "apt-get install haproxy",
    file: "haproxy.cfg",
    config: config.haproxy,
    command: (file) => ["haproxy", "-db", "-f", file],
  },
  nghttpx: {
    version: ["nghttpx", "--version"],
    getIt: "apt-get install nghttp2-proxy",
    file: "nghttpx.conf",
    config: config.nghttpx,
    command: (file) => ["nghttpx", `--conf=${file}`],
  },
}

/** The target of that name, or how to get it. */
export function peerTarget(name: PeerName): Target | string {
  const program = programs[name]
  const { error, stdout, stderr } = spawnSync(program.version[0], program.version.slice(1), {
    encoding: "utf8",
  })
  if (name === "sluice" ? !existsSync(sluiceMain) : error !== undefined) return program.getIt
  const version = /\d+\.\d+[\d.]*/.exec(`${stdout ?? ""}${stderr ?? ""}`)?.[0] ?? (stdout ?? "").trim()
  return { name, version, start: (backends) => startProgram(name, program, backends) }
}

/** A target that is running already and pointed at `backendPort`. */
export function runningTarget(at: { host: string; port: number }, pid: number | null): Target {
  const name = `${at.host}:${at.port}`
  return { name, version: "", start: async () => ({ at, pid, stop: async () => {} }) }
}

async function startProgram(name: PeerName, program: Program, backends: Backends): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), `abuse-${name}-`))
  const at = { host: "127.0.0.1", port: await freePort() }
  const hostile = new Map([...backends.hostile].map(([attack, backend]) => [attack, backend.port]))
  const file = join(directory, program.file)
  writeFileSync(join(directory, config.DESCRIPTOR_SET), descriptorSet())
  writeFileSync(join(directory, config.PASSWORD_FILE), config.PASSWORDS)
  // nginx's workers, of another user, read it.
  chmodSync(directory, 0o755)
  writeFileSync(file, program.config(at.port, backends.echo.port, hostile))
  const [command, ...args] = program.command(file, directory)
  const child = spawn(command, args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] })
  const log = new LogTail(child)
  const stop = async () => {
    await end(child)
    rmSync(directory, { recursive: true, force: true })
  }
  for (let tries = 0; !(await accepts(at)); tries++) {
    if (tries < 100 && child.exitCode === null) await pause(50)
    else {
      await stop()
      throw new Error(`${name} did not start: ${log.last || `exit code ${child.exitCode}`}`)
    }
  }
  const running: Running = { at, pid: child.pid ?? null, stop }
  if (name === "sluice") running.readCounters = async () => log.counters()
  return running
}

const counters: ReadonlySet<string> = new Set(counterNames)

/** Keeps the last lines a target wrote, and counts those that name one of our counters. */
class LogTail {
  last = ""
  #rest = ""
  readonly #counts = new Map<string, number>()

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => this.#read(chunk))
    }
  }

  counters(): Record<string, number> {
    return Object.fromEntries(this.#counts)
  }

  #read(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n")
    this.#rest = lines.pop()!.slice(-10_000)
    for (const line of lines) {
      for (const word of new Set(line.split(/[^a-z0-9_]+/))) {
        if (counters.has(word)) this.#counts.set(word, (this.#counts.get(word) ?? 0) + 1)
      }
    }
    this.last = lines.concat(this.#rest).filter(Boolean).slice(-3).join(" | ") || this.last
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once("exit", resolve))
  child.kill("SIGTERM")
  const timer = setTimeout(() => child.kill("SIGKILL"), 3000)
  await gone
  clearTimeout(timer)
}

/** `abuse.Attack`, whose messages hold messages. */
function descriptorSet(): Uint8Array {
  const kids = {
    name: "kids",
    number: 1,
    type: "TYPE_MESSAGE",
    typeName: ".abuse.Node",
    label: "LABEL_REPEATED",
  }
  const echo = { name: "Echo", inputType: ".abuse.Node", outputType: ".abuse.Node" }
  const file = {
    name: "abuse.proto",
    package: "abuse",
    syntax: "proto3",
    messageType: [{ name: "Node", field: [kids] }],
    service: [{ name: "Attack", method: [echo] }],
  }
  return toBinary(FileDescriptorSetSchema, fromJson(FileDescriptorSetSchema, { file: [file] } as never))
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function accepts(at: { host: string; port: number }): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(at)
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once("connect", () => done(true)).once("error", () => done(false))
  })
}

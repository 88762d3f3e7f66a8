import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import type { Clock } from "../../src/base/clock.ts"
import type { Config } from "../../src/config/model.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import type { StreamRecord } from "../../src/record/record.ts"
import { eventually } from "./eventually.ts"

/** A TCP server of a test, on a port of the system's choice, whose sockets are closed with the test. */
export async function tcpServer(t: TestContext, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
    onConnection(socket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as { port: number }).port
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, "close")
  return port
}

/** What a client of a test has got until its connection is closed. */
export class TcpClient {
  readonly socket: Socket
  /** latin1. */
  got = ""
  /** The server has half-closed. */
  hasEnded = false
  /** `reset`, where the connection broke. */
  closed: "close" | "reset" | null = null

  constructor(t: TestContext, options: NetConnectOpts) {
    this.socket = connect({ ...options, allowHalfOpen: true } as NetConnectOpts)
    this.socket.setEncoding("latin1")
    this.socket.on("data", (octets: string) => (this.got += octets))
    this.socket.on("end", () => (this.hasEnded = true))
    this.socket.on("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "ECONNRESET" || code === "EPIPE") this.closed = "reset"
    })
    this.socket.on("close", () => (this.closed ??= "close"))
    t.onTestFinished(() => void this.socket.destroy())
  }

  async hears(text: string): Promise<void> {
    await eventually(
      () => this.got.includes(text),
      () => `${JSON.stringify(text)} comes; there is ${JSON.stringify(this.got)}, closed: ${this.closed}`,
    )
  }

  /** All that came, once the server has ended its side; then this one ends too. */
  async rest(): Promise<string> {
    await eventually(
      () => this.hasEnded || this.closed !== null,
      () => `the server ends; there is ${JSON.stringify(this.got.slice(0, 200))}`,
    )
    this.socket.end()
    return this.got
  }
}

function configOf(stream: string, directory: string): Config {
  const text = `events {}\nstream { ${stream.replaceAll("SOCKET", `unix:${join(directory, "s")}`)} }`
  const { config, problems } = readNginxConfig(text, join(directory, "nginx.conf"), diskFiles)
  if (config === null) throw new Error(problems.map(({ line, message }) => `${line}: ${message}`).join("\n"))
  for (const listener of config.listeners) if (listener.port === 1) listener.port = 0
  return config
}

/** A balancer by a `stream` block, in which `SOCKET` is where it listens, and port 1 any that is free. */
export class TcpBed {
  readonly balancer: Balancer
  readonly directory: string
  readonly records: StreamRecord[] = []
  readonly #t: TestContext

  private constructor(t: TestContext, balancer: Balancer, directory: string) {
    this.#t = t
    this.balancer = balancer
    this.directory = directory
    balancer.on("stream", (record) => this.records.push(record))
  }

  /** `stream`: what the block holds; `files`: beside it, by name. `LOG` in it is a file. */
  static async start(
    t: TestContext,
    stream: string,
    files: Record<string, string> = {},
    clock?: Clock,
  ): Promise<TcpBed> {
    const directory = mkdtempSync(join(tmpdir(), "sluice-tcp-"))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
    const balancer = new Balancer(configOf(stream, directory), clock && { clock })
    const bed = new TcpBed(t, balancer, directory)
    t.onTestFinished(async () => {
      await balancer.close({ graceMs: 0 })
      rmSync(directory, { recursive: true, force: true })
    })
    await balancer.start()
    return bed
  }

  async reload(stream: string): Promise<void> {
    await this.balancer.reload(configOf(stream, this.directory))
  }

  /** Of the first listener. */
  get where(): NetConnectOpts {
    const { port, unixPath } = this.balancer.addresses[0]!
    return unixPath === null ? { port: port!, host: "127.0.0.1" } : { path: unixPath }
  }

  client(): TcpClient {
    return new TcpClient(this.#t, this.where)
  }

  /** Once `many` sessions have ended. */
  async ended(many = 1): Promise<StreamRecord[]> {
    await eventually(
      () => this.records.length >= many,
      () => `${many} sessions end; ${this.records.length} have: ${JSON.stringify(this.balancer.snapshot())}`,
    )
    return this.records
  }

  log(name = "LOG"): string {
    this.balancer.flushLogsSync()
    return readFileSync(join(this.directory, name), "latin1")
  }
}

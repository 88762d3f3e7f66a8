import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { type AddressInfo, createConnection, createServer, type Server } from "node:net"
import { join } from "node:path"
import { describe, expect, type TestContext, test } from "vitest"
import { FrameType } from "../../src/http2/frame/types.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { SluiceProcess, type Start, testDirectory } from "../support/sluice-process.ts"

const LISTENING = '"message":"listening"'

const answerOk = ({ connection, id }: RawStream): void =>
  connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))

const HERE = { routes: [{ return: { status: 200, text: "here" } }], clusters: { test: ["127.0.0.1:9"] } }

/** Asks over HTTP/1.1; the status line's code. */
async function statusAt(where: { port?: number; host?: string; path?: string }): Promise<string> {
  const socket = createConnection({ host: "127.0.0.1", ...where } as { port: number })
  socket.end("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
  let heard = ""
  for await (const octets of socket) heard += String(octets)
  return heard.split(" ")[1] ?? heard
}

// systemd's protocol, without systemd: a shell sets the process id that only the process itself knows.
describe.skipIf(process.platform !== "linux")("sockets of systemd", () => {
  async function listening(t: TestContext, where: object): Promise<Server> {
    const server = createServer()
    server.listen(where)
    await once(server, "listening")
    t.onTestFinished(() => void server.close())
    return server
  }

  const fdOf = (server: Server): number => (server as unknown as { _handle: { fd: number } })._handle.fd

  /** Starts a process as systemd does that has these sockets, with LISTEN_PID the process's own or another. */
  const startWith =
    (servers: readonly Server[], names: string, pid = "$$"): Start =>
    (command, env) =>
      spawn(
        "sh",
        [
          "-c",
          `LISTEN_PID=${pid} LISTEN_FDS=${servers.length} LISTEN_FDNAMES=${names} exec "$@"`,
          "sh",
          ...command,
        ],
        { env, stdio: ["ignore", "pipe", "pipe", ...servers.map(fdOf)] },
      )

  test.for([
    ["a port", { host: "127.0.0.1", port: 0 }, (port: number) => `127.0.0.1:${port}`, "x"],
    ["IPv6", { host: "::1", port: 0 }, (port: number) => `[::1]:${port}`, "x"],
    [
      "both families, where IPv4 is asked for",
      { host: "::", port: 0 },
      (port: number) => `0.0.0.0:${port}`,
      "x",
    ],
    ["a name", { host: "127.0.0.1", port: 0 }, () => ({ address: "127.0.0.1:1", name: "web" }), "web"],
  ] as const)("%s", async ([, where, listener, name], t) => {
    const server = await listening(t, where)
    const { port, address } = server.address() as AddressInfo
    const config = { ...HERE, workers: 2, listeners: [listener(port)] }
    const sluice = new SluiceProcess(t, config, {}, startWith([server], name))
    await sluice.says(LISTENING)
    // It is systemd's alone to close: what is in its queue belongs to the process.
    server.close()
    const host = address === "::" ? "127.0.0.1" : address
    const statuses = await Promise.all(Array.from({ length: 8 }, () => statusAt({ host, port })))
    expect(new Set(statuses)).toEqual(new Set(["200"]))
    sluice.signal("SIGTERM")
    expect(await sluice.ended).toBe(0)
  })

  test("a Unix socket, whose file stays: it is systemd's", async (t) => {
    const path = join(testDirectory(t), "s.sock")
    const server = await listening(t, { path })
    const config = { ...HERE, workers: 2, listeners: [`unix:${path}`] }
    const sluice = new SluiceProcess(t, config, {}, startWith([server], "x"))
    await sluice.says(LISTENING)
    sluice.signal("SIGHUP")
    await sluice.says('"configuration reloaded"')
    sluice.signal("SIGTERM")
    expect(await sluice.ended).toBe(0)
    expect(existsSync(path)).toBe(true)
  })

  test("one that no listener wants is closed, and said to be", async (t) => {
    const server = await listening(t, { host: "127.0.0.1", port: 0 })
    const config = { ...HERE, listeners: ["127.0.0.1:0"] }
    const sluice = new SluiceProcess(t, config, {}, startWith([server], "web"))
    await sluice.says(LISTENING)
    await sluice.says('"an inherited socket has no listener"')
    expect(sluice.said).toContain('"name":"web"')
  })

  test("those that are another process's are not looked at", async (t) => {
    const server = await listening(t, { host: "127.0.0.1", port: 0 })
    const { port } = server.address() as AddressInfo
    const config = { ...HERE, listeners: [`127.0.0.1:${port}`] }
    const sluice = new SluiceProcess(t, config, {}, startWith([server], "x", "1"))
    expect(await sluice.ended).toBe(1)
    expect(sluice.said).toContain("the port is taken by another program")
  })
})

// Each upgrade starts a process with its threads, which takes its time on a busy machine.
describe.skipIf(process.platform !== "linux")("an upgrade by SIGUSR2", () => {
  async function start(t: TestContext, settings: { workers?: number; listener?: string } = {}) {
    const backend = await RawServer.start()
    t.onTestFinished(() => backend.close())
    const port = await freePort()
    const pidFile = join(testDirectory(t), "sluice.pid")
    const config = {
      workers: settings.workers ?? 2,
      listeners: [settings.listener ?? `127.0.0.1:${port}`],
      clusters: { test: [`127.0.0.1:${backend.port}`] },
      pidFile,
    }
    const sluice = new SluiceProcess(t, config)
    await sluice.says(LISTENING)
    const pid = (): number => Number(readFileSync(pidFile, "latin1"))
    t.onTestFinished(() => {
      if (existsSync(pidFile)) process.kill(pid(), "SIGKILL")
    })
    const upgraded = async (times: number): Promise<void> => {
      await sluice.says(LISTENING, times + 1)
      await sluice.says('"the new version listens; this one ends"', times)
    }
    return { sluice, backend, port, config, pid, upgraded }
  }

  test("streams go on in the old process, new ones come to the new, which has the pid file", async (t) => {
    const { sluice, backend, port, pid, upgraded } = await start(t)
    const first = pid()
    expect(first).toBe(sluice.child.pid)
    const old = await RawClient.connect(port)
    t.onTestFinished(() => old.destroy())
    const live = old.open()
    await backend.stream()
    sluice.signal("SIGUSR2")
    await old.frame(({ type }) => type === FrameType.GOAWAY, "GOAWAY")
    await upgraded(1)
    const second = pid()
    expect(second).not.toBe(first)
    const client = await RawClient.connect(port)
    t.onTestFinished(() => client.destroy())
    const next = client.open()
    await backend.stream(1)
    for (const stream of backend.streams) answerOk(stream)
    await old.end(live)
    await client.end(next)
    expect(await sluice.ended).toBe(0)
    // The old one has left the file alone.
    expect(pid()).toBe(second)
  })

  test("again and again, while clients come: none is refused or reset", async (t) => {
    const { sluice, backend, port, pid, upgraded } = await start(t)
    backend.onStream = answerOk
    const failed: string[] = []
    let calls = 0
    let isOver = false
    /** A connection for each call, as fast as they are answered. */
    const caller = async (): Promise<void> => {
      while (!isOver) {
        const socket = createConnection(port, "127.0.0.1")
        socket.on("error", ({ message }) => failed.push(message))
        const client = new RawClient(socket, "client")
        const id = client.open(dsl.request, { endStream: true })
        await client.until(() => client.isClosed || client.about(id).length > 0, "an answer")
        if (!client.about(id)[0]?.includes("grpc-status=0")) failed.push(client.about(id)[0] ?? "closed")
        calls++
        client.destroy()
      }
    }
    const callers = Array.from({ length: 4 }, caller)
    for (let times = 1; times <= 2; times++) {
      process.kill(pid(), "SIGUSR2")
      await upgraded(times)
    }
    isOver = true
    await Promise.all(callers)
    expect(failed).toEqual([])
    expect(calls).toBeGreaterThan(10)
    expect(await sluice.ended).toBe(0)
  })

  test.for([
    ["an error in the configuration", (config: object) => ({ ...config, clusters: 7 }), "exit code 2"],
    [
      "a port that is taken",
      (config: { listeners: string[] }, taken: number) => ({
        ...config,
        listeners: [...config.listeners, `127.0.0.1:${taken}`],
      }),
      "exit code 1",
    ],
  ] as const)("with %s leaves the old one as it was", async ([, broken, how], t) => {
    const { sluice, backend, port, config, pid } = await start(t)
    sluice.configure(broken(config, backend.port))
    sluice.signal("SIGUSR2")
    await sluice.says('"the new version does not start; this one goes on"')
    expect(sluice.said).toContain(how)
    expect(pid()).toBe(sluice.child.pid)
    const client = await RawClient.connect(port)
    t.onTestFinished(() => client.destroy())
    const id = client.open()
    answerOk(await backend.stream())
    await client.end(id)
    sluice.signal("SIGTERM")
    expect(await sluice.ended).toBe(0)
  })

  test("a port of the system's choice stays, and so does the file of a Unix socket until the last one ends", async (t) => {
    const path = join(testDirectory(t), "s.sock")
    const { sluice, config, pid, upgraded } = await start(t)
    const { routes } = HERE
    sluice.configure({ ...config, routes, listeners: ["127.0.0.1:0", `unix:${path}`] })
    sluice.signal("SIGUSR2")
    await upgraded(1)
    expect(await sluice.ended).toBe(0)
    const ports = (): string[] =>
      [...sluice.said.matchAll(/"addresses":"127.0.0.1:(\d+) /g)].map(([, port]) => port!)
    process.kill(pid(), "SIGUSR2")
    await upgraded(2)
    expect(ports()[1]).toBe(ports()[0])
    await eventually(
      () => sluice.times('"stopped"') === 2,
      () => "the second has ended",
    )
    expect(await statusAt({ port: Number(ports()[0]) })).toBe("200")
    expect(await statusAt({ path })).toBe("200")
    process.kill(pid(), "SIGTERM")
    await eventually(
      () => !existsSync(path),
      () => "the file is gone with the last one",
    )
  })

  test("another number of threads shares the sockets there are", async (t) => {
    for (const [before, after] of [
      [1, 3],
      [3, 2],
    ]) {
      const { sluice, config, port, pid, upgraded } = await start(t, { workers: before! })
      sluice.configure({ ...config, workers: after, routes: HERE.routes })
      sluice.signal("SIGUSR2")
      await upgraded(1)
      expect(await sluice.ended).toBe(0)
      const statuses = await Promise.all(Array.from({ length: 12 }, () => statusAt({ port })))
      expect(new Set(statuses)).toEqual(new Set(["200"]))
      process.kill(pid(), "SIGTERM")
    }
  })

  test("told to stop while the new one starts, it stops, and takes that with it", async (t) => {
    const { sluice } = await start(t)
    sluice.signal("SIGUSR2")
    await sluice.says('"starting the new version"')
    sluice.signal("SIGTERM")
    expect(await sluice.ended).toBe(0)
    expect(sluice.said).not.toContain("does not start")
  })
})

import { spawn } from "node:child_process"
import { connect, Socket } from "node:net"
import { describe, expect, test } from "vitest"
import { systemNetwork } from "../../src/net/network.ts"
import { eventually } from "../support/eventually.ts"
import { freePort } from "../support/free-port.ts"
import { LogLines } from "../support/log-lines.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { SluiceProcess } from "../support/sluice-process.ts"
import { EchoBackend, echoClient, TestBed } from "../support/test-bed.ts"

describe.runIf(process.platform === "linux")("a process that runs out of descriptors for clients", () => {
  test("turns clients away with a line in the log, goes on with all others, and takes new ones again", async (t) => {
    const backend = new EchoBackend("a")
    await backend.start()
    t.onTestFinished(() => backend.close())
    const port = await freePort()
    const config = { listeners: `127.0.0.1:${port}`, clusters: { test: [`127.0.0.1:${backend.port}`] } }
    const few = (command: readonly string[], env: NodeJS.ProcessEnv) =>
      spawn("sh", ["-c", 'ulimit -n 120; exec "$@"', "sh", ...command], { env })
    const sluice = new SluiceProcess(t, config, {}, few)
    await sluice.says("listening")
    const client = echoClient(port)
    t.onTestFinished(() => client.close())
    const first = await client.unary(Buffer.from("before"))
    expect(first.code).toBe(0)

    const sockets = Array.from({ length: 150 }, () => connect(port, "127.0.0.1"))
    t.onTestFinished(() => sockets.forEach((socket) => void socket.destroy()))
    const closed = (): number => sockets.filter((socket) => socket.destroyed).length
    for (const socket of sockets) socket.on("error", () => {}).resume()
    await eventually(
      () => closed() > 50 && sockets.every((socket) => !socket.connecting),
      () => `${closed()} were turned away`,
    )
    expect(closed()).toBeLessThan(150)
    await sluice.says("descriptors_exhausted")
    expect(sluice.times("descriptors_exhausted")).toBe(1)
    expect(sluice.said).toMatch(/openFilesMax\W+120/)
    // It has room to connect to a backend that was away.
    await backend.close()
    await backend.start()
    expect(await once0(async () => (await client.unary(Buffer.from("with none to spare"))).code)).toBe(0)

    for (const socket of sockets) socket.destroy()
    expect(await once0(() => isServed(port))).toBe(0)
  })
})

/** The first 0 that `ask` comes to, or what it comes to a hundred times. */
async function once0(ask: () => Promise<number>): Promise<number> {
  let code = -1
  for (let tries = 0; tries < 100 && code !== 0; tries++) code = await ask()
  return code
}

/** 0: a new client is. */
async function isServed(port: number): Promise<number> {
  const socket = connect(port, "127.0.0.1")
  const code = await new Promise<number>((resolve) => {
    socket.on("error", () => resolve(1)).on("close", () => resolve(2))
    socket.on("data", () => resolve(0))
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  })
  socket.destroy()
  return code
}

test("an endpoint that no descriptor is left for is not blamed, and the limit is named", async (t) => {
  const clock = new ManualClock()
  const lines = new LogLines()
  let fails = true
  const bed = await TestBed.start(t, {
    clock,
    log: lines.log,
    network: {
      ...systemNetwork,
      connect: (...args) => {
        if (!fails) return systemNetwork.connect(...args)
        const socket = new Socket()
        const error = Object.assign(new Error("connect EMFILE"), { code: "EMFILE" })
        process.nextTick(() => socket.destroy(error))
        return socket
      },
    },
  })
  const client = bed.client()
  for (let i = 0; i < 5; i++) {
    const { code, details } = await client.unary(Buffer.from("x"))
    expect([code, details]).toEqual([
      14,
      expect.stringMatching(
        /^cluster test, endpoint \S+: too many open files: this process may have \d+ \(ulimit -n\)$/,
      ),
    ])
  }
  expect(bed.balancer.snapshot().clusters[0]!.endpoints[0]).toMatchObject({ isEjected: false })
  expect(lines.saying("endpoint is out")).toEqual([])
  expect(lines.saying("limit reached: descriptors_exhausted")).toEqual([
    { endpoint: expect.stringContaining("127.0.0.1:"), openFilesMax: expect.any(Number) },
  ])
  expect(bed.balancer.counters.get("descriptors_exhausted")).toBeGreaterThan(0)
  fails = false
  clock.advance(5_000)
  expect((await client.unary(Buffer.from("x"))).code).toBe(0)
})

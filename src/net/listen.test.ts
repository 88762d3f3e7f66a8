import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, type TestContext, test } from "vitest"
import { hostAddress, unixAddress } from "../config/address.ts"
import { defaultListener } from "../config/defaults.ts"
import { listen, listenOn } from "./listen.ts"
import { listenProblem } from "./listen-problem.ts"
import { bindSockets } from "./listening-socket.ts"

function unixListener(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "sluice-listen-"))
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, "s.sock")
  const config = defaultListener(unixAddress(path))
  const open = async () => {
    const listening = await listen(config, () => {})
    t.onTestFinished(() => listening.close())
    return listening
  }
  return { path, config, open }
}

/** A socket as a process leaves it that was killed. */
async function leaveBehind(path: string): Promise<void> {
  const server = createServer().listen(`${path}.before`)
  await once(server, "listening")
  renameSync(`${path}.before`, path)
  server.close()
  await once(server, "close")
}

describe("a Unix socket", () => {
  test("takes every user's connections, as nginx's do, and goes when it closes", async (t) => {
    const { path, open } = unixListener(t)
    const listening = await open()
    expect(statSync(path).mode & 0o666).toBe(0o666)
    listening.close()
    expect(existsSync(path)).toBe(false)
  })

  test("that a killed process left behind is taken over", async (t) => {
    const { path, open } = unixListener(t)
    await leaveBehind(path)
    await open()
    const client = connect(path)
    await once(client, "connect")
    client.destroy()
  })

  test("on which another program listens stays its own", async (t) => {
    const { path, open } = unixListener(t)
    await open()
    await expect(open()).rejects.toThrow(
      `cannot listen on unix:${path}: the file is there already, and another program listens on it`,
    )
    expect(existsSync(path)).toBe(true)
  })

  test("does not take the place of a file that is none", async (t) => {
    const { path, open } = unixListener(t)
    writeFileSync(path, "precious")
    await expect(open()).rejects.toThrow(
      `cannot listen on unix:${path}: the file is there already, and is no socket; remove it or name another`,
    )
    expect(existsSync(path)).toBe(true)
  })

  test("in a directory that does not exist", async (t) => {
    const { config } = unixListener(t)
    const lost = { ...config, name: "unix:/nowhere/s.sock", unixPath: "/nowhere/s.sock" }
    await expect(listen(lost, () => {})).rejects.toThrow(
      "cannot listen on unix:/nowhere/s.sock: the directory /nowhere does not exist",
    )
  })

  test("in a directory that may not be written to", (t) => {
    const { path, config } = unixListener(t)
    const error = Object.assign(new Error("no"), { code: "EACCES" })
    expect(listenProblem(config, error)).toBe(
      `cannot listen on unix:${path}: no permission to write to the directory ${join(path, "..")}`,
    )
  })
})

/** More than the 511 that Node and nginx let wait. */
const AT_ONCE = 700
const isLinux = process.platform === "linux"

/** How many at most may wait here, whatever a program asks for. */
function somaxconn(): number {
  return Number(readFileSync("/proc/sys/net/core/somaxconn", "latin1"))
}

/** Clients whose SYN was not answered: in /proc/net/tcp, those to this port in the state SYN_SENT. */
function unanswered(port: number): number {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`
  const lines = readFileSync("/proc/net/tcp", "latin1").split("\n")
  return lines.filter((line) => line.includes(` ${remote} 02 `)).length
}

describe.runIf(isLinux && somaxconn() > AT_ONCE)("clients that come at once, in one turn", () => {
  const config = defaultListener(hostAddress("127.0.0.1", 0))

  const opened = {
    "that it binds": (backlog: number | null) => listen({ ...config, backlog }, () => {}),
    "that was bound before": async (backlog: number | null) => {
      const [socket] = await bindSockets(config, 1)
      return listenOn(socket!.fd, { ...config, backlog }, () => {})
    },
  }

  /** Connects, and looks before the listener had a turn to accept. */
  async function unansweredOf(t: TestContext, open: Promise<{ port: number | null; close(): void }>) {
    const { port, close } = await open
    const clients = Array.from({ length: AT_ONCE }, () => connect(port!, "127.0.0.1").on("error", () => {}))
    t.onTestFinished(() => {
      for (const client of clients) client.destroy()
      close()
    })
    return new Promise<number>((resolve) => process.nextTick(() => resolve(unanswered(port!))))
  }

  for (const [where, open] of Object.entries(opened)) {
    test(`all wait on a socket ${where}`, async (t) => {
      expect(await unansweredOf(t, open(null))).toBe(0)
    })

    test(`as many as it says wait on a socket ${where}`, async (t) => {
      expect(await unansweredOf(t, open(7))).toBe(AT_ONCE - 8)
    })
  }
})

import { once } from "node:events"
import { mkdtempSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { afterEach, expect, test, vi } from "vitest"
import { eventually } from "../../test/support/eventually.ts"
import { writeDirectly } from "./direct-write.ts"

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const tcp = { port: 0, host: "127.0.0.1" }

/** A connected socket and its peer, which reads nothing before it is told to. */
async function pair(at: { port: number; host: string } | { path: string } = tcp) {
  const server = createServer({ pauseOnConnect: true })
  await new Promise<void>((resolve) => server.listen(at, resolve))
  open.push(() => void server.close())
  const socket = connect("path" in at ? at : (server.address() as { port: number }))
  const [[peer]] = await Promise.all([
    once(server, "connection") as Promise<[Socket]>,
    once(socket, "connect"),
  ])
  for (const one of [socket, peer]) {
    one.on("error", () => {})
    open.push(() => one.destroy())
  }
  return { socket, peer }
}

const chunk = (text: string, length = text.length) => ({ buffer: Buffer.from(text), length })

test.for([
  ["TCP", "one chunk", [chunk("hello")], "hello"],
  ["TCP", "a chunk that is not full", [chunk("hello world", 5)], "hello"],
  ["TCP", "several", [chunk("one "), chunk("two!", 3), chunk(" three")], "one two three"],
  ["Unix", "one chunk", [chunk("hello")], "hello"],
  ["Unix", "several", [chunk("one "), chunk("two")], "one two"],
] as const)("%s: %s is written at once", async ([kind, , chunks, expected]) => {
  const path = join(mkdtempSync(join(tmpdir(), "sluice-")), "s.sock")
  const { socket, peer } = await pair(kind === "TCP" ? tcp : { path })
  const onWritten = vi.fn()
  for (let i = 0; i < 3; i++) expect(writeDirectly(socket, chunks, onWritten)).toBe("written")
  socket.end()
  let heard = ""
  for await (const octets of peer) heard += String(octets)
  expect([heard, onWritten.mock.calls.length]).toEqual([expected.repeat(3), 0])
})

test("what the kernel does not take waits, and is told of once", async () => {
  const { socket, peer } = await pair()
  const onWritten = vi.fn()
  const octets = 30_000_000
  const large = { buffer: Buffer.alloc(octets, "x"), length: octets }
  expect(writeDirectly(socket, [large], onWritten)).toBe("pending")
  await turn()
  expect(onWritten).not.toHaveBeenCalled()
  let came = 0
  peer.on("data", (part: Buffer) => (came += part.length)).resume()
  await eventually(
    () => came === octets,
    () => `${came} octets`,
  )
  expect(onWritten).toHaveBeenCalledTimes(1)
  expect(writeDirectly(socket, [chunk("more")], onWritten)).toBe("written")
})

test("it is told of as well where the socket is closed before", async () => {
  const { socket } = await pair()
  const onWritten = vi.fn()
  const large = { buffer: Buffer.alloc(30_000_000), length: 30_000_000 }
  expect(writeDirectly(socket, [large], onWritten)).toBe("pending")
  socket.destroy()
  await once(socket, "close")
  expect(onWritten).toHaveBeenCalledTimes(1)
})

test("a socket whose peer is gone is destroyed, with an error as Node's own", async () => {
  const { socket, peer } = await pair()
  peer.resetAndDestroy()
  const failed = once(socket, "error") as Promise<[NodeJS.ErrnoException]>
  await eventually(
    () => socket.destroyed || writeDirectly(socket, [chunk("x")], () => {}) === "unknown" || socket.destroyed,
    () => "its end",
  )
  const [{ code, syscall, message }] = await failed
  expect(["EPIPE", "ECONNRESET"]).toContain(code)
  expect([`write ${code}`, `read ${code}`]).toContain(message)
  expect(["write", "read"]).toContain(syscall)
})

test("nothing is done where the socket is not connected, or has no handle of its own", async () => {
  const { socket } = await pair()
  const connecting = connect({ host: "127.0.0.1", port: socket.remotePort! })
  connecting.on("error", () => {})
  open.push(() => connecting.destroy())
  expect(connecting.connecting).toBe(true)
  expect(writeDirectly(connecting, [chunk("x")], () => {})).toBe("unknown")
  expect(writeDirectly({} as Socket, [chunk("x")], () => {})).toBe("unknown")
  expect(writeDirectly({ _handle: {}, encrypted: true } as unknown as Socket, [], () => {})).toBe("unknown")
  socket.destroy()
  expect(writeDirectly(socket, [chunk("x")], () => {})).toBe("unknown")
})

import { once } from "node:events"
import { mkdtempSync } from "node:fs"
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { afterEach, describe, expect, test, vi } from "vitest"
import { eventually } from "../../test/support/eventually.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { CachedClock } from "../base/clock.ts"
import { parseAddress } from "../config/address.ts"
import { defaultEndpoint, defaultListener } from "../config/defaults.ts"
import { listenAddress } from "../config/yaml/scalars.ts"
import { Output } from "../http2/output.ts"
import { connect } from "./connect.ts"
import { errorReason } from "./error-reason.ts"
import { Flusher, type TurnWatch } from "./flusher.ts"
import { Link, type LinkUser } from "./link.ts"
import { listen } from "./listen.ts"

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const noWatch: TurnWatch = { turnBegan: () => {}, turnEnded: () => {} }

/** A user that keeps what it reads and pauses when told to. */
class FakeUser implements LinkUser {
  readonly output: Output
  shouldPauseReading = false
  readonly read: string[] = []
  readonly ends: string[] = []
  drains = 0
  onReceive: () => void = () => {}
  onEnd: () => void = () => {}
  onDrained: () => void = () => {}

  constructor(link: () => Link) {
    this.output = new Output({ onOutput: () => link().schedule(), onMuchOutput: () => {} })
  }

  receive(octets: Buffer, start: number, end: number): void {
    this.read.push(octets.toString("latin1", start, end))
    this.onReceive()
  }

  receiveEnd(reason: string): void {
    this.ends.push(reason)
    this.onEnd()
  }

  drained(): void {
    this.drains++
    this.onDrained()
  }
}

/** A link, its user, and the socket at the other end. */
async function linked() {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  open.push(() => void server.close())
  const { port } = server.address() as AddressInfo
  const clock = new ManualClock()
  const bugs: unknown[] = []
  const closed: Link[] = []
  const flusher = new Flusher((callback) => void setImmediate(callback), noWatch)
  const socket = connectSocket({
    port,
    host: "127.0.0.1",
    onread: {
      buffer: Buffer.alloc(4096),
      callback: (length: number, buffer: Uint8Array): boolean => {
        link.received(buffer as Buffer, 0, length)
        return true
      },
    },
  })
  const link: Link = new Link(socket, flusher, new CachedClock(clock), {
    onBug: (error) => void bugs.push(error),
    onClosed: (link) => void closed.push(link),
  })
  const user = new FakeUser(() => link)
  link.use(user)
  const [peer] = (await once(server, "connection")) as [Socket]
  peer.on("error", () => {})
  open.push(
    () => peer.destroy(),
    () => socket.destroy(),
  )
  return { link, user, socket, peer, clock, bugs, closed }
}

const text = (value: string): Buffer => Buffer.from(value)

describe("a link", () => {
  test("writes what a turn produced at once, at the turn's end", async () => {
    const { user, socket, peer } = await linked()
    const write = vi.spyOn(socket, "write")
    for (const part of ["one ", "two ", "three"]) user.output.raw(text(part))
    expect(write).not.toHaveBeenCalled()
    const [octets] = await once(peer, "data")
    expect(String(octets)).toBe("one two three")
    expect(write).toHaveBeenCalledTimes(1)
  })

  test("writes nothing while an earlier write waits for the kernel; then all that has gathered", async () => {
    const { user, socket, peer } = await linked()
    peer.pause()
    const many = Buffer.alloc(30_000_000, "x")
    user.output.raw(many)
    await turn()
    const write = vi.spyOn(socket, "write")
    for (let i = 0; i < 5; i++) {
      user.output.raw(text("y"))
      await turn()
    }
    expect(write).not.toHaveBeenCalled()
    expect(user.output.unsentOctets).toBe(many.length + 5)
    let came = 0
    peer.on("data", (octets: Buffer) => (came += octets.length))
    peer.resume()
    await eventually(
      () => came === many.length + 5,
      () => `${came} octets`,
    )
    expect([user.output.unsentOctets, user.drains > 0]).toEqual([0, true])
  })

  test("hands on what it reads, and stops reading while its user wants to", async () => {
    const { link, user, peer } = await linked()
    user.onReceive = () => {
      user.shouldPauseReading = true
    }
    peer.write("first")
    await eventually(
      () => link.isPaused,
      () => "paused",
    )
    peer.write("second")
    for (let i = 0; i < 20; i++) await turn()
    expect(user.read).toEqual(["first"])
    // Its output is taken: it may go on.
    user.shouldPauseReading = false
    user.output.raw(text("z"))
    await eventually(
      () => user.read.join(" ") === "first second",
      () => user.read.join(" "),
    )
  })

  test("tells of the end once, however it came", async () => {
    const { user, peer } = await linked()
    peer.end()
    await eventually(
      () => user.ends.length > 0,
      () => "an end",
    )
    peer.destroy()
    for (let i = 0; i < 20; i++) await turn()
    expect(user.ends).toEqual(["the peer closed the connection"])
  })

  test("sets no timer where its user ends it since the peer has", async () => {
    const { link, user, peer, clock } = await linked()
    const after = vi.spyOn(clock, "after")
    user.onEnd = () => link.end(1000)
    peer.end()
    await eventually(
      () => link.socket.destroyed,
      () => "the socket's end",
    )
    expect([user.ends.length, after.mock.calls.length]).toEqual([1, 0])
  })

  test("ends with its last words, and waits for its peer", async () => {
    const { link, user, peer, socket } = await linked()
    let heard = ""
    peer.on("data", (octets: Buffer) => (heard += String(octets)))
    user.output.raw(text("goodbye"))
    link.end(5000)
    link.end(5000)
    await once(peer, "end")
    expect(heard).toBe("goodbye")
    await eventually(
      () => socket.destroyed,
      () => "the socket's end",
    )
  })

  test("does not wait for ever on a peer that reads nothing", async () => {
    const { link, user, peer, socket, clock } = await linked()
    peer.pause()
    user.output.raw(Buffer.alloc(30_000_000))
    const late = vi.fn()
    link.end(5000, late)
    await turn()
    clock.advance(4_999)
    expect([socket.destroyed, late.mock.calls.length]).toEqual([false, 0])
    clock.advance(1)
    expect([socket.destroyed, late.mock.calls.length]).toEqual([true, 1])
    await eventually(
      () => clock.timersOpen === 0,
      () => `${clock.timersOpen} timers`,
    )
  })

  test.each(["onReceive", "onDrained", "onEnd"] as const)(
    "a user that throws in %s loses its connection, and nothing else",
    async (where) => {
      const { link, user, peer, socket, bugs, closed } = await linked()
      user[where] = () => {
        throw new Error("a bug")
      }
      user.output.raw(text("x"))
      peer.resume()
      peer.end("x")
      await eventually(
        () => socket.destroyed,
        () => "the socket's end",
      )
      expect(bugs).toEqual([new Error("a bug")])
      await eventually(
        () => closed.length === 1,
        () => "its owner is told",
      )
      expect(closed).toEqual([link])
    },
  )
})

describe("a flusher", () => {
  test("flushes each once a turn, and what flushing brings about in the next", () => {
    const turns: (() => void)[] = []
    const watch: string[] = []
    const flusher = new Flusher((callback) => turns.push(callback), {
      turnBegan: () => watch.push("began"),
      turnEnded: () => watch.push("ended"),
    })
    const order: string[] = []
    const two = { flush: () => void order.push("two") }
    let again = true
    const one = {
      flush: () => {
        order.push("one")
        if (again) flusher.add(two)
        again = false
      },
    }
    flusher.reading()
    flusher.add(one)
    flusher.add(two)
    expect(turns).toHaveLength(1)
    turns.shift()!()
    expect(order).toEqual(["one", "two"])
    turns.shift()!()
    expect(order).toEqual(["one", "two", "two"])
    expect([turns, watch]).toEqual([[], ["began", "ended", "began", "ended"]])
  })
})

describe("listening and connecting", () => {
  const listenerAt = (address: string) => defaultListener(listenAddress(address)!)

  test("on a Unix socket, both ways", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "sluice-")), "s.sock")
    const heard: string[] = []
    const listening = await listen(listenerAt(`unix:${path}`), (accept) => {
      const socket = accept((octets, length) => heard.push(octets.toString("latin1", 0, length)))
      open.push(() => socket.destroy())
      socket.write("welcome")
    })
    open.push(() => listening.close())
    expect(listening.port).toBeNull()
    const said: string[] = []
    const endpoint = defaultEndpoint(parseAddress(`unix:${path}`, null)!)
    const socket = connect(endpoint, null, (octets, length) =>
      said.push(octets.toString("latin1", 0, length)),
    )
    open.push(() => socket.destroy())
    socket.write("hello")
    await eventually(
      () => heard.length > 0 && said.length > 0,
      () => "both",
    )
    expect([heard, said]).toEqual([["hello"], ["welcome"]])
  })

  test("closing takes no more connections and leaves those there are", async () => {
    const accepted: Socket[] = []
    const listening = await listen(
      listenerAt("127.0.0.1:0"),
      (accept) => void accepted.push(accept(() => {})),
    )
    const client = connectSocket(listening.port!, "127.0.0.1")
    open.push(() => client.destroy())
    await eventually(
      () => accepted.length === 1,
      () => "a connection",
    )
    listening.close()
    accepted[0]!.write("still here")
    const [octets] = await once(client, "data")
    expect(String(octets)).toBe("still here")
    accepted[0]!.destroy()
  })

  test("a port that is taken is named", async () => {
    const first = await listen(listenerAt("127.0.0.1:0"), () => {})
    open.push(() => first.close())
    await expect(listen(listenerAt(`127.0.0.1:${first.port}`), () => {})).rejects.toThrow(
      `cannot listen on 127.0.0.1:${first.port}: the port is taken by another program`,
    )
  })

  test("an address that is not this machine's is said to be so", async () => {
    await expect(listen(listenerAt("192.0.2.1:0"), () => {})).rejects.toThrow(
      /this machine has no such address/,
    )
  })

  test.each([
    ["ECONNREFUSED", "connection refused"],
    ["ECONNRESET", "connection reset by peer"],
    ["EPIPE", "connection reset by peer"],
    ["ETIMEDOUT", "connection timed out"],
    ["EHOSTUNREACH", "no route to host"],
    ["ENETUNREACH", "network unreachable"],
    ["ENOTFOUND", "host name not found"],
    ["EAI_AGAIN", "host name not found"],
    ["ENOENT", "no such socket"],
    ["EMFILE", "too many open files"],
    ["EWHATEVER", "EWHATEVER: what node says"],
  ])("%s is %s", (code, reason) => {
    expect(errorReason(Object.assign(new Error("what node says"), { code }))).toBe(reason)
  })
})

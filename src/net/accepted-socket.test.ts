import { once } from "node:events"
import { connect, createServer, type Server, Socket } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { describe, expect, onTestFinished, test } from "vitest"
import { eventually } from "../../test/support/eventually.ts"
import { defaultListener } from "../config/defaults.ts"
import { listenAddress } from "../config/yaml/scalars.ts"
import { AcceptedSocket } from "./accepted-socket.ts"
import { DirectWriter } from "./direct-write.ts"
import type { LinkSocket } from "./link-socket.ts"
import { listen, type TakeOver } from "./listen.ts"
import { readShared } from "./shared-read.ts"

const listener = defaultListener(listenAddress("127.0.0.1:0")!)

/** As `listen` accepts where no one takes sockets over. */
async function listenBelow(onSocket: (socket: LinkSocket) => void, onOctets: (text: string) => void) {
  const { port, close } = await listen(listener, (accept) =>
    onSocket(accept((octets, length) => onOctets(octets.toString("latin1", 0, length)))),
  )
  return { port: port!, close }
}

/** As it does where this Node has other internals. */
async function listenAbove(onSocket: (socket: LinkSocket) => void, onOctets: (text: string) => void) {
  const server: Server = createServer({ pauseOnConnect: true }, (socket) => {
    readShared(socket, (octets, length) => onOctets(octets.toString("latin1", 0, length)))
    onSocket(socket)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return { port: (server.address() as { port: number }).port, close: () => void server.close() }
}

describe.each([
  ["an accepted socket", listenBelow, AcceptedSocket],
  ["net.Socket, which it stands for", listenAbove, Socket],
] as const)("%s", (_name, listenSo, Kind) => {
  async function accepted() {
    const said: string[] = []
    const sockets: LinkSocket[] = []
    const { port, close } = await listenSo(
      (socket) => {
        socket.on("error", ((error: NodeJS.ErrnoException) => said.push(`error ${error.code}`)) as never)
        socket.on("end", () => said.push("end"))
        socket.on("close", () => said.push("close"))
        sockets.push(socket)
      },
      (text) => said.push(text),
    )
    const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    const heard: string[] = []
    client.on("data", (octets) => heard.push(String(octets)))
    client.on("end", () => heard.push("end"))
    client.on("error", (error: NodeJS.ErrnoException) => heard.push(`error ${error.code}`))
    onTestFinished(() => {
      close()
      client.destroy()
      for (const socket of sockets) socket.destroy()
    })
    await once(client, "connect")
    await eventually(
      () => sockets.length === 1,
      () => "a client",
    )
    const socket = sockets[0]!
    expect(socket).toBeInstanceOf(Kind)
    const direct = DirectWriter.of(socket, () => said.push("written"))!
    const write = (octets: Buffer | string) => direct.write([Buffer.from(octets)])
    return { socket, write, said, client, heard }
  }

  const until = (list: string[], ...wanted: string[]) =>
    eventually(
      () => JSON.stringify(list) === JSON.stringify(wanted),
      () => JSON.stringify(list),
    )

  test("knows both its ends, the client's also when it is closed", async () => {
    const { socket, client, said } = await accepted()
    const { localPort, remotePort } = client
    expect([socket.remoteAddress, socket.remotePort]).toEqual(["127.0.0.1", localPort])
    expect([socket.localAddress, socket.localPort]).toEqual(["127.0.0.1", remotePort])
    socket.destroy()
    await until(said, "close")
    expect([socket.remoteAddress, socket.remotePort]).toEqual(["127.0.0.1", localPort])
  })

  test("reads, and while it is paused does not", async () => {
    const { socket, client, said } = await accepted()
    client.write("one")
    await until(said, "one")
    socket.pause()
    socket.pause()
    client.write("two")
    for (let i = 0; i < 5; i++) await turn()
    expect(said).toEqual(["one"])
    socket.resume()
    socket.resume()
    await until(said, "one", "two")
  })

  test("ends when its client does, with all that was written before", async () => {
    const { write, client, said, heard } = await accepted()
    expect(write("answer")).toBe(true)
    client.end("question")
    await until(said, "question", "end", "close")
    await until(heard, "answer", "end")
  })

  test("that ended stays open until its client ends, and reads meanwhile", async () => {
    const { socket, write, client, said, heard } = await accepted()
    write("answer")
    socket.end()
    socket.end()
    await until(heard, "answer", "end")
    client.write("more")
    await until(said, "more")
    expect(socket.destroyed).toBe(false)
    client.end()
    await until(said, "more", "end", "close")
  })

  test("says of a client's reset what it was, then closes", async () => {
    const { socket, client, said } = await accepted()
    client.resetAndDestroy()
    await until(said, "error ECONNRESET", "close")
    expect(socket.destroyed).toBe(true)
    socket.destroy()
    socket.end()
    socket.pause()
    socket.resume()
    await turn()
    expect(said).toEqual(["error ECONNRESET", "close"])
  })

  test("is destroyed once, with one error", async () => {
    const { socket, said } = await accepted()
    socket.destroy(Object.assign(new Error("first"), { code: "FIRST" }))
    socket.destroy(Object.assign(new Error("second"), { code: "SECOND" }))
    expect([socket.destroyed, said]).toEqual([true, []])
    await until(said, "error FIRST", "close")
  })

  test("resets its client", async () => {
    const { socket, client, said, heard } = await accepted()
    client.pause()
    socket.resetAndDestroy()
    await until(said, "close")
    client.resume()
    await eventually(
      () => heard.includes("error ECONNRESET"),
      () => JSON.stringify(heard),
    )
  })

  test("takes a write that the kernel does not; what waits at its end is over too", async () => {
    const { socket, write, said } = await accepted()
    expect(write(Buffer.alloc(30_000_000))).toBe(false)
    await turn()
    expect(said).toEqual([])
    socket.destroy()
    await eventually(
      () => said.includes("written") && said.includes("close"),
      () => JSON.stringify(said),
    )
    expect(said.filter((what) => what.startsWith("error"))).toEqual([])
  })

  test("is broken by a write that fails", async () => {
    const { socket, write, client, said } = await accepted()
    socket.pause()
    client.resetAndDestroy()
    await eventually(
      () => write("x") && socket.destroyed,
      () => "it breaks",
    )
    await eventually(
      () => said.includes("close"),
      () => JSON.stringify(said),
    )
    expect(said[0]).toMatch(/^error (EPIPE|ECONNRESET)$/)
  })
})

test("a listener offers sockets for as long as they are wanted", async () => {
  const kinds: string[] = []
  let isWanted = true
  const takeOver: TakeOver = {
    isWanted: () => isWanted,
    take(socket) {
      kinds.push(socket.constructor.name)
      socket.destroy()
      return true
    },
  }
  const onAccept = (accept: (onOctets: () => void) => LinkSocket) => {
    const socket = accept(() => {})
    kinds.push(socket.constructor.name)
    socket.destroy()
  }
  const { port, close } = await listen(listener, onAccept, takeOver)
  onTestFinished(close)
  for (const is of [true, false, true]) {
    isWanted = is
    const client = connect(port!, "127.0.0.1").on("error", () => {})
    await once(client, "close")
  }
  expect(kinds).toEqual(["Socket", "AcceptedSocket", "Socket"])
})

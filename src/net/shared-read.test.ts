import { once } from "node:events"
import {
  type AddressInfo,
  connect as connectPlain,
  createServer as createPlainServer,
  type Socket,
} from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { connect, createServer, type TLSSocket } from "node:tls"
import { expect, test } from "vitest"
import { Certificate } from "../../test/support/certificates.ts"
import { eventually } from "../../test/support/eventually.ts"
import { readShared } from "./shared-read.ts"

const OCTETS = 8 * 2 ** 20
const TURNS = 50

test("an accepted TLS socket reads into the shared buffer, and stops while it is paused", async (t) => {
  const { pem: cert, key } = await Certificate.root("CN=localhost", { isAuthority: false })
  const buffers = new Set<ArrayBufferLike>()
  let received = 0
  let paused: TLSSocket | undefined
  const server = createServer({ cert, key }, (socket) => {
    socket.on("error", () => {})
    readShared(socket, (octets, length) => {
      received += length
      buffers.add(octets.buffer)
      if (paused === undefined) (paused = socket).pause()
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const client = connect({ port: (server.address() as AddressInfo).port, rejectUnauthorized: false })
  t.onTestFinished(() => {
    client.destroy()
    server.close()
  })

  client.write(Buffer.alloc(OCTETS, 7))
  await eventually(
    () => paused !== undefined,
    () => "the first octets",
  )
  for (let i = 0; i < TURNS; i++) await turn()
  // What came with the same read of the kernel's is decrypted and handed over all the same.
  expect(received).toBeLessThan(OCTETS / 8)

  paused!.resume()
  await eventually(
    () => received === OCTETS,
    () => `${received} octets`,
  )
  expect(buffers.size).toBe(1)
})

test("a reader that pauses over what waited in the socket gets no more until it resumes", async (t) => {
  const server = createPlainServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const accepted = once(server, "connection") as Promise<[Socket]>
  const client = connectPlain((server.address() as AddressInfo).port, "127.0.0.1")
  const [socket] = await accepted
  t.onTestFinished(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  client.write("first")
  await eventually(
    () => socket.readableLength === 5,
    () => "the first octets",
  )
  let received = ""
  const reader = { isPaused: false }
  const onOctets = (octets: Buffer, length: number): void => {
    received += octets.toString("latin1", 0, length)
    if (reader.isPaused) return
    reader.isPaused = true
    socket.pause()
  }
  readShared(socket, onOctets, reader)
  client.write(", second")
  for (let i = 0; i < TURNS; i++) await turn()
  expect(received).toBe("first")
  socket.resume()
  await eventually(
    () => received === "first, second",
    () => received,
  )
})

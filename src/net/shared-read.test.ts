import { once } from "node:events"
import type { AddressInfo } from "node:net"
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

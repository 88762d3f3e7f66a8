import { once } from "node:events"
import { createServer as createHttp2Server } from "node:http2"
import { type AddressInfo, connect } from "node:net"
import { connect as connectTls } from "node:tls"
import { expect, test } from "vitest"
import { createBalancer } from "../../src/index.ts"
import { Certificate, CertificateFiles } from "../support/certificates.ts"
import * as dsl from "../support/frame-dsl.ts"

const header = Buffer.from("PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n", "latin1")

async function behindProxy(t: { onTestFinished(end: () => unknown): void }) {
  const backend = createHttp2Server((request, response) =>
    response.end(String(request.headers["x-real-client"])),
  ).listen(0, "127.0.0.1")
  await once(backend, "listening")
  const { port: backendPort } = backend.address() as AddressInfo
  const balancer = createBalancer({
    listeners: { address: "127.0.0.1:0", proxyProtocol: true },
    clusters: { backend: [`127.0.0.1:${backendPort}`] },
    setHeaders: { "x-real-client": "$proxy_protocol_addr:$proxy_protocol_port" },
  })
  await balancer.start()
  t.onTestFinished(async () => {
    await balancer.close({ graceMs: 0 })
    backend.close()
  })
  const socket = connect(balancer.addresses[0]!.port!, "127.0.0.1")
  socket.on("error", () => {})
  t.onTestFinished(() => socket.destroy())
  return { balancer, socket }
}

test("the client that a PROXY header names is in its variables, and HTTP/2 begins behind it", async (t) => {
  const { balancer, socket } = await behindProxy(t)
  const ended = once(balancer, "stream")
  // Cut in the middle of the header: it comes in two pieces.
  socket.write(header.subarray(0, 10))
  socket.write(
    Buffer.concat([
      header.subarray(10),
      dsl.preface,
      dsl.settings(),
      dsl.headers(1, dsl.request, { endStream: true }),
    ]),
  )
  const [record] = (await ended) as [{ status: number; connection: { proxied: object } }]
  expect(record.status).toBe(200)
  expect(record.connection.proxied).toMatchObject({ sourceAddress: "192.0.2.7", sourcePort: 40_000 })
})

test("a client without the header is turned away", async (t) => {
  const { balancer, socket } = await behindProxy(t)
  socket.write(dsl.preface)
  await once(socket, "close")
  expect(balancer.snapshot().streamsEnded).toBe(0)
})

test.for([
  ["that is turned away", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ["that has said nothing yet when the balancer closes", Buffer.alloc(0)],
] as const)("a client %s is reported gone once", async ([, octets], t) => {
  const { balancer, socket } = await behindProxy(t)
  const reported = { came: 0, gone: 0 }
  balancer.on("connect", () => reported.came++)
  balancer.on("disconnect", () => reported.gone++)
  await once(balancer, "connect")
  socket.write(octets)
  if (octets.length > 0) await once(socket, "close")
  await balancer.close({ graceMs: 0 })
  expect(reported).toEqual({ came: 1, gone: 1 })
})

test("over TLS the header comes before the handshake, in pieces too", async (t) => {
  const files = new CertificateFiles(t)
  const certificate = await (await Certificate.root("CN=root")).issue({ names: ["localhost"] })
  const balancer = createBalancer({
    listeners: {
      address: "127.0.0.1:0",
      proxyProtocol: true,
      tls: { certificates: [files.pair("server", certificate)] },
    },
    clusters: {},
    routes: [{ return: { text: "$proxy_protocol_addr:$proxy_protocol_port" } }],
  })
  await balancer.start()
  t.onTestFinished(() => balancer.close({ graceMs: 0 }))
  const socket = connect(balancer.addresses[0]!.port!, "127.0.0.1")
  await once(socket, "connect")
  socket.write(header.subarray(0, 10))
  await new Promise((resolve) => setImmediate(resolve))
  socket.write(header.subarray(10))
  const secure = connectTls({ socket, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] })
  await once(secure, "secureConnect")
  const ended = once(balancer, "stream")
  secure.write("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
  const [record] = (await ended) as [{ status: number; connection: { proxied: object } }]
  expect(record.connection.proxied).toMatchObject({ sourceAddress: "192.0.2.7", sourcePort: 40_000 })
  expect(record.status).toBe(200)
  secure.destroy()
  const stranger = connect(balancer.addresses[0]!.port!, "127.0.0.1")
  stranger.on("error", () => {})
  stranger.write("\x16\x03\x01")
  await once(stranger, "close")
})

import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { expect, test } from "vitest"
import { Certificate, CertificateFiles } from "../../test/support/certificates.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { shakeHands } from "../../test/support/tls-client.ts"
import { silentLog } from "../log/logger.ts"
import { NO_STAPLING } from "./ocsp/staples.ts"
import { TlsFileWatch } from "./tls-file-watch.ts"
import { TlsListener } from "./tls-listener.ts"

test("a bug met once a handshake is done ends that client's socket, and nothing else", async (t) => {
  const certificate = await Certificate.root("CN=chat.test")
  const { cert, key } = new CertificateFiles(t).pair("server", certificate)
  const clock = new ManualClock()
  const bugs: unknown[] = []
  const listener = new TlsListener({
    name: "test",
    handshakeTimeoutMs: 10_000,
    clock,
    files: new TlsFileWatch(clock),
    log: silentLog,
    onSecured: () => {
      throw new Error("a bug")
    },
    onPlain: () => {},
    onFailed: () => {},
    stapling: NO_STAPLING,
    onBug: (error) => void bugs.push(error),
  })
  t.onTestFinished(() => listener.close())
  listener.prepare({
    certificates: [{ names: [], certFile: cert, keyFile: key }],
    rejectNames: [],
    rejectOthers: false,
    protocols: ["TLSv1.3"],
    ciphers: null,
    alpnProtocols: null,
    clientCaFile: null,
    clientCrlFile: null,
    verifyClient: "off",
    verifyDepth: 1,
    sessionTimeoutMs: 300_000,
  })()
  const server = createServer((socket) => listener.handshake(socket, false))
  t.onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const accepted = once(server, "connection") as Promise<[Socket]>
  const client = await shakeHands((server.address() as AddressInfo).port)
  t.onTestFinished(() => void client.destroy())
  const [socket] = await accepted
  if (!socket.destroyed) await once(socket, "close")
  expect(bugs).toEqual([new Error("a bug")])
})

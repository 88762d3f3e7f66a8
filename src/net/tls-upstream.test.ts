import { once } from "node:events"
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
} from "node:net"
import { createServer as createTlsServer, type TLSSocket } from "node:tls"
import { expect, type TestContext, test } from "vitest"
import { Certificate, CertificateFiles } from "../../test/support/certificates.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { parseAddress } from "../config/address.ts"
import { defaultEndpoint } from "../config/defaults.ts"
import { silentLog } from "../log/silent-log.ts"
import { TlsFileWatch } from "./tls-file-watch.ts"
import { TlsUpstream } from "./tls-upstream.ts"

async function portOf(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Passes octets to and from `port`, but keeps all that follows a client's first ones until `release`. */
async function holding(t: TestContext, port: number): Promise<{ port: number; release(): void }> {
  const held: (() => void)[] = []
  let isHolding = true
  const server = createTcpServer((client) => {
    const onward = connectTcp(port, "127.0.0.1")
    for (const socket of [client, onward]) socket.on("error", () => {})
    t.onTestFinished(() => void client.destroy())
    client.on("close", () => onward.destroy())
    onward.pipe(client)
    client.once("data", (first) => {
      onward.write(first)
      client.on("data", (octets) => {
        if (isHolding) held.push(() => onward.write(octets))
        else onward.write(octets)
      })
    })
  })
  const release = (): void => {
    isHolding = false
    for (const pass of held) pass()
  }
  return { port: await portOf(t, server), release }
}

test("a session of an authority that is trusted no more is not kept, however late its ticket comes", async (t) => {
  const files = new CertificateFiles(t)
  const [former, present] = [await Certificate.root("CN=former"), await Certificate.root("CN=present")]
  const { pem: cert, key } = await former.issue({ names: ["127.0.0.1"] })
  const backend = createTlsServer({ cert, key, ALPNProtocols: ["h2"] }, (socket) => {
    socket.on("error", () => {})
    t.onTestFinished(() => void socket.destroy())
  })
  const front = await holding(t, await portOf(t, backend))
  const caFile = files.write("ca.pem", former.pem)
  const watch = new TlsFileWatch(new ManualClock())
  t.onTestFinished(() => watch.close())
  const upstream = new TlsUpstream({
    files: watch,
    log: silentLog,
    config: {
      verify: true,
      verifyDepth: 1,
      caFile,
      crlFile: null,
      certFile: null,
      keyFile: null,
      passwordFile: null,
      serverName: null,
      sendServerName: false,
      protocols: null,
      ciphers: null,
      alpnProtocols: null,
    },
  })
  upstream.prepare()()
  const endpoint = defaultEndpoint(parseAddress(`127.0.0.1:${front.port}`, null)!)
  const dial = (): TLSSocket => {
    const socket = upstream.connect(endpoint, null, () => {}) as TLSSocket
    t.onTestFinished(() => void socket.destroy())
    return socket
  }
  const first = dial()
  await once(first, "secureConnect")
  files.write("ca.pem", present.pem)
  upstream.prepare()()
  const ticket = once(first, "session")
  front.release()
  await ticket
  await expect(once(dial(), "secureConnect")).rejects.toThrow("unable to verify the first certificate")
})

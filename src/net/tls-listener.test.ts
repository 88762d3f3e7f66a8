import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { TLSSocket } from "node:tls"
import { expect, type TestContext, test, vi } from "vitest"
import { Certificate, CertificateFiles } from "../../test/support/certificates.ts"
import { eventually } from "../../test/support/eventually.ts"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { ocspResponder } from "../../test/support/ocsp.ts"
import { shakeHands } from "../../test/support/tls-client.ts"
import type { ListenerTlsConfig } from "../config/model.ts"
import { silentLog } from "../log/silent-log.ts"
import { NO_STAPLING } from "./ocsp/staples.ts"
import { TlsFileWatch } from "./tls-file-watch.ts"
import { TlsListener, type TlsListenerOptions } from "./tls-listener.ts"
import { isChainTooLong } from "./tls-peer.ts"

/** A listener of TLS that is handed what a server accepts. */
async function listening(
  t: TestContext,
  options: Partial<TlsListenerOptions>,
  config: (files: CertificateFiles, certificate: Certificate) => Partial<ListenerTlsConfig> = () => ({}),
) {
  const certificate = await Certificate.root("CN=chat.test")
  const files = new CertificateFiles(t)
  const { cert, key } = files.pair("server", certificate)
  const clock = new ManualClock()
  const listener = new TlsListener({
    name: "test",
    handshakeTimeoutMs: 10_000,
    clock,
    files: new TlsFileWatch(clock),
    log: silentLog,
    onSecured: () => {},
    onPlain: () => {},
    onFailed: () => {},
    stapling: NO_STAPLING,
    onBug: () => {},
    ...options,
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
    ...config(files, certificate),
  })()
  const server = createServer((socket) => listener.handshake(socket, false))
  t.onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { server, port: (server.address() as AddressInfo).port, clock, certificate }
}

test("a bug met once a handshake is done ends that client's socket, and nothing else", async (t) => {
  const bugs: unknown[] = []
  const { server, port } = await listening(t, {
    onSecured: () => {
      throw new Error("a bug")
    },
    onBug: (error) => void bugs.push(error),
  })
  const accepted = once(server, "connection") as Promise<[Socket]>
  const client = await shakeHands(port)
  t.onTestFinished(() => void client.destroy())
  const [socket] = await accepted
  if (!socket.destroyed) await once(socket, "close")
  expect(bugs).toEqual([new Error("a bug")])
})

const messages = () => import("../access/ocsp/ocsp-message.ts")

test("a client's certificate is asked after at its issuer, not at what was sent next to it", async (t) => {
  const { url, asked } = await ocspResponder(t, () => "hang")
  const { port, certificate } = await listening(
    t,
    { stapling: { ...NO_STAPLING, timeoutMs: 1000, octetsMax: 1000, statusesMax: 1, messages } },
    (files, { pem }) => ({
      clientCaFile: files.write("ca.pem", pem),
      verifyClient: "on",
      verifyDepth: 1,
      clientOcsp: { check: "leaf", responder: url },
    }),
  )
  const inner = await certificate.issue({ subject: "CN=inner", isAuthority: true })
  const own = await inner.issue({ subject: "CN=own" })
  // Some versions of Node show a server what came with a certificate, once; others never.
  const shown = chainOf(own.pem, (await Certificate.root("CN=stranger")).pem, inner.pem)
  const asking = vi.spyOn(TLSSocket.prototype, "getPeerX509Certificate").mockReturnValueOnce(shown)
  t.onTestFinished(() => asking.mockRestore())
  const client = await shakeHands(port, { cert: own.pem, key: own.key })
  t.onTestFinished(() => void client.destroy())
  await eventually(
    () => asked() === 1,
    () => "asked after",
  )
})

test.each([
  ["as they come", (leaf: string, inner: string, root: string, _: string) => [leaf, inner, root]],
  ["in disorder", (leaf: string, inner: string, root: string, _: string) => [leaf, root, inner]],
  [
    "with a stranger's",
    (leaf: string, inner: string, _: string, stranger: string) => [leaf, stranger, inner],
  ],
])("a chain is as long as its issuers are many, sent %s", async (_, order) => {
  const root = await Certificate.root("CN=root")
  const inner = await root.issue({ subject: "CN=inner", isAuthority: true })
  const leaf = await inner.issue({ subject: "CN=leaf" })
  const stranger = await Certificate.root("CN=stranger")
  const shown = chainOf(...order(leaf.pem, inner.pem, root.pem, stranger.pem))
  const authorities = [new X509Certificate(root.pem)]
  expect([isChainTooLong(shown, 0, authorities), isChainTooLong(shown, 1, authorities)]).toEqual([
    true,
    false,
  ])
})

/** The first, as Node shows it where the others came behind it. */
function chainOf(...pems: string[]): X509Certificate {
  const all = pems.map((pem) => new X509Certificate(pem))
  for (const [at, each] of all.entries())
    Object.defineProperty(each, "issuerCertificate", { value: all[at + 1] })
  return all[0]!
}

test("a client that leaves while its certificate is asked after has not taken too long", async (t) => {
  const { url, asked } = await ocspResponder(t, () => "hang")
  const failed: string[] = []
  const { server, port, clock, certificate } = await listening(
    t,
    {
      onFailed: (cause) => void failed.push(cause),
      stapling: { ...NO_STAPLING, timeoutMs: 1000, octetsMax: 1000, statusesMax: 1, messages },
    },
    (files, { pem }) => ({
      clientCaFile: files.write("ca.pem", pem),
      verifyClient: "on",
      clientOcsp: { check: "leaf", responder: url },
    }),
  )
  const { pem, key } = await certificate.issue({ subject: "CN=client" })
  const accepted = once(server, "connection") as Promise<[Socket]>
  const client = await shakeHands(port, { cert: pem, key })
  const [socket] = await accepted
  await eventually(
    () => asked() === 1,
    () => "asked after",
  )
  client.destroy()
  if (!socket.destroyed) await once(socket, "close")
  clock.advance(10_000)
  expect(failed).toEqual([])
})

import { once } from "node:events"
import { createServer as createHttp2Server } from "node:http2"
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Socket,
} from "node:net"
import {
  createSecureContext,
  createServer as createTlsServer,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from "node:tls"
import * as grpc from "@grpc/grpc-js"
import { beforeAll, describe, expect, type TestContext, test } from "vitest"
import type { RouteInput, SluiceYaml } from "../../src/config/yaml/schema.ts"
import { Certificate, CertificateFiles } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawConnection } from "../support/raw-connection.ts"
import { type BedOptions, TestBed } from "../support/test-bed.ts"

type UpstreamTls = Exclude<NonNullable<RouteInput["tls"]>, boolean>

let root: Certificate
let server: Certificate

beforeAll(async () => {
  root = await Certificate.root("CN=Root")
  server = await root.issue({ names: ["chat.test"] })
})

/** A backend on TLS that answers every request with `:status 200`, and remembers its handshakes. */
class SecureBackend {
  readonly sockets: TLSSocket[] = []
  readonly #server: Server

  private constructor(options: TlsOptions) {
    this.#server = createTlsServer({ ALPNProtocols: ["h2"], ...options }, (socket) => {
      this.sockets.push(socket)
      socket.on("error", () => {})
      const connection = new RawConnection(socket, "server")
      connection.onFrame = ({ type, streamId }) => {
        if (type === 1) connection.send(dsl.headers(streamId, [[":status", "200"]], { endStream: true }))
      }
    })
    this.#server.on("tlsClientError", () => {})
  }

  static async start(t: TestContext, options: TlsOptions): Promise<SecureBackend> {
    const backend = new SecureBackend(options)
    backend.#server.listen(0, "127.0.0.1")
    await once(backend.#server, "listening")
    t.onTestFinished(() => backend.close())
    return backend
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get server(): Server {
    return this.#server
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A balancer whose only route speaks TLS to 127.0.0.1:port, as `tls` says. */
async function bedFor(
  t: TestContext,
  port: number,
  tls: UpstreamTls | true,
  options: BedOptions = {},
  route: RouteInput = {},
  limits: SluiceYaml["limits"] = {},
): Promise<{ bed: TestBed; logs: LogLines }> {
  const logs = new LogLines()
  const config = {
    limits,
    clusters: { chat: [{ address: `127.0.0.1:${port}`, maxFails: 0 }] },
    servers: [{ routes: [{ cluster: "chat", tls, ...route }] }],
  }
  const bed = await TestBed.start(t, { backends: 0, log: logs.log, ...options, config })
  return { bed, logs }
}

/** Status and message of a call. */
async function call(
  bed: TestBed,
  fields: [string, string][] = [],
): Promise<{ httpStatus: string | undefined; message: string | undefined }> {
  const client = await bed.rawClient()
  const id = client.open([...dsl.request, ...fields], { endStream: true })
  const head = await client.head(id)
  await client.end(id)
  client.destroy()
  const find = (wanted: string) => head.fields.find(([name]) => name === wanted)?.[1]
  return { httpStatus: find(":status"), message: decodeURIComponent(find("grpc-message") ?? "") }
}

const material = ({ pem: cert, key }: Certificate): TlsOptions => ({ cert, key })

test("a name that calls say is sent and checked for each, on connections of its own, of which there is a bound", async (t) => {
  const files = new CertificateFiles(t)
  const known = new Map<string, Certificate>()
  for (const name of ["a.test", "b.test"]) known.set(name, await root.issue({ names: [name] }))
  const said: string[] = []
  const backend = await SecureBackend.start(t, {
    ...material(server),
    SNICallback: (name, done) => {
      said.push(name)
      done(null, createSecureContext(material(known.get(name) ?? server)))
    },
  })
  const tls = {
    verify: true,
    sendServerName: true,
    ca: files.write("ca.pem", root.pem),
    serverName: "$http_x_to",
  }
  const { bed } = await bedFor(t, backend.port, tls, {}, {}, { variableClustersMax: 2 })
  const answerTo = async (name: string) => {
    const { httpStatus, message } = await call(bed, [["x-to", name]])
    return message === "" ? httpStatus : message
  }
  for (const to of ["a.test", "b.test", "A.test:443"]) expect(await answerTo(to)).toBe("200")
  expect(said).toEqual(["a.test", "b.test"])
  expect(await answerTo("c.test")).toContain("the certificate is for DNS:chat.test, not c.test")
  const [, second] = backend.sockets
  await eventually(
    () => second!.closed,
    () => "the connection of the name that was not said for the longest time ends",
  )
  for (const to of ["a.test", "b.test"]) expect(await answerTo(to)).toBe("200")
  const namesOf = () => backend.sockets.map(({ servername }) => servername)
  expect(namesOf().filter((name) => name !== "c.test")).toEqual(["a.test", "b.test", "b.test"])
  expect(bed.balancer.counters.get("variable_clusters_exceeded")).toBe(2)
  expect(await answerTo("")).toContain("not ")
})

describe("an endpoint's certificate", () => {
  const cases: Record<string, () => Promise<Certificate>> = {
    good: async () => server,
    "for its address": () => root.issue({ names: ["127.0.0.1"] }),
    expired: () => root.issue({ names: ["chat.test"], fromDay: -9, untilDay: -2 }),
    "not yet valid": () => root.issue({ names: ["chat.test"], fromDay: 3, untilDay: 9 }),
    "of another name": () => root.issue({ names: ["other.test"] }),
    "without a subject": () => root.issue({ subject: "", names: ["chat.test"] }),
    wildcard: () => root.issue({ names: ["*.chat.test"] }),
    "self-signed": () => Certificate.root("CN=chat.test", { names: ["chat.test"], isAuthority: false }),
    "by a stranger": async () => (await Certificate.root("CN=Elsewhere")).issue({ names: ["chat.test"] }),
    "two deep": async () => {
      const outer = await root.issue({ subject: "CN=outer", isAuthority: true })
      const inner = await outer.issue({ subject: "CN=inner", isAuthority: true })
      return inner.issue({ names: ["chat.test"] })
    },
  }

  test.for<[string, UpstreamTls, string | null]>([
    ["good", { verify: true, serverName: "chat.test" }, null],
    ["wildcard", { verify: true, serverName: "a.chat.test" }, null],
    ["without a subject", { verify: true, serverName: "chat.test" }, null],
    ["for its address", { verify: true }, null],
    ["good", { verify: true }, "hostname mismatch: the certificate is for DNS:chat.test, not 127.0.0.1"],
    ["expired", { verify: true, serverName: "chat.test" }, "certificate has expired"],
    ["not yet valid", { verify: true, serverName: "chat.test" }, "certificate is not yet valid"],
    [
      "of another name",
      { verify: true, serverName: "chat.test" },
      "hostname mismatch: the certificate is for DNS:other.test, not chat.test",
    ],
    ["self-signed", { verify: true, serverName: "chat.test" }, "self-signed certificate"],
    ["by a stranger", { verify: true, serverName: "chat.test" }, "unable to verify the first certificate"],
    ["two deep", { verify: true, serverName: "chat.test" }, "certificate chain too long"],
    ["two deep", { verify: true, serverName: "chat.test", verifyDepth: 2 }, null],
    ["expired", {}, null],
    ["by a stranger", {}, null],
  ])("%s, with %j: %s", async ([which, tls, reason], t) => {
    const files = new CertificateFiles(t)
    const backend = await SecureBackend.start(t, material(await cases[which]!()))
    const { bed } = await bedFor(t, backend.port, { ca: files.write("ca.pem", root.pem), ...tls })
    const where = `cluster chat, endpoint 127.0.0.1:${backend.port}`
    expect(await call(bed)).toEqual({
      httpStatus: "200",
      message: reason === null ? "" : `${where}: ${reason}`,
    })
  })

  test.for<[what: string, lists: () => Promise<string>, tls: UpstreamTls, reason: string | null]>([
    ["good by its authority's list", () => root.revocationList(), { verify: true }, null],
    ["revoked", () => root.revocationList(server), { verify: true }, "certificate revoked"],
    [
      "of an authority that has no list",
      async () => (await Certificate.root("CN=Elsewhere")).revocationList(),
      { verify: true },
      "unable to get certificate CRL",
    ],
    ["revoked, and not verified", () => root.revocationList(server), {}, null],
  ])("%s (crl)", async ([_, lists, tls, reason], t) => {
    const files = new CertificateFiles(t)
    const backend = await SecureBackend.start(t, material(server))
    const ca = files.write("ca.pem", root.pem)
    const crl = files.write("crl.pem", await lists())
    const { bed } = await bedFor(t, backend.port, { ca, crl, serverName: "chat.test", ...tls })
    const where = `cluster chat, endpoint 127.0.0.1:${backend.port}`
    expect((await call(bed)).message).toBe(reason === null ? "" : `${where}: ${reason}`)
  })

  test("verify without ca asks the authorities that Node knows", async (t) => {
    const backend = await SecureBackend.start(t, material(server))
    const { bed } = await bedFor(t, backend.port, { verify: true, serverName: "chat.test" })
    expect((await call(bed)).message).toMatch(/: unable to verify the first certificate$/)
  })
})

describe("what the endpoint is asked", () => {
  test.for<[UpstreamTls, string | false]>([
    [{}, false],
    [{ serverName: "chat.test" }, false],
    [{ serverName: "chat.test", sendServerName: true }, "chat.test"],
    // An address is no server name: RFC 6066 §3.
    [{ sendServerName: true }, false],
  ])("%j sends the server name %s", async ([tls, name], t) => {
    const backend = await SecureBackend.start(t, material(server))
    const { bed } = await bedFor(t, backend.port, tls)
    await call(bed)
    expect(backend.sockets[0]!.servername).toBe(name)
  })

  test("our certificate is shown where one is wanted", async (t) => {
    const files = new CertificateFiles(t)
    const own = await root.issue({ subject: "CN=sluice" })
    const wanting = { ...material(server), ca: root.pem, requestCert: true, rejectUnauthorized: true }
    const backend = await SecureBackend.start(t, wanting)
    const { bed } = await bedFor(t, backend.port, files.pair("own", own))
    expect((await call(bed)).message).toBe("")
    expect(backend.sockets[0]!.getPeerCertificate().subject.CN).toBe("sluice")
  })

  test.for(["TLSv1.2", "TLSv1.3"] as const)(
    "without one, the refusal is named (%s)",
    async (maxVersion, t) => {
      const wanting = {
        ...material(server),
        ca: root.pem,
        requestCert: true,
        rejectUnauthorized: true,
        maxVersion,
      }
      const backend = await SecureBackend.start(t, wanting)
      const { bed } = await bedFor(t, backend.port, true)
      expect((await call(bed)).message).toMatch(/wants a client certificate$/)
    },
  )

  test("versions and ciphers are ours to choose", async (t) => {
    const backend = await SecureBackend.start(t, material(server))
    const ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"
    const { bed } = await bedFor(t, backend.port, { protocols: ["TLSv1.2"], ciphers })
    await call(bed)
    const [socket] = backend.sockets
    expect([socket!.getProtocol(), socket!.getCipher().name]).toEqual(["TLSv1.2", ciphers])
  })

  test("no version in common", async (t) => {
    const backend = await SecureBackend.start(t, { ...material(server), minVersion: "TLSv1.3" })
    const { bed } = await bedFor(t, backend.port, { protocols: ["TLSv1.2"] })
    expect((await call(bed)).message).toMatch(/: the peer refused: no TLS version in common$/)
  })
})

test.for(["off", "on"])(
  "an endpoint without ALPN is spoken to in HTTP/2, as by nginx; verification %s",
  async (verify, t) => {
    const backend = await SecureBackend.start(t, { ...material(server), ALPNProtocols: undefined as never })
    const files = new CertificateFiles(t)
    const tls = { ca: files.write("ca.pem", root.pem), serverName: "chat.test", verify: verify === "on" }
    const { bed } = await bedFor(t, backend.port, tls)
    // One connection after the other: what is resumed has no ALPN either.
    for (const round of [1, 2]) {
      expect(await call(bed)).toMatchObject({ httpStatus: "200" })
      expect(backend.sockets).toHaveLength(round)
      expect(backend.sockets.at(-1)!.alpnProtocol).toBe(false)
      backend.sockets.at(-1)!.destroy()
      await eventually(
        () => bed.balancer.snapshot().clusters[0]!.endpoints[0]!.connections === 0,
        () => "the connection is gone",
      )
    }
  },
)

describe("an endpoint that does not speak HTTP/2 over TLS", () => {
  test("knows only HTTP/1.1", async (t) => {
    const backend = await SecureBackend.start(t, { ...material(server), ALPNProtocols: ["http/1.1"] })
    const { bed } = await bedFor(t, backend.port, true)
    expect((await call(bed)).message).toMatch(/no protocol in common \(ALPN\)$/)
  })

  test("has no ALPN and answers in HTTP/1.1", async (t) => {
    const old = createTlsServer(material(server), (socket) => {
      socket.on("error", () => {}).once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
    }).listen(0, "127.0.0.1")
    t.onTestFinished(() => void old.close())
    await once(old, "listening")
    const { bed } = await bedFor(t, (old.address() as AddressInfo).port, true)
    expect((await call(bed)).message).toMatch(/: it answered in HTTP\/1\.1, not HTTP\/2$/)
  })

  test("speaks no TLS at all", async (t) => {
    const plain = createHttp2Server().listen(0, "127.0.0.1")
    t.onTestFinished(() => void plain.close())
    await once(plain, "listening")
    const { bed } = await bedFor(t, (plain.address() as AddressInfo).port, true)
    expect((await call(bed)).message).toMatch(/: what the peer sent is no TLS$/)
  })

  test("hangs up", async (t) => {
    const rude = createTcpServer((socket) => socket.end()).listen(0, "127.0.0.1")
    t.onTestFinished(() => void rude.close())
    await once(rude, "listening")
    const { bed } = await bedFor(t, (rude.address() as AddressInfo).port, true)
    expect((await call(bed)).message).toMatch(/closed the connection|reset by peer/)
  })
})

describe("an endpoint that is slow to connect", () => {
  /** Accepts for `backend`, and carries nothing before `release` is called. */
  async function slowFront(t: TestContext, backend: SecureBackend) {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const sockets: Socket[] = []
    const front = createTcpServer((socket) => {
      sockets.push(socket.on("error", () => {}))
      void released.then(() =>
        socket.pipe(connectTcp(backend.port, "127.0.0.1").on("error", () => {})).pipe(socket),
      )
    }).listen(0, "127.0.0.1")
    t.onTestFinished(() => void front.close())
    await once(front, "listening")
    return { port: (front.address() as AddressInfo).port, release, sockets }
  }

  async function start(t: TestContext, connectTimeout: string) {
    const clock = new ManualClock()
    const backend = await SecureBackend.start(t, material(server))
    const front = await slowFront(t, backend)
    const { bed } = await bedFor(t, front.port, true, { clock }, { connectTimeout })
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    await eventually(
      () => front.sockets.length === 1,
      () => "a connection",
    )
    return { bed, front, client, id }
  }

  test("is waited for as long as the route says, and then has its own time to speak", async (t) => {
    const { bed, front, client, id } = await start(t, "60s")
    await bed.pass(45_000, client)
    front.release()
    expect((await client.head(id)).fields[0]).toEqual([":status", "200"])
    await client.end(id)
  })

  test("is let go of when nobody waits any more", async (t) => {
    const { bed, front, client, id } = await start(t, "2s")
    await bed.pass(2_500, client)
    expect((await client.head(id)).fields).toContainEqual([
      "grpc-message",
      expect.stringMatching(/: no connection within 2000 ms$/),
    ])
    const open = () => bed.balancer.snapshot().clusters[0]!.endpoints[0]!.connections
    expect(open()).toBe(1)
    await bed.pass(10_000, client)
    expect(open()).toBe(0)
    front.sockets[0]!.resume()
    await once(front.sockets[0]!, "close")
  })
})

describe("sessions", () => {
  /** Calls, then makes the endpoint hang up, so that the next call needs a connection. */
  async function callOnce(bed: TestBed, backend: SecureBackend): Promise<boolean> {
    const before = backend.sockets.length
    await call(bed)
    const socket = backend.sockets[before]!
    const isReused = socket.isSessionReused()
    socket.end()
    await eventually(
      () => bed.balancer.snapshot().clusters[0]!.endpoints[0]!.connections === 0,
      () => "the connection gone",
    )
    return isReused
  }

  test.for(["TLSv1.2", "TLSv1.3"] as const)("are resumed in %s", async (maxVersion, t) => {
    const files = new CertificateFiles(t)
    const backend = await SecureBackend.start(t, { ...material(server), maxVersion })
    const ca = files.write("ca.pem", root.pem)
    const { bed } = await bedFor(t, backend.port, { verify: true, ca, serverName: "chat.test" })
    expect(await callOnce(bed, backend)).toBe(false)
    expect(await callOnce(bed, backend)).toBe(true)
  })

  test("are forgotten when the authorities change, and the endpoint is judged by the new ones", async (t) => {
    const files = new CertificateFiles(t)
    const clock = new ManualClock()
    const backend = await SecureBackend.start(t, material(server))
    const ca = files.write("ca.pem", root.pem)
    const tls = { verify: true, ca, serverName: "chat.test" }
    const { bed, logs } = await bedFor(t, backend.port, tls, { clock })
    await callOnce(bed, backend)
    files.write("ca.pem", (await Certificate.root("CN=Elsewhere")).pem)
    clock.advance(5_000)
    await eventually(
      () => logs.saying("certificates for endpoints read again").length === 1,
      () => JSON.stringify(logs.lines),
    )
    expect((await call(bed)).message).toMatch(/: unable to verify the first certificate$/)
  })

  test("are forgotten when an endpoint is revoked, and it is called no more", async (t) => {
    const files = new CertificateFiles(t)
    const clock = new ManualClock()
    const backend = await SecureBackend.start(t, material(server))
    const ca = files.write("ca.pem", root.pem)
    const crl = files.write("crl.pem", await root.revocationList())
    const tls = { verify: true, ca, crl, serverName: "chat.test" }
    const { bed, logs } = await bedFor(t, backend.port, tls, { clock })
    await callOnce(bed, backend)
    files.write("crl.pem", await root.revocationList(server))
    clock.advance(5_000)
    await eventually(
      () => logs.saying("certificates for endpoints read again").length === 1,
      () => JSON.stringify(logs.lines),
    )
    expect((await call(bed)).message).toMatch(/: certificate revoked$/)
  })

  test("a bad file changes nothing, and says so", async (t) => {
    const files = new CertificateFiles(t)
    const clock = new ManualClock()
    const backend = await SecureBackend.start(t, material(server))
    const ca = files.write("ca.pem", root.pem)
    const { bed, logs } = await bedFor(
      t,
      backend.port,
      { verify: true, ca, serverName: "chat.test" },
      { clock },
    )
    files.write("ca.pem", "nothing")
    clock.advance(5_000)
    const message = "certificates changed and cannot be used; the old ones stay"
    await eventually(
      () => logs.saying(message).length === 1,
      () => JSON.stringify(logs.lines),
    )
    expect(logs.saying(message)).toEqual([{ reason: `${ca}: not a certificate in PEM` }])
    expect((await call(bed)).message).toBe("")
  })
})

describe("connections are shared", () => {
  test("by routes with the same settings, and by no others", async (t) => {
    const backend = await SecureBackend.start(t, material(server))
    const route = (prefix: string, tls: UpstreamTls): RouteInput => ({ prefix, cluster: "chat", tls })
    const bed = await TestBed.start(t, {
      backends: 0,
      config: {
        clusters: { chat: [`127.0.0.1:${backend.port}`] },
        servers: [
          {
            routes: [
              route("/a", { serverName: "one.test", sendServerName: true }),
              route("/b", { serverName: "two.test", sendServerName: true }),
              route("/c", { sendServerName: true, serverName: "one.test" }),
            ],
          },
        ],
      },
    })
    const client = await bed.rawClient()
    for (const path of ["/a", "/b", "/c", "/a"]) {
      const fields = dsl.request.map(([name, value]): dsl.Field => [name, name === ":path" ? path : value])
      await client.end(client.open(fields, { endStream: true }))
    }
    expect(backend.sockets.map(({ servername }) => servername)).toEqual(["one.test", "two.test"])
    expect(bed.balancer.snapshot().clusters[0]!.endpoints[0]!.connections).toBe(2)
  })

  test("a reload retires those whose settings are gone, and keeps the others", async (t) => {
    const { fromInput } = await import("../../src/config/yaml/normalize.ts")
    const backend = await SecureBackend.start(t, material(server))
    const config = (serverName: string) => ({
      listeners: "127.0.0.1:0",
      clusters: { chat: [`127.0.0.1:${backend.port}`] },
      servers: [{ routes: [{ cluster: "chat", tls: { serverName, sendServerName: true } }] }],
    })
    const bed = await TestBed.start(t, { backends: 0, config: config("one.test") })
    const reload = (name: string) => bed.balancer.reload(fromInput(config(name)).config!)
    await call(bed)
    await reload("one.test")
    await call(bed)
    expect(backend.sockets.map(({ servername }) => servername)).toEqual(["one.test"])
    await reload("two.test")
    await call(bed)
    expect(backend.sockets.map(({ servername }) => servername)).toEqual(["one.test", "two.test"])
    await eventually(
      () => backend.sockets[0]!.destroyed,
      () => "the first connection closed",
    )
  })
})

test("streams of all kinds pass over TLS on both sides", async (t) => {
  const files = new CertificateFiles(t)
  const { EchoBackend } = await import("../support/test-bed.ts")
  const pair = { cert_chain: Buffer.from(server.pem), private_key: Buffer.from(server.key) }
  const backend = new EchoBackend("a", {}, grpc.ServerCredentials.createSsl(null, [pair]))
  const ca = files.write("ca.pem", root.pem)
  const bed = await TestBed.start(t, {
    backends: [backend],
    config: (addresses) => ({
      listeners: [{ address: "127.0.0.1:0", tls: { certificates: [files.pair("server", server)] } }],
      clusters: { chat: addresses },
      servers: [{ routes: [{ cluster: "chat", tls: { verify: true, ca, serverName: "chat.test" } }] }],
    }),
  })
  const trust = grpc.credentials.createSsl(Buffer.from(root.pem))
  const client = bed.client({ "grpc.ssl_target_name_override": "chat.test" }, trust)
  expect((await client.unary(Buffer.from("hello"))).message?.toString()).toBe("hello")

  // Larger than a window, so that credit has to go both ways.
  const large = Buffer.alloc(3 * 2 ** 20, "0123456789")
  expect((await client.unary(large)).message?.equals(large)).toBe(true)

  const chat = client.chat()
  for (const text of ["one", "two"]) {
    chat.write(Buffer.from(text))
    expect(String((await once(chat, "data"))[0])).toBe(text)
  }
  chat.end()
  await once(chat, "end")
  await bed.ended(3)
  expect(bed.records.map(({ grpcStatus }) => grpcStatus)).toEqual([0, 0, 0])
})

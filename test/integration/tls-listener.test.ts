import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { connect as connectHttp2 } from "node:http2"
import { connect as connectPlain } from "node:net"
import { type ConnectionOptions, connect as connectSecure, type TLSSocket } from "node:tls"
import * as grpc from "@grpc/grpc-js"
import { beforeAll, describe, expect, type TestContext, test } from "vitest"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { createBalancer } from "../../src/control/create-balancer.ts"
import { Certificate, CertificateFiles } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawConnection } from "../support/raw-connection.ts"
import { type BedOptions, TestBed } from "../support/test-bed.ts"
import { shakeHands } from "../support/tls-client.ts"

type ListenerTls =
  NonNullable<Exclude<SluiceYaml["listeners"], string | number | undefined>> extends infer All
    ? All extends readonly (infer One)[]
      ? NonNullable<Extract<One, { tls?: unknown }>["tls"]>
      : never
    : never

let root: Certificate
let server: Certificate
let other: Certificate

beforeAll(async () => {
  root = await Certificate.root("CN=Root")
  server = await root.issue({ names: ["chat.test"] })
  other = await root.issue({ names: ["other.test"] })
})

/** A balancer with a TLS listener in front of an echo backend. */
async function secureBed(
  t: TestContext,
  tls: (files: CertificateFiles) => Partial<ListenerTls>,
  { limits = {}, ...options }: Omit<BedOptions, "config"> & Pick<SluiceYaml, "limits"> = {},
): Promise<{ bed: TestBed; files: CertificateFiles; logs: LogLines }> {
  const files = new CertificateFiles(t)
  const logs = new LogLines()
  const certificates = [files.pair("server", server)]
  const config = { listeners: [{ address: "127.0.0.1:0", tls: { certificates, ...tls(files) } }] }
  const bed = await TestBed.start(t, { log: logs.log, ...options, config: { ...config, limits } })
  return { bed, files, logs }
}

/** What `see` finds in a handshake with the listener, which is closed then. */
async function seen<T>(
  port: number,
  options: ConnectionOptions,
  see: (socket: TLSSocket) => T | Promise<T>,
): Promise<T> {
  const socket = await shakeHands(port, options)
  const found = await see(socket)
  socket.destroy()
  return found
}

/** The name that the listener shows now. */
const shown = (port: number, options: ConnectionOptions = {}): Promise<unknown> =>
  seen(port, options, (socket) => socket.getPeerCertificate().subject.CN)

const faultOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "none",
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  )

describe("which protocol", () => {
  test.for([
    [["h2", "http/1.1"], "h2"],
    [["http/1.1", "h2"], "h2"],
    [["h2"], "h2"],
    [["http/1.1"], "http/1.1"],
    [undefined, false],
  ] as const)("a client that offers %j gets %j", async ([offered, chosen], t) => {
    const { bed } = await secureBed(t, () => ({}))
    const ALPNProtocols = offered === undefined ? [] : [...offered]
    const socket = await shakeHands(bed.port, { ALPNProtocols })
    expect(socket.alpnProtocol).toBe(chosen)
    socket.destroy()
  })

  test("a client that offers only others is refused, as by nginx", async (t) => {
    const { bed, logs } = await secureBed(t, () => ({}))
    const code = await faultOf(shakeHands(bed.port, { ALPNProtocols: ["spdy/3"] }))
    expect(code).toBe("ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL")
    expect(logs.saying("TLS handshake failed")).toMatchObject([{ reason: "no protocol in common (ALPN)" }])
  })

  test("a client that offers none is known by its first octets", async (t) => {
    const { bed } = await secureBed(t, () => ({}))
    const connection = new RawConnection(await shakeHands(bed.port, { ALPNProtocols: [] }), "client")
    connection.send(dsl.headers(1, dsl.request, { endStream: true }))
    expect((await connection.head(1)).fields).toContainEqual([":status", "200"])
    connection.socket.destroy()
  })
})

describe("which certificate", () => {
  test.for<[reject: Partial<ListenerTls>, refused: string[]]>([
    [{ rejectNames: ["no.test", "*.no.test"] }, ["no.test", "x.no.test"]],
    [{ rejectOthers: true }, ["no.test", "x.no.test", "unknown.test", ""]],
    [{ rejectOthers: true, rejectNames: ["*.no.test"] }, ["no.test", "x.no.test", "unknown.test", ""]],
  ])("none for %o", async ([reject, refused], t) => {
    const { bed, logs } = await secureBed(t, (files) => ({
      certificates: [{ names: ["a.test", "yes.no.test"], ...files.pair("a", server) }],
      ...reject,
    }))
    const got: string[] = []
    for (const servername of ["a.test", "yes.no.test", "no.test", "x.no.test", "unknown.test", ""])
      await shakeHands(bed.port, servername === "" ? {} : { servername }).then(
        (socket) => socket.destroy(),
        () => got.push(servername),
      )
    expect(got).toEqual(refused)
    expect(logs.saying("TLS handshake failed")).toHaveLength(refused.length)
  })

  test("the one whose names fit what the client asks for, in nginx's order; the first for all else", async (t) => {
    const named = async (name: string, subject: string) => await root.issue({ names: [name], subject })
    const all = [
      { names: ["first.test"], of: await named("first.test", "CN=first") },
      { names: ["a.test", "www.b.test"], of: await named("a.test", "CN=exact") },
      { names: ["*.b.test"], of: await named("*.b.test", "CN=wildcard") },
      { names: ["*.c.b.test"], of: await named("*.c.b.test", "CN=longer wildcard") },
      { names: ["mail.*"], of: await named("mail.x", "CN=prefix") },
      { names: ["~^v\\d+\\.test$"], of: await named("v1.test", "CN=regex") },
    ]
    const { bed } = await secureBed(t, (files) => ({
      certificates: all.map(({ names, of }, index) => ({ names, ...files.pair(`${index}`, of) })),
    }))
    const asked = [
      "a.test",
      "A.TEST",
      "www.b.test",
      "x.b.test",
      "x.c.b.test",
      "mail.b.org",
      "v12.test",
      "none.test",
    ]
    const got = []
    for (const servername of asked) got.push([servername, await shown(bed.port, { servername })])
    expect([...got, ["", await shown(bed.port)]]).toEqual([
      ["a.test", "exact"],
      ["A.TEST", "exact"],
      ["www.b.test", "exact"],
      ["x.b.test", "wildcard"],
      ["x.c.b.test", "longer wildcard"],
      ["mail.b.org", "prefix"],
      ["v12.test", "regex"],
      ["none.test", "first"],
      ["", "first"],
    ])
  })

  test("of several kinds of key, the one the client knows", async (t) => {
    const rsa = await root.issue({ names: ["chat.test"], subject: "CN=rsa", keys: "rsa" })
    const { bed } = await secureBed(t, (files) => ({
      certificates: [files.pair("server", server), files.pair("rsa", rsa)],
    }))
    const maxVersion = "TLSv1.2"
    expect(await shown(bed.port, { maxVersion, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" })).toBe("chat.test")
    expect(await shown(bed.port, { maxVersion, ciphers: "ECDHE-RSA-AES128-GCM-SHA256" })).toBe("rsa")
  })
})

describe("versions and ciphers", () => {
  test.for([
    [undefined, "TLSv1.3", "TLSv1.3"],
    [undefined, "TLSv1.2", "TLSv1.2"],
    [["TLSv1.2"], "TLSv1.3", "TLSv1.2"],
    [["TLSv1.3"], "TLSv1.2", "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"],
  ] as const)("with protocols %j, a client up to %s gets %s", async ([protocols, maxVersion, got], t) => {
    const { bed } = await secureBed(t, () => (protocols === undefined ? {} : { protocols: [...protocols] }))
    const spoken = seen(bed.port, { maxVersion }, (socket) => socket.getProtocol()).catch(
      (error) => error.code,
    )
    expect(await spoken).toBe(got)
  })

  test("ciphers in OpenSSL's syntax; what was agreed on is in the record", async (t) => {
    const { bed } = await secureBed(t, () => ({ ciphers: "ECDHE+AES256:!SHA1", protocols: ["TLSv1.2"] }))
    const client = bed.client({ "grpc.ssl_target_name_override": "chat.test" }, trusting(root))
    expect((await client.unary(Buffer.from("x"))).code).toBe(0)
    const [record] = await bed.ended()
    expect(record!.connection.tls).toMatchObject({
      protocol: "TLSv1.2",
      cipher: "ECDHE-ECDSA-AES256-GCM-SHA384",
      clientSubject: "",
      clientVerify: "NONE",
      clientRefused: null,
    })
  })
})

const trusting = (authority: Certificate, own?: Certificate): grpc.ChannelCredentials =>
  grpc.credentials.createSsl(
    Buffer.from(authority.pem),
    own === undefined ? null : Buffer.from(own.key),
    own === undefined ? null : Buffer.from(own.pem),
  )

describe("sessions", () => {
  /** A session that can be resumed: TLS 1.3 sends it after the handshake. */
  const sessionOf = (port: number, options: ConnectionOptions): Promise<Buffer | undefined> =>
    seen(port, options, async (socket) =>
      socket.getProtocol() === "TLSv1.3" ? (await once(socket, "session"))[0] : socket.getSession(),
    )

  const isResumed = (port: number, options: ConnectionOptions): Promise<boolean> =>
    seen(port, options, (socket) => socket.isSessionReused())

  test.for(["TLSv1.2", "TLSv1.3"] as const)(
    "are resumed in %s, until the key of their tickets is gone",
    async (maxVersion, t) => {
      const clock = new ManualClock()
      const { bed } = await secureBed(t, () => ({}), { clock })
      const session = await sessionOf(bed.port, { maxVersion })
      expect(await isResumed(bed.port, { maxVersion, session })).toBe(true)
      clock.advance(3_599_000)
      expect(await isResumed(bed.port, { maxVersion, session })).toBe(true)
      clock.advance(2_000)
      expect(await isResumed(bed.port, { maxVersion, session })).toBe(false)
      const fresh = await sessionOf(bed.port, { maxVersion })
      expect(await isResumed(bed.port, { maxVersion, session: fresh })).toBe(true)
    },
  )

  test("outlive a change of the certificate", async (t) => {
    const clock = new ManualClock()
    const { bed, files } = await secureBed(t, () => ({}), { clock })
    const session = await sessionOf(bed.port, {})
    files.pair("server", other)
    clock.advance(5_000)
    await eventually(
      () => clock.timersOpen > 0,
      () => "the files looked at",
    )
    expect(await isResumed(bed.port, { session })).toBe(true)
  })

  test.for(["TLSv1.2", "TLSv1.3"] as const)(
    "are not resumed in %s where client certificates are verified: nobody outlives the check",
    async (maxVersion, t) => {
      const { bed } = await secureBed(t, (files) => ({
        clientCa: files.write("ca.pem", root.pem),
        verifyClient: "optional",
      }))
      const session = await sessionOf(bed.port, { maxVersion })
      expect(await isResumed(bed.port, { maxVersion, session })).toBe(false)
    },
  )
})

describe("client certificates", () => {
  let good: Certificate
  let expired: Certificate
  let stranger: Certificate
  let selfSigned: Certificate
  /** Known by its name alone, as SPIFFE's are. */
  let nameOnly: Certificate
  let nobody: Certificate

  beforeAll(async () => {
    good = await root.issue({ subject: "C=DE,O=Höhe\\, Ltd,CN=alice+OU=7" })
    expired = await root.issue({ subject: "CN=old", fromDay: -9, untilDay: -2 })
    stranger = await (await Certificate.root("CN=Elsewhere")).issue({ subject: "CN=stranger" })
    selfSigned = await Certificate.root("CN=self", { isAuthority: false })
    nameOnly = await root.issue({ subject: "", names: ["spiffe://example.org/chat"] })
    nobody = await Certificate.root("", { isAuthority: false })
  })

  const SUBJECT = "OU=7+CN=alice,O=H\\C3\\B6he\\, Ltd,C=DE"

  test.for([
    // mode, certificate, $ssl_client_verify, refused
    ["off", "good", "NONE", null],
    ["on", "none", "NONE", "missing"],
    ["on", "good", "SUCCESS", null],
    ["on", "expired", "FAILED:certificate has expired", "failed"],
    ["on", "stranger", "FAILED:unable to verify the first certificate", "failed"],
    ["on", "selfSigned", "FAILED:self-signed certificate", "failed"],
    ["on", "nameOnly", "SUCCESS", null],
    ["on", "nobody", "FAILED:self-signed certificate", "failed"],
    ["optional", "none", "NONE", null],
    ["optional", "good", "SUCCESS", null],
    ["optional", "expired", "FAILED:certificate has expired", "failed"],
    ["optional", "nameOnly", "SUCCESS", null],
    ["optional", "nobody", "FAILED:self-signed certificate", "failed"],
    ["optional_no_ca", "none", "NONE", null],
    ["optional_no_ca", "good", "SUCCESS", null],
    ["optional_no_ca", "stranger", "FAILED:unable to verify the first certificate", null],
    ["optional_no_ca", "selfSigned", "FAILED:self-signed certificate", null],
    ["optional_no_ca", "expired", "FAILED:certificate has expired", "failed"],
    ["optional_no_ca", "nameOnly", "SUCCESS", null],
    ["optional_no_ca", "nobody", "FAILED:self-signed certificate", null],
  ] as const)(
    "verifyClient %s, certificate %s: %s, refused: %s",
    async ([verifyClient, which, verify, refused], t) => {
      const { bed } = await secureBed(t, (files) => ({
        clientCa: files.write("ca.pem", root.pem),
        verifyClient,
      }))
      const own = { none: undefined, good, expired, stranger, selfSigned, nameOnly, nobody }[which]
      const client = bed.client({ "grpc.ssl_target_name_override": "chat.test" }, trusting(root, own))
      const { code, details } = await client.unary(Buffer.from("x"))
      const [record] = await bed.ended()
      expect(record!.connection.tls).toMatchObject({ clientVerify: verify, clientRefused: refused })
      if (which === "good" && verifyClient !== "off")
        expect(record!.connection.tls!.clientSubject).toBe(SUBJECT)
      if (which === "nameOnly" || which === "nobody") expect(record!.connection.tls!.clientSubject).toBe("")
      expect(code).toBe(refused === null ? grpc.status.OK : grpc.status.UNAUTHENTICATED)
      if (refused === "missing") expect(details).toBe("no client certificate was sent, and one is required")
      if (refused === "failed")
        expect(details).toBe(`the client certificate is not accepted: ${verify.slice("FAILED:".length)}`)
    },
  )

  test.for([
    [0, "good", "SUCCESS"],
    [0, "one", "FAILED:certificate chain too long"],
    [0, "oneSent", "FAILED:certificate chain too long"],
    [1, "one", "SUCCESS"],
    [1, "oneSent", "SUCCESS"],
    [1, "two", "FAILED:certificate chain too long"],
    [2, "two", "SUCCESS"],
    [2, "twoSent", "SUCCESS"],
  ] as const)("verifyDepth %i, certificate %s: %s", async ([verifyDepth, which, verify], t) => {
    const outer = await root.issue({ subject: "CN=outer", isAuthority: true })
    const inner = await outer.issue({ subject: "CN=inner", isAuthority: true })
    const one = await outer.issue({ subject: "CN=one" })
    const two = await inner.issue({ subject: "CN=two" })
    // What Node knows of a chain: all that is in the file, and what was sent where it shows that.
    const known = which.endsWith("Sent") ? root.pem : root.pem + inner.pem
    const { bed } = await secureBed(t, (files) => ({
      clientCa: files.write("ca.pem", known),
      verifyClient: "on",
      verifyDepth,
    }))
    const own = { good, one, oneSent: one, two, twoSent: two }[which]
    const client = bed.client({ "grpc.ssl_target_name_override": "chat.test" }, trusting(root, own))
    await client.unary(Buffer.from("x"))
    const [record] = await bed.ended()
    expect(record!.connection.tls!.clientVerify).toBe(verify)
  })

  test("one that is revoked is refused, from the moment that the list says so", async (t) => {
    const clock = new ManualClock()
    const empty = await root.revocationList()
    const { bed, files, logs } = await secureBed(
      t,
      (f) => ({
        clientCa: f.write("ca.pem", root.pem),
        clientCrl: f.write("crl.pem", empty),
        verifyClient: "on",
      }),
      { clock },
    )
    const told = async () => {
      const client = bed.client({ "grpc.ssl_target_name_override": "chat.test" }, trusting(root, good))
      const { code, details } = await client.unary(Buffer.from("x"))
      return [code, details]
    }
    const looked = async (message: string, times: number) => {
      clock.advance(5_000)
      await eventually(
        () => logs.saying(message).length >= times,
        () => JSON.stringify(logs.lines),
      )
    }
    expect(await told()).toEqual([grpc.status.OK, "OK"])
    files.write("crl.pem", await root.revocationList(good))
    await looked("certificates read again", 1)
    const refusal = "the client certificate is not accepted: certificate revoked"
    expect(await told()).toEqual([grpc.status.UNAUTHENTICATED, refusal])
    files.write("crl.pem", "half of")
    await looked("certificates changed and cannot be used; the old ones stay", 1)
    expect(await told()).toEqual([grpc.status.UNAUTHENTICATED, refusal])
    // Without the list of its authority none is believed.
    const other = await Certificate.root("CN=Another")
    files.write("crl.pem", await other.revocationList())
    await looked("certificates read again", 2)
    const unknown = "the client certificate is not accepted: unable to get certificate CRL"
    expect(await told()).toEqual([grpc.status.UNAUTHENTICATED, unknown])
    files.write("crl.pem", (await other.revocationList()) + empty)
    await looked("certificates read again", 3)
    expect(await told()).toEqual([grpc.status.OK, "OK"])
  })

  test("a plain HTTP client without one is told 400, as by nginx", async (t) => {
    const { bed } = await secureBed(t, (files) => ({
      clientCa: files.write("ca.pem", root.pem),
      verifyClient: "on",
    }))
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false })
    const request = session.request({ ":path": "/" })
    const [headers] = await once(request, "response")
    request.resume()
    await once(request, "end")
    session.close()
    expect(headers[":status"]).toBe(400)
    const [record] = await bed.ended()
    expect(record!.status).toBe(400)
    expect(record!.attempts).toEqual([])
  })
})

test.for(["the balancer closes", "a reload takes its listener away"] as const)(
  "a client whose handshake is under way when %s is served, and let go then",
  async (what, t) => {
    const { bed } = await secureBed(t, () => ({}))
    const raw = connectPlain(bed.port, "127.0.0.1")
    await once(raw, "connect")
    await eventually(
      () => bed.balancer.snapshot().handshakes === 1,
      () => "the handshake has begun",
    )
    const { port } = bed.backends[0]!
    const elsewhere = { listeners: ["127.0.0.2:0"], clusters: { test: [`127.0.0.1:${port}`] } }
    const leaving =
      what === "the balancer closes" ? bed.close(20_000) : bed.balancer.reload(fromInput(elsewhere).config!)
    if (what !== "the balancer closes") await leaving
    const socket = connectSecure({ socket: raw, ALPNProtocols: ["h2"], rejectUnauthorized: false })
    t.onTestFinished(() => void socket.destroy())
    socket.on("error", () => {})
    raw.on("error", () => {})
    await once(socket, "secureConnect")
    const client = new RawConnection(socket, "client")
    client.send(dsl.headers(1, dsl.request, { endStream: true }))
    await client.end(1)
    await client.closed()
    await leaving
  },
)

describe("handshakes that fail", () => {
  test.for([
    ["noise", "\u0001\u0002\u0003\u0004 no TLS", "what the peer sent is no TLS"],
    ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "what the peer sent is no TLS"],
    ["nothing, and leaves", "", "the client closed the connection before it began one"],
  ] as const)(
    "%s without TLS: closed, and one line says so, with the client",
    async ([, text, reason], t) => {
      const { bed, logs } = await secureBed(t, () => ({}))
      const socket = connectPlain(bed.port, "127.0.0.1")
      socket.on("error", () => {})
      await once(socket, "connect")
      const client = `127.0.0.1:${socket.localPort}`
      socket.resume()
      if (text === "") socket.end()
      else socket.write(text, "latin1")
      await once(socket, "close")
      await eventually(
        () => bed.balancer.counters.get("handshake_failed") === 1,
        () => JSON.stringify(bed.balancer.snapshot().counters),
      )
      expect(logs.saying("TLS handshake failed")).toEqual([{ listener: "127.0.0.1:0", client, reason }])
    },
  )

  const words = "the plain HTTP request was sent to a port that speaks HTTPS"
  test.for([
    ["GET", "GET /a HTTP/1.1\r\nhost: a\r\n\r\n", 400],
    ["DELETE", "DELETE /b HTTP/1.1\r\nhost: a\r\n\r\n", 400],
    ["a body", `POST /c HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n${"x".repeat(100_000)}`, 400],
    ["a malformed head", "GET /d HTTP/1.1\nhost: a\n\n", 400],
    ["HTTP/1.0", "GET /e HTTP/1.0\r\n\r\n", 400],
    [
      "a page's WebSocket",
      "GET /f HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
      400,
    ],
  ] as const)("plain HTTP, %s: 400 in nginx's words, and a line in the access log", async (one, t) => {
    const [, text, status] = one
    const { bed } = await secureBed(t, () => ({}))
    const socket = connectPlain(bed.port, "127.0.0.1")
    let answer = ""
    socket.on("data", (octets: Buffer) => (answer += octets.toString("latin1")))
    const cut = text.length > 20 ? 10 : text.length
    socket.write(text.slice(0, cut))
    await new Promise((resolve) => setImmediate(resolve))
    socket.write(text.slice(cut))
    await once(socket, "close")
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    if (!text.includes("\n\n"))
      expect(answer).toContain("<center>The plain HTTP request was sent to HTTPS port</center>")
    expect(answer.split("HTTP/1.1 ").length).toBe(2)
    const [record] = await bed.ended()
    expect(record).toMatchObject({ status, path: text.split(" ")[1], connection: { tls: null } })
    expect(bed.balancer.snapshot().counters.handshake_failed ?? 0).toBe(0)
  })

  test("plain gRPC is told so by its status, and the connection ends", async (t) => {
    const { bed } = await secureBed(t, () => ({}))
    const client = await bed.rawClient()
    const id = client.open()
    const answered = await client.end(id)
    expect(dsl.describeFrame(answered)).toContain(words)
    expect((await bed.ended())[0]).toMatchObject({
      grpcStatus: 13,
      connection: { tls: null, protocol: "HTTP/2.0" },
    })
    await client.closed()
  })

  test.for([
    ["half a handshake", [Buffer.from([22, 3, 1, 2, 0, 1])]],
    ["silence", []],
    ["half a word", [Buffer.from("GE")]],
  ] as const)("%s is closed after handshakeTimeoutMs or prefaceTimeoutMs", async ([name, octets], t) => {
    const limits = { handshakeTimeoutMs: 10, prefaceTimeoutMs: 10, headerBlockTimeoutMs: 10 }
    const { bed, logs } = await secureBed(t, () => ({}), { limits })
    const socket = connectPlain(bed.port, "127.0.0.1")
    await once(socket, "connect")
    const client = `127.0.0.1:${socket.localPort}`
    // What ends the connection is a reset where its octets come after the time.
    const closed = new Promise((resolve) => socket.on("close", resolve))
    socket.on("error", () => {})
    for (const one of octets) socket.write(one)
    socket.resume()
    await closed
    if (name === "half a word") return expect(bed.balancer.counters.get("header_block_timeout")).toBe(1)
    expect(bed.balancer.counters.get("handshake_timeout")).toBe(1)
    expect(logs.saying("TLS handshake failed")).toMatchObject([
      { client, reason: "the TLS handshake took too long" },
    ])
  })

  test("a handshake that goes on octet by octet has no more time than another", async (t) => {
    const clock = new ManualClock()
    const { bed } = await secureBed(t, () => ({}), { clock })
    const socket = connectPlain(bed.port, "127.0.0.1")
    await once(socket, "connect")
    const closed = once(socket.resume(), "close")
    const hello = [22, 3, 1, 2, 0, 1]
    for (const octet of hello) {
      socket.write(Buffer.from([octet]))
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(1_500)
    }
    expect(bed.balancer.counters.get("handshake_timeout")).toBe(0)
    clock.advance(1_500)
    await closed
    expect(bed.balancer.counters.get("handshake_timeout")).toBe(1)
  })

  test.for(["http/1.1", "h2"])(
    "a client of ALPN %s that says nothing is closed after prefaceTimeoutMs",
    async (alpn, t) => {
      const { bed } = await secureBed(t, () => ({}), { limits: { prefaceTimeoutMs: 10 } })
      const socket = await shakeHands(bed.port, { ALPNProtocols: [alpn] })
      socket.resume()
      await once(socket, "close")
      expect(bed.balancer.counters.get("preface_timeout")).toBe(1)
    },
  )

  test("a client that goes away in the middle leaves nothing behind", async (t) => {
    const { bed } = await secureBed(t, () => ({}))
    const socket = connectPlain(bed.port, "127.0.0.1")
    await once(socket, "connect")
    socket.write(Buffer.from([22, 3, 1]))
    socket.resetAndDestroy()
    await eventually(
      () => bed.balancer.counters.get("handshake_failed") === 1,
      () => JSON.stringify(bed.balancer.snapshot().counters),
    )
  })

  test("garbage after the handshake ends its connection and no other", async (t) => {
    const { bed } = await secureBed(t, () => ({}))
    const credentials = trusting(root)
    const chat = bed.client({ "grpc.ssl_target_name_override": "chat.test" }, credentials).chat()
    chat.write(Buffer.from("one"))
    await once(chat, "data")

    const raw = connectPlain(bed.port, "127.0.0.1")
    const secure = await shakeHands(bed.port, { socket: raw })
    // The listener's SETTINGS: its side of the handshake is over, too.
    await once(secure, "data")
    const closed = new Promise((resolve) => secure.once("close", resolve))
    raw.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 64]), Buffer.alloc(64, 1)]))
    await closed

    chat.write(Buffer.from("two"))
    expect(String((await once(chat, "data"))[0])).toBe("two")
    chat.end()
    await once(chat, "end")
    await bed.ended()
  })

  test("closing the balancer ends handshakes under way", async (t) => {
    const { bed } = await secureBed(t, () => ({}))
    const socket = connectPlain(bed.port, "127.0.0.1")
    await once(socket, "connect")
    socket.resume()
    const closed = once(socket, "close")
    await bed.close()
    await closed
  })
})

describe("files that change", () => {
  test("are read again; a bad one changes nothing, and says so", async (t) => {
    const clock = new ManualClock()
    const { bed, files, logs } = await secureBed(t, () => ({}), { clock })
    const looked = async (message: string, times: number) => {
      clock.advance(5_000)
      await eventually(
        () => logs.saying(message).length >= times,
        () => JSON.stringify(logs.lines),
      )
    }
    expect(await shown(bed.port)).toBe("chat.test")

    files.pair("server", other)
    await looked("certificates read again", 1)
    expect(await shown(bed.port)).toBe("other.test")

    // A writer that is half done: a certificate without its key.
    writeFileSync(files.path("server.pem"), server.pem)
    await looked("certificates changed and cannot be used; the old ones stay", 1)
    expect(logs.saying("certificates changed and cannot be used; the old ones stay")).toEqual([
      {
        reason: `listener 127.0.0.1:0: ${files.path("server.key")} is not the key of ${files.path("server.pem")}`,
      },
    ])
    expect(await shown(bed.port)).toBe("other.test")

    writeFileSync(files.path("server.key"), server.key)
    await looked("certificates read again", 2)
    expect(await shown(bed.port)).toBe("chat.test")
  })

  test("connections that are open go on", async (t) => {
    const clock = new ManualClock()
    const { bed, files, logs } = await secureBed(t, () => ({}), { clock })
    const client = bed.client({ "grpc.ssl_target_name_override": "chat.test" }, trusting(root))
    const chat = client.chat()
    chat.write(Buffer.from("before"))
    expect(String((await once(chat, "data"))[0])).toBe("before")
    files.pair("server", other)
    clock.advance(5_000)
    await eventually(
      () => logs.saying("certificates read again").length === 1,
      () => JSON.stringify(logs.lines),
    )
    chat.write(Buffer.from("after"))
    expect(String((await once(chat, "data"))[0])).toBe("after")
    chat.end()
    await once(chat, "end")
    await bed.ended()
  })
})

describe("reload", () => {
  const configOf = (bed: TestBed, tls: unknown) => {
    const clusters = { test: bed.backends.map(({ port }) => `127.0.0.1:${port}`) }
    const input = { listeners: [{ address: "127.0.0.1:0", ...(tls === null ? {} : { tls }) }], clusters }
    return input as SluiceYaml
  }
  const reload = async (bed: TestBed, tls: unknown) => {
    const { fromInput } = await import("../../src/config/yaml/normalize.ts")
    const { config } = fromInput(configOf(bed, tls))
    await bed.balancer.reload(config!)
  }

  test("puts other certificates in force", async (t) => {
    const { bed, files } = await secureBed(t, () => ({}))
    const { port } = bed
    await reload(bed, { certificates: [files.pair("other", other)] })
    expect(bed.port).toBe(port)
    expect(await shown(port)).toBe("other.test")
  })

  test("fails as a whole when one cannot be read, and the old one stays", async (t) => {
    const { bed, files } = await secureBed(t, () => ({}))
    const missing = { cert: files.path("missing.pem"), key: files.path("server.key") }
    await expect(reload(bed, { certificates: [missing] })).rejects.toThrow(
      `listener 127.0.0.1:0: ${files.path("missing.pem")}: no such file`,
    )
    expect(await shown(bed.port)).toBe("chat.test")
  })

  test("turns TLS off, for the connections that follow", async (t) => {
    const { bed } = await secureBed(t, () => ({}))
    await reload(bed, null)
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    await client.end(id)
  })
})

describe("what cannot be used is said in one sentence", () => {
  test.for<[string, (files: CertificateFiles) => Partial<ListenerTls>, string]>([
    ["no file", (f) => ({ certificates: [{ cert: f.path("a"), key: f.path("b") }] }), "a: no such file"],
    ["a directory", (f) => ({ certificates: [{ cert: f.directory, key: f.path("b") }] }), "EISDIR"],
    [
      "no certificate",
      (f) => ({ certificates: [{ cert: f.write("c.pem", "hello"), key: f.path("b") }] }),
      "c.pem: not a certificate in PEM",
    ],
    [
      "no key",
      (f) => ({ certificates: [{ ...f.pair("s", server), key: f.write("d.key", "hello") }] }),
      "d.key: not a private key in PEM without passphrase",
    ],
    [
      "another's key",
      (f) => ({ certificates: [{ ...f.pair("s", server), key: f.write("e.key", other.key) }] }),
      "e.key is not the key of",
    ],
    [
      "no authority",
      (f) => ({ clientCa: f.write("ca.pem", "x"), verifyClient: "on" }),
      "ca.pem: not a certificate",
    ],
    [
      "no revocation list",
      (f) => ({
        clientCa: f.write("ca.pem", server.pem),
        clientCrl: f.write("crl.pem", server.pem),
        verifyClient: "on",
      }),
      "crl.pem: not a revocation list in PEM",
    ],
    ["no cipher", () => ({ ciphers: "NONSENSE" }), "no known cipher is among the ciphers"],
  ])("%s", ([, tls, sentence], t) => {
    const files = new CertificateFiles(t)
    const certificates = [files.pair("server", server)]
    const listeners = [{ address: "127.0.0.1:0", tls: { certificates, ...tls(files) } }]
    const config = { listeners, clusters: { test: ["127.0.0.1:1"] } } as SluiceYaml
    expect(() => createBalancer(config)).toThrow(/^listener 127\.0\.0\.1:0: /)
    expect(() => createBalancer(config)).toThrow(sentence)
  })
})

import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createServer as createHttp1 } from "node:http"
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type SecureServerOptions,
  type ServerHttp2Stream,
  type Settings,
} from "node:http2"
import { type AddressInfo, connect, createServer as createTcp, type Server } from "node:net"
import { join } from "node:path"
import { createServer as createTls } from "node:tls"
import { expect, type TestContext, test } from "vitest"
import { doctor } from "../../src/cli/doctor/doctor.ts"
import type { Finding } from "../../src/cli/doctor/finding.ts"
import { Certificate } from "../support/certificates.ts"
import { freePort } from "../support/free-port.ts"
import { testDirectory } from "../support/sluice-process.ts"

interface Asked {
  readonly code: number
  readonly findings: Finding[]
}

/** What the doctor says of a backend at `port`. */
async function ask(
  t: TestContext,
  port: number | string,
  route: object = {},
  cluster: object = {},
): Promise<Asked> {
  const directory = testDirectory(t)
  const config = join(directory, "sluice.yaml")
  const address = typeof port === "number" ? `127.0.0.1:${port}` : port
  writeFileSync(
    config,
    JSON.stringify({
      listeners: "127.0.0.1:0",
      routes: [{ cluster: "chat", ...route }],
      clusters: { chat: { endpoints: [address], ...cluster } },
    }),
  )
  let out = ""
  const stdout = { write: (text: string) => (out += text) }
  const code = await doctor(config, { json: true, stdout, stderr: stdout })
  const [report] = JSON.parse(out) as { findings: Finding[] }[]
  return { code, findings: report!.findings }
}

/** Those that are not fine, as `severity about: message`. */
const worries = ({ findings }: Asked): string[] =>
  findings
    .filter(({ severity }) => severity !== "fine")
    .map(({ severity, about, message }) => `${severity} ${about}: ${message}`)

async function listen(t: TestContext, server: Server | Http2Server): Promise<number> {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

type Answers = Readonly<Record<string, { grpcStatus: number; message?: number[] }>>

const WELL: Answers = {
  "/grpc.health.v1.Health/Check": { grpcStatus: 0, message: [0, 0, 0, 0, 2, 8, 1] },
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": { grpcStatus: 0 },
}

interface Backend {
  settings?: Settings
  answers?: Answers
  pingsMost?: number
  tls?: SecureServerOptions
}

/** A gRPC server of few words. */
function backend(
  t: TestContext,
  { settings = {}, answers = WELL, pingsMost = 100, tls }: Backend = {},
): Promise<number> {
  const server = tls === undefined ? createServer({ settings }) : createSecureServer({ settings, ...tls })
  server.on("session", (session) => {
    let pings = 0
    session.on("error", () => {})
    session.on("ping", () => {
      if (++pings > pingsMost) session.goaway(11, 0, Buffer.from("too_many_pings"))
    })
  })
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const answer = answers[headers[":path"]!] ?? { grpcStatus: 12 }
    stream.on("error", () => {})
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(answer.grpcStatus) }))
    stream.end(answer.message === undefined ? undefined : Buffer.from(answer.message))
  })
  return listen(t, server)
}

test("a backend that is well has no trap, and what is good of it is said", async (t) => {
  const asked = await ask(t, await backend(t), { bridge: { webSocket: true } })
  expect(asked.code).toBe(0)
  expect(asked.findings.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
    "fine speaks HTTP/2",
    expect.stringMatching(/^fine (sets no limit of|allows \d+) streams on a connection$/),
    "fine answers health checks, and serves",
    "fine has server reflection (v1)",
    "fine takes 5 PINGs in a row; one is sent every 5m",
  ])
})

test("traps of a plain port", async (t) => {
  const http1 = createHttp1((_request, response) => response.end())
  expect(worries(await ask(t, await listen(t, http1)))).toEqual([
    "trap h2: speaks HTTP/1.1 alone: HTTP/1.1 400 Bad Request",
  ])
  const authority = await Certificate.root("CN=test")
  const { pem, key } = await authority.issue({ names: ["127.0.0.1"] })
  const secure = createTls({ cert: pem, key, ALPNProtocols: ["h2"] })
  expect(worries(await ask(t, await listen(t, secure)))).toEqual([
    "trap tls: speaks TLS on this port, and the route does not",
  ])
  const other = createTcp((socket) => void socket.end("220 mail ready for you\r\n"))
  expect(worries(await ask(t, await listen(t, other)))).toEqual([
    'trap h2: speaks something else than HTTP/2: "220 mail ready for y"',
  ])
  expect(worries(await ask(t, await freePort()))).toEqual([
    "trap connect: nothing listens there: the connection is refused",
  ])
  expect(worries(await ask(t, "no-such-name.invalid:50051"))).toEqual([
    expect.stringMatching(
      /^trap dns: the name no-such-name\.invalid (does not resolve|cannot be looked up now \(\w+\))$/,
    ),
  ])
})

test("traps of a backend that speaks HTTP/2", async (t) => {
  const few = await backend(t, { settings: { maxConcurrentStreams: 10 } })
  expect(worries(await ask(t, few))).toEqual([
    "warning stream-limit: allows 10 streams on a connection: 10,000 live streams take 1000 connections",
  ])
  expect(worries(await ask(t, few, {}, { maxConnectionsPerEndpoint: 2 }))).toEqual([
    "warning stream-limit: allows 10 streams on a connection, and the cluster 2 connections: 20 live streams are the most it can have",
  ])
  const strict = await backend(t, { pingsMost: 2 })
  expect(worries(await ask(t, strict))).toEqual([])
  expect(worries(await ask(t, strict, {}, { keepalive: { interval: "10s" } }))).toEqual([
    "trap ping: ends connections for PINGs that come too often (too_many_pings); one is sent every 10s",
  ])
  const bare = await backend(t, { answers: {} })
  expect(worries(await ask(t, bare))).toEqual([])
  expect(worries(await ask(t, bare, { bridge: { connect: true } }))).toEqual([
    "trap reflection: has no server reflection, and a route needs types for JSON",
  ])
  const sick = await backend(t, {
    answers: { ...WELL, "/grpc.health.v1.Health/Check": { grpcStatus: 0, message: [0, 0, 0, 0, 2, 8, 2] } },
  })
  expect(worries(await ask(t, sick))).toEqual(["trap health: says NOT_SERVING to a health check"])
})

test("traps of TLS", async (t) => {
  const authority = await Certificate.root("CN=test")
  const ca = join(testDirectory(t), "ca.pem")
  writeFileSync(ca, authority.pem)
  const tls = { verify: true, ca, serverName: "chat.example" }
  const withCertificate = async (wanted: object): Promise<number> => {
    const { pem, key } = await authority.issue({ names: ["chat.example"], ...wanted })
    return backend(t, { tls: { cert: pem, key } })
  }
  expect(worries(await ask(t, await withCertificate({}), { tls }))).toEqual([])
  expect(worries(await ask(t, await withCertificate({ fromDay: -9, untilDay: -2 }), { tls }))).toEqual([
    expect.stringMatching(/^trap certificate: its certificate expired at /),
  ])
  expect(worries(await ask(t, await withCertificate({ untilDay: 3 }), { tls }))).toEqual([
    expect.stringMatching(/^warning certificate: its certificate expires soon, at /),
  ])
  expect(worries(await ask(t, await withCertificate({ names: ["mail.example"] }), { tls }))).toEqual([
    "trap certificate: its certificate is for DNS:mail.example, not for chat.example",
  ])
  expect(worries(await ask(t, await withCertificate({}), { tls: { ...tls, ca: undefined } }))).toEqual([
    expect.stringMatching(/^trap certificate: its certificate comes from an authority that is not trusted/),
  ])
  // Where nothing is verified the same is worth a word.
  const unverified = await ask(t, await withCertificate({ names: ["mail.example"] }), {
    tls: { serverName: "chat.example" },
  })
  expect(unverified.code).toBe(0)
  expect(worries(unverified).every((line) => line.startsWith("warning certificate"))).toBe(true)
  expect(worries(await ask(t, await backend(t), { tls }))).toEqual([
    "trap tls: speaks no TLS on this port, and the route does",
  ])
  const { pem, key } = await authority.issue({ names: ["chat.example"] })
  const http1Only = createTls({ cert: pem, key, ALPNProtocols: ["http/1.1"] })
  http1Only.on("tlsClientError", () => {})
  expect(worries(await ask(t, await listen(t, http1Only), { tls }))).toEqual([
    expect.stringMatching(/^trap alpn: (refuses h2|does not agree to h2) by ALPN$/),
  ])
})

test("endpoints of TCP servers: that something listens, TLS where it is made, and no HTTP/2", async (t) => {
  const authority = await Certificate.root("CN=authority")
  const good = await authority.issue({ names: ["db.test"] })
  const late = await authority.issue({ names: ["db.test"], fromDay: -9, untilDay: -2 })
  const own = testDirectory(t)
  writeFileSync(join(own, "ca.pem"), authority.pem)
  const secure = ({ pem, key }: Certificate, ALPNProtocols: string[] = []) => {
    const server = createTls({ cert: pem, key, ALPNProtocols }, (socket) => void socket.on("error", () => {}))
    server.on("tlsClientError", () => {})
    return listen(t, server)
  }
  const first: string[] = []
  const plain = await listen(
    t,
    createTcp(
      (socket) =>
        void socket.on("error", () => {}).on("data", (octets) => first.push(octets.toString("latin1"))),
    ),
  )
  /** What is found of a server of `stream {}` whose endpoint listens at `port`. */
  async function found(port: number, words = "", block = ""): Promise<Asked> {
    const path = join(own, "nginx.conf")
    writeFileSync(
      path,
      `events {} stream { ${block} upstream db { server 127.0.0.1:${port}; } server { listen 127.0.0.1:1; ${words || "proxy_pass db;"} } }`,
    )
    let out = ""
    const stdout = { write: (text: string) => (out += text) }
    const code = await doctor(path, { json: true, stdout, stderr: stdout })
    const [report] = JSON.parse(out) as { findings: Finding[] }[]
    return { code, findings: report!.findings }
  }
  const tls = `proxy_pass db; proxy_ssl on; proxy_ssl_verify on; proxy_ssl_name db.test; proxy_ssl_trusted_certificate ${own}/ca.pem;`

  const well = await found(plain)
  expect([well.code, well.findings.map(({ message }) => message)]).toEqual([0, ["accepts connections"]])
  expect(first).toEqual([])
  expect(worries(await found(await freePort()))).toEqual([
    "trap connect: nothing listens there: the connection is refused",
  ])
  // Which cluster variables come to is not known: all are asked.
  const byName = await found(
    await freePort(),
    "ssl_preread on; proxy_pass $to;",
    "map $ssl_preread_server_name $to { default db; }",
  )
  expect(worries(byName)).toEqual(["trap connect: nothing listens there: the connection is refused"])

  expect(worries(await found(await secure(good), tls))).toEqual([])
  expect(worries(await found(await secure(late), tls))).toEqual([
    expect.stringMatching(/^trap certificate: its certificate expired at /),
  ])
  const unverified = await found(await secure(good), "proxy_pass db; proxy_ssl on;")
  expect([unverified.code, unverified.findings.map(({ hint }) => hint)]).toEqual([
    0,
    expect.arrayContaining(["it is not verified here; proxy_ssl_verify (tls.verify) would refuse it"]),
  ])
  const noTls = createTcp((socket) => void socket.on("error", () => {}).end("no TLS"))
  const spoken = await found(await listen(t, noTls), tls)
  expect([worries(spoken), spoken.findings.at(-1)!.hint]).toEqual([
    ["trap tls: speaks no TLS on this port, and the route does"],
    "use proxy_ssl off (tls: false)",
  ])
  expect(
    (await found(await secure(good, ["a", "b"]), `${tls} proxy_ssl_alpn b a;`)).findings.at(-1)!.message,
  ).toMatch(/^agrees to [ab] by ALPN$/)
  // The PROXY protocol's header comes before TLS.
  const { port } = await introduced(t, await secure(good))
  expect(worries(await found(port, `${tls} proxy_protocol on;`))).toEqual([])
  expect(worries(await found(port, `${tls} proxy_protocol v2;`))).toEqual([])
})

/** Takes the PROXY protocol's header, and passes the rest on to `port`. */
async function introduced(t: TestContext, port: number): Promise<{ port: number }> {
  const server = createTcp((client) => {
    const onward = connect(port, "127.0.0.1")
    for (const socket of [client, onward]) socket.on("error", () => {})
    client.once("data", (octets) => {
      const text = octets.toString("latin1")
      const header = /^PROXY UNKNOWN\r\n|^\r\n\r\n\0\r\nQUIT\n \0\0\0/.exec(text)
      if (header === null) return client.destroy()
      onward.write(octets.subarray(header[0].length))
      client.pipe(onward)
    })
    onward.pipe(client)
  })
  return { port: await listen(t, server) }
}

/** The same work with others' TLS at the other end: nginx, curl and OpenSSL, as clients and as servers. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect as connectHttp2, createSecureServer, type Http2SecureServer } from "node:http2"
import type { AddressInfo } from "node:net"
import * as grpc from "@grpc/grpc-js"
import { beforeAll, describe, expect, type TestContext, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { loadConfig } from "../../src/config/load.ts"
import { Certificate, CertificateFiles } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import { isInstalled, startNginx } from "../support/nginx.ts"
import { EchoBackend, echoClient, TestBed } from "../support/test-bed.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")
const hasCurl = isInstalled("curl", "--version", "curl")
const hasOpenssl = isInstalled("openssl", "version", "openssl")

let root: Certificate
let chat: Certificate
let wild: Certificate
let alice: Certificate
let expired: Certificate
let stranger: Certificate
let nameOnly: Certificate

beforeAll(async () => {
  root = await Certificate.root("CN=Root")
  chat = await root.issue({ names: ["chat.test"] })
  wild = await root.issue({ names: ["*.b.test"] })
  alice = await root.issue({ subject: "C=DE,O=Höhe\\, Ltd,CN=alice+OU=7" })
  expired = await root.issue({ subject: "CN=old", fromDay: -9, untilDay: -2 })
  stranger = await (await Certificate.root("CN=Elsewhere")).issue({ subject: "CN=stranger" })
  nameOnly = await root.issue({ subject: "", names: ["spiffe://example.org/chat"] })
})

/** Runs a program to its end; `input` goes to its standard input. */
async function run(program: string, args: string[], input = ""): Promise<{ code: number; output: string }> {
  const child = spawn(program, args)
  const parts: Buffer[] = []
  child.stdout.on("data", (part: Buffer) => parts.push(part))
  child.stderr.on("data", (part: Buffer) => parts.push(part))
  child.stdin.on("error", () => {})
  child.stdin.end(input)
  const [code] = await once(child, "close")
  return { code, output: Buffer.concat(parts).toString() }
}

describe.runIf(hasNginx && hasCurl)("one nginx.conf, run by nginx and by Sluice, asked by curl", () => {
  const ANSWER = "$ssl_client_verify|$ssl_client_s_dn|$ssl_protocol|$ssl_cipher|$scheme|$server_name"

  function configFor(files: CertificateFiles, socket: string, client: string): string {
    const server = (name: string, certificate: string): string => `
      server {
        listen unix:${files.path(socket)} ssl http2;
        server_name ${name};
        ssl_certificate ${certificate}.pem;
        ssl_certificate_key ${certificate}.key;
        ${client}
        location / { return 200 "${ANSWER}"; }
      }`
    return server("chat.test", files.path("chat")) + server("*.b.test", files.path("wild"))
  }

  /** What curl, which checks the server's certificate, gets from a socket: `status version body`. */
  async function ask(files: CertificateFiles, socket: string, host: string, more: string[]): Promise<string> {
    const fixed = ["-sS", "--max-time", "20", "--cacert", files.path("ca.pem"), "--http2"]
    const args = [
      ...fixed,
      "--unix-socket",
      files.path(socket),
      "-w",
      "\n%{http_code} %{http_version}",
      ...more,
    ]
    const { code, output } = await run("curl", [...args, `https://${host}/`])
    const lines = output.trimEnd().split("\n")
    const status = lines.at(-1)
    // nginx explains a refusal in HTML, Sluice in a sentence.
    return code === 0
      ? status!.startsWith("200")
        ? `${status} ${lines[0]}`
        : status!
      : `curl ended with ${code}`
  }

  async function both(
    t: TestContext,
    client: string,
  ): Promise<(host: string, more?: string[]) => Promise<string[]>> {
    const files = new CertificateFiles(t)
    files.write("ca.pem", root.pem)
    for (const [name, certificate] of Object.entries({ chat, wild, alice, expired, stranger, nameOnly }))
      files.pair(name, certificate)
    const text = client.replaceAll("DIRECTORY", files.directory)
    await startNginx(t, files.directory, "nginx.sock", configFor(files, "nginx.sock", text))
    const path = files.write("sluice.conf", `events {} http { ${configFor(files, "sluice.sock", text)} }`)
    const { config, problems } = loadConfig(path)
    if (config === null) throw new Error(JSON.stringify(problems))
    const balancer = new Balancer(config)
    t.onTestFinished(() => balancer.close({ graceMs: 0 }))
    await balancer.start()
    const own = (more: string[]): string[] =>
      more.map((word) => (/\.(pem|key)$/.test(word) ? files.path(word) : word))
    return async (host, more = []) => [
      await ask(files, "nginx.sock", host, own(more)),
      await ask(files, "sluice.sock", host, own(more)),
    ]
  }

  const certificates = {
    none: [],
    alice: ["--cert", "alice.pem", "--key", "alice.key"],
    expired: ["--cert", "expired.pem", "--key", "expired.key"],
    stranger: ["--cert", "stranger.pem", "--key", "stranger.key"],
    nameOnly: ["--cert", "nameOnly.pem", "--key", "nameOnly.key"],
  }

  test.for(["off", "on", "optional", "optional_no_ca"])("ssl_verify_client %s", async (mode, t) => {
    // nginx's own default is another from version to version.
    const versions = "ssl_protocols TLSv1.2 TLSv1.3;"
    const client = `ssl_client_certificate DIRECTORY/ca.pem; ssl_verify_client ${mode};`
    const answers = await both(t, `${versions} ${client}`)
    for (const [name, more] of Object.entries(certificates)) {
      const [nginx, sluice] = await answers("chat.test", more)
      expect([name, sluice]).toEqual([name, nginx])
    }
  })

  test("server names, versions and ciphers", async (t) => {
    const answers = await both(t, "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384;")
    for (const host of ["chat.test", "x.b.test"]) {
      const [nginx, sluice] = await answers(host)
      expect(sluice).toBe(nginx)
      expect(sluice).toMatch(/^200 2 NONE\|\|TLSv1\.2\|ECDHE-ECDSA-AES256-GCM-SHA384\|https\|/)
    }
    // The default server's certificate is not for it, and curl says so of both.
    expect(await answers("other.test")).toEqual(["curl ended with 60", "curl ended with 60"])
    const [nginx, sluice] = await answers("chat.test", ["--tlsv1.3"])
    expect([nginx, sluice]).toEqual(["curl ended with 35", "curl ended with 35"])
  })
})

describe.runIf(hasNginx)("nginx at the other end", () => {
  const trust = (): grpc.ChannelCredentials => grpc.credentials.createSsl(Buffer.from(root.pem))
  const named = { "grpc.ssl_target_name_override": "chat.test", "grpc.default_authority": "chat.test" }

  test("as the client: grpcs:// to a Sluice that wants its certificate", async (t) => {
    const files = new CertificateFiles(t)
    const ca = files.write("ca.pem", root.pem)
    const own = files.pair("alice", alice)
    const bed = await TestBed.start(t, {
      config: {
        listeners: [
          {
            address: "127.0.0.1:0",
            tls: { certificates: [files.pair("chat", chat)], clientCa: ca, verifyClient: "on" },
          },
        ],
      },
    })
    await startNginx(
      t,
      files.directory,
      "nginx.sock",
      `server {
        listen unix:${files.path("nginx.sock")} http2;
        location / {
          grpc_pass grpcs://127.0.0.1:${bed.port};
          grpc_ssl_verify on;
          grpc_ssl_trusted_certificate ${ca};
          grpc_ssl_name chat.test;
          grpc_ssl_server_name on;
          grpc_ssl_certificate ${own.cert};
          grpc_ssl_certificate_key ${own.key};
        }
      }`,
    )
    const client = echoClientOn(t, files.path("nginx.sock"))
    const { code, message } = await client.unary(Buffer.from("hello"))
    expect([code, String(message)]).toEqual([0, "hello"])
    const [record] = await bed.ended()
    expect(record!.connection.tls).toMatchObject({ clientVerify: "SUCCESS", clientRefused: null })
  })

  test("as the server: Sluice's grpcs:// to it, verified both ways", async (t) => {
    const files = new CertificateFiles(t)
    const ca = files.write("ca.pem", root.pem)
    files.pair("chat", chat)
    const backend = new EchoBackend("a")
    await backend.start()
    t.onTestFinished(() => backend.close())
    await startNginx(
      t,
      files.directory,
      "nginx.sock",
      `server {
        listen unix:${files.path("nginx.sock")} ssl http2;
        server_name chat.test;
        ssl_certificate ${files.path("chat.pem")};
        ssl_certificate_key ${files.path("chat.key")};
        ssl_client_certificate ${ca};
        ssl_verify_client on;
        location / { grpc_pass grpc://127.0.0.1:${backend.port}; }
      }`,
    )
    const tls = { verify: true, ca, serverName: "chat.test", sendServerName: true }
    const bed = await TestBed.start(t, {
      backends: 0,
      config: {
        clusters: { nginx: [`unix:${files.path("nginx.sock")}`] },
        servers: [{ routes: [{ cluster: "nginx", tls: { ...tls, ...files.pair("alice", alice) } }] }],
      },
    })
    const { code, message } = await bed.client().unary(Buffer.from("hello"))
    expect([code, String(message)]).toEqual([0, "hello"])
    await bed.ended()
  })

  test("grpc-js, through nginx in front of Sluice, TLS on every hop", async (t) => {
    const files = new CertificateFiles(t)
    const pair = files.pair("chat", chat)
    const bed = await TestBed.start(t, {
      config: { listeners: [{ address: "127.0.0.1:0", tls: { certificates: [pair] } }] },
    })
    await startNginx(
      t,
      files.directory,
      "nginx.sock",
      `server {
        listen unix:${files.path("nginx.sock")} ssl http2;
        ssl_certificate ${pair.cert};
        ssl_certificate_key ${pair.key};
        location / { grpc_pass grpcs://127.0.0.1:${bed.port}; }
      }`,
    )
    const client = echoClientOn(t, files.path("nginx.sock"), trust(), named)
    const stream = client.chat()
    stream.write(Buffer.from("one"))
    expect(String((await once(stream, "data"))[0])).toBe("one")
    stream.end()
    await once(stream, "end")
    await bed.ended()
  })

  function echoClientOn(
    t: TestContext,
    path: string,
    credentials = grpc.credentials.createInsecure(),
    options: grpc.ClientOptions = {},
  ) {
    const client = echoClient(`unix:${path}`, options, credentials)
    t.onTestFinished(() => client.close())
    return client
  }
})

describe.runIf(hasOpenssl)("openssl at the other end", () => {
  async function secureBed(t: TestContext): Promise<{ bed: TestBed; files: CertificateFiles }> {
    const files = new CertificateFiles(t)
    files.write("ca.pem", root.pem)
    const certificates = [
      { names: ["chat.test"], ...files.pair("chat", chat) },
      { names: ["*.b.test"], ...files.pair("wild", wild) },
    ]
    const bed = await TestBed.start(t, {
      config: { listeners: [{ address: "127.0.0.1:0", tls: { certificates } }] },
    })
    return { bed, files }
  }

  const client = (bed: TestBed, files: CertificateFiles, more: string[]) => {
    const fixed = ["s_client", "-connect", `127.0.0.1:${bed.port}`, "-CAfile", files.path("ca.pem")]
    return run("openssl", [...fixed, "-verify_return_error", ...more], "Q\n")
  }

  test.for([
    ["-tls1_2", "chat.test"],
    ["-tls1_3", "chat.test"],
    ["-tls1_3", "x.b.test"],
  ])("as a client: %s, %s, ALPN h2", async ([version, name], t) => {
    const { bed, files } = await secureBed(t)
    const more = [version!, "-servername", name!, "-verify_hostname", name!, "-alpn", "h2,http/1.1"]
    const { code, output } = await client(bed, files, more)
    expect(output).toContain("ALPN protocol: h2")
    expect(output).toContain("Verify return code: 0 (ok)")
    expect(code).toBe(0)
  })

  test("as a client that resumes its session", async (t) => {
    const { bed, files } = await secureBed(t)
    const out = ["-tls1_2", "-alpn", "h2", "-sess_out", files.path("session.pem")]
    expect((await client(bed, files, out)).output).toContain("New, TLSv1.2")
    const again = ["-tls1_2", "-alpn", "h2", "-sess_in", files.path("session.pem")]
    expect((await client(bed, files, again)).output).toContain("Reused, TLSv1.2")
  })

  test("as a client that wants to renegotiate: refused", async (t) => {
    const { bed, files } = await secureBed(t)
    const connect = ["-connect", `127.0.0.1:${bed.port}`, "-CAfile", files.path("ca.pem")]
    const openssl = spawn("openssl", ["s_client", ...connect, "-tls1_2", "-alpn", "h2"])
    t.onTestFinished(() => void openssl.kill())
    let output = ""
    for (const stream of [openssl.stdout, openssl.stderr])
      stream.on("data", (part: Buffer) => {
        output += part
      })
    const said = (what: string): Promise<void> =>
      eventually(
        () => output.includes(what),
        () => output,
      )
    // The client looks for commands in what one read of its input gives, and leaves at its end, answer or not.
    await said("Verify return code")
    openssl.stdin.write("R\n")
    await said("no renegotiation")
    expect(output).toContain("RENEGOTIATING")
  })

  test("as a server that wants a certificate", async (t) => {
    const files = new CertificateFiles(t)
    const ca = files.write("ca.pem", root.pem)
    const { cert, key } = files.pair("chat", chat)
    const fixed = [
      "s_server",
      "-accept",
      "127.0.0.1:0",
      "-cert",
      cert,
      "-key",
      key,
      "-alpn",
      "h2",
      "-naccept",
      "1",
    ]
    const server = spawn("openssl", [...fixed, "-CAfile", ca, "-Verify", "1", "-verify_return_error"])
    t.onTestFinished(() => void server.kill())
    let output = ""
    server.stdout.on("data", (part: Buffer) => (output += part))
    const said = (what: RegExp) =>
      eventually(
        () => what.test(output),
        () => `openssl said ${what}: ${output}`,
      )
    await said(/ACCEPT 127\.0\.0\.1:\d+/)
    const port = /ACCEPT 127\.0\.0\.1:(\d+)/.exec(output)![1]
    const tls = {
      verify: true,
      ca,
      serverName: "chat.test",
      sendServerName: true,
      ...files.pair("alice", alice),
    }
    const bed = await TestBed.start(t, {
      backends: 0,
      config: {
        clusters: { openssl: [`127.0.0.1:${port}`] },
        servers: [{ routes: [{ cluster: "openssl", tls }] }],
      },
    })
    const answer = bed.client().unary(Buffer.from("x"))
    // It shows what it gets, and knows nothing of HTTP/2.
    await said(/PRI \* HTTP\/2\.0/)
    expect(output).toMatch(/subject=.*alice/)
    server.kill()
    expect((await answer).code).toBe(grpc.status.UNAVAILABLE)
    await bed.ended()
  })
})

describe("node:http2 at both ends", () => {
  test("ALPN, trailers and a body of a megabyte", async (t) => {
    const files = new CertificateFiles(t)
    const backend: Http2SecureServer = createSecureServer({ cert: chat.pem, key: chat.key })
    backend.on("stream", (stream) => {
      stream.respond({ ":status": 200 }, { waitForTrailers: true })
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-end": "yes" }))
      stream.pipe(stream)
    })
    backend.listen(0, "127.0.0.1")
    await once(backend, "listening")
    t.onTestFinished(() => void backend.close())
    const ca = files.write("ca.pem", root.pem)
    const bed = await TestBed.start(t, {
      backends: 0,
      config: {
        listeners: [{ address: "127.0.0.1:0", tls: { certificates: [files.pair("chat", chat)] } }],
        clusters: { chat: [`127.0.0.1:${(backend.address() as AddressInfo).port}`] },
        servers: [{ routes: [{ cluster: "chat", tls: { verify: true, ca, serverName: "chat.test" } }] }],
      },
    })
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { ca: root.pem, servername: "chat.test" })
    const request = session.request({ ":method": "POST", ":path": "/" })
    const sent = Buffer.alloc(2 ** 20, "abcdefg")
    request.end(sent)
    const parts: Buffer[] = []
    request.on("data", (part: Buffer) => parts.push(part))
    const trailers = once(request, "trailers")
    await once(request, "end")
    expect(Buffer.concat(parts).equals(sent)).toBe(true)
    expect((await trailers)[0]["x-end"]).toBe("yes")
    session.close()
    await bed.ended()
  })
})

/** `stream {}`: the same block, clients and endpoints through nginx and through Sluice. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls"
import { expect, type TestContext, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import { Certificate } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import { isInstalled } from "../support/nginx.ts"
import { closedPort, TcpClient, tcpServer } from "../support/tcp-bed.ts"

const MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
const hasNginx = isInstalled("nginx", "-v", "nginx-light") && hasModule()

function hasModule(): boolean {
  const found = existsSync(MODULE)
  if (!found)
    console.log("skipped: stream beside nginx; install it with `apt-get install libnginx-mod-stream`")
  return found
}

/** What both are run with. */
interface Stage {
  readonly port: number
  readonly directory: string
  client(): TcpClient
  /** Over TLS, with SNI and ALPN. */
  secure(name: string, protocols?: string[]): Promise<TLSSocket | string>
  /** The lines of the access log, once there are so many. */
  log(many?: number): Promise<string[]>
}

interface Case {
  /** `LISTEN` is where it listens, `LOG` its access log with a format; B1 to B3 endpoints, `CLOSED` a port without one. */
  block: string
  /** What is seen: the same of both. */
  run(stage: Stage): Promise<unknown>
}

/** `$bytes_received` is left out where it is read ahead: nginx 1.22 does not count that. */
const FORMAT = `log_format seen '$protocol $status $bytes_received $bytes_sent "$upstream_addr"
  "$upstream_bytes_sent" "$upstream_bytes_received" "$ssl_preread_server_name" "$ssl_preread_alpn_protocols"
  "$ssl_preread_protocol" "$limit_conn_status" "$remote_addr" "$realip_remote_addr" "$proxy_protocol_addr"';`

/** Sends `text` and its end, and tells all that comes. */
async function say({ client }: Stage, text: string | Buffer): Promise<string> {
  const one = client()
  one.socket.end(text)
  return one.rest()
}

async function handshake(stage: Stage, name: string, protocols?: string[]): Promise<string> {
  const socket = await stage.secure(name, protocols)
  if (typeof socket === "string") return "failed"
  const [octets] = (await once(socket, "data")) as [Buffer]
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return [String(octets), String(socket.alpnProtocol), String(CN)].join(" ")
}

function withoutReceived(line: string): string {
  return line.replace(/^(TCP \d+) \d+/, "$1")
}

/** A ClientHello of the test's own. */
function helloOf(name: string): Buffer {
  const host = Buffer.from(name)
  const names = Buffer.from([0, host.length + 3, 0, 0, host.length, ...host])
  const extensions = Buffer.from([0, 0, 0, names.length, ...names])
  const body = Buffer.from([3, 3, ...new Array<number>(32).fill(1), 0, 0, 2, 0x13, 1, 1, 0])
  const message = Buffer.concat([body, Buffer.from([0, extensions.length]), extensions])
  return Buffer.from([0x16, 3, 1, 0, message.length + 4, 1, 0, 0, message.length, ...message])
}

const V1 = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"
const V2 = Buffer.concat([
  Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1"),
  Buffer.from([0x21, 0x11, 0, 12, 192, 0, 2, 8, 198, 51, 100, 1, 0x12, 0x67, 1, 0xbb]),
])
const SSL = "ssl_certificate cert.pem; ssl_certificate_key key.pem;"

const CASES: Record<string, Case> = {
  "octets both ways": {
    block: "server { listen LISTEN; proxy_pass B1; proxy_half_close on; }",
    run: async (stage) => [await say(stage, "hello"), await stage.log()],
  },
  "a client that ends is cut off without half-closes": {
    block: "server { listen LISTEN; proxy_pass B1; proxy_half_close off; }",
    async run(stage) {
      const client = stage.client()
      client.socket.write("x")
      await client.hears("1:x")
      client.socket.end()
      return [await client.rest(), await stage.log()]
    },
  },
  "no endpoint accepts": {
    block: "server { listen LISTEN; proxy_pass CLOSED; }",
    run: async (stage) => [await say(stage, ""), (await stage.log())[0]!.slice(0, 10)],
  },
  "one of two accepts": {
    block: `upstream u { server CLOSED max_fails=0; server B1; }
      server { listen LISTEN; proxy_pass u; proxy_half_close on; }`,
    async run(stage) {
      const answers = [await say(stage, "a"), await say(stage, "b")]
      const lines = await stage.log(2)
      return [answers, lines.filter((line) => line.includes(", ")).length]
    },
  },
  "no other is tried": {
    block: `upstream u { server CLOSED max_fails=0; server B1 backup; }
      server { listen LISTEN; proxy_pass u; proxy_next_upstream off; }`,
    run: async (stage) => [await say(stage, "a"), await stage.log()],
  },
  "so many are tried": {
    block: `upstream u { server CLOSED max_fails=0; server B1 backup; }
      server { listen LISTEN; proxy_pass u; proxy_next_upstream_tries 1; }`,
    run: async (stage) => [await say(stage, "a"), await stage.log()],
  },
  return: {
    block: "server { listen LISTEN; return 'you: $remote_addr $protocol'; }",
    run: async (stage) => [await say(stage, ""), await stage.log()],
  },
  "return of nothing": {
    block: "server { listen LISTEN; set $x ''; return $x; }",
    run: async (stage) => [await say(stage, ""), await stage.log()],
  },
  set: {
    block: "map $x $y { a b; default c; } server { listen LISTEN; set $x a; return $x$y; }",
    run: async (stage) => [await say(stage, ""), await stage.log()],
  },
  "denied, and allowed": {
    block: "server { listen LISTEN; deny 127.0.0.1; proxy_pass B1; }",
    run: async (stage) => [await say(stage, ""), await stage.log()],
  },
  "the first rule that fits": {
    block: "allow 127.0.0.0/8; deny all; server { listen LISTEN; proxy_pass B1; proxy_half_close on; }",
    run: async (stage) => [await say(stage, "x"), await stage.log()],
  },
  limit_conn: {
    block: `limit_conn_zone $binary_remote_addr zone=a:64k;
      server { listen LISTEN; limit_conn a 1; proxy_pass B1; proxy_half_close on; }`,
    async run(stage) {
      const first = stage.client()
      first.socket.write("x")
      await first.hears("1:x")
      const second = await say(stage, "")
      first.socket.end()
      const answers = [second, await first.rest()]
      await stage.log(2)
      return [...answers, await say(stage, "again"), await stage.log(3)]
    },
  },
  "limit_conn, dry": {
    block: `limit_conn_zone $binary_remote_addr zone=a:64k; limit_conn_dry_run on; limit_conn a 1;
      server { listen LISTEN; proxy_pass B1; proxy_half_close on; }`,
    async run(stage) {
      const first = stage.client()
      first.socket.write("x")
      await first.hears("1:x")
      const second = await say(stage, "y")
      first.socket.end()
      return [second, await first.rest(), await stage.log(2)]
    },
  },
  "the PROXY protocol, version 1": {
    block: "server { listen LISTEN proxy_protocol; proxy_pass B1; proxy_half_close on; }",
    run: async (stage) => [await say(stage, `${V1}hello`), await stage.log()],
  },
  "version 2": {
    block: "server { listen LISTEN proxy_protocol; proxy_pass B1; proxy_half_close on; }",
    run: async (stage) => [await say(stage, Buffer.concat([V2, Buffer.from("hello")])), await stage.log()],
  },
  "no header where one is expected": {
    block: "server { listen LISTEN proxy_protocol; proxy_pass B1; }",
    run: async (stage) => [await say(stage, "GET / HTTP/1.0\r\n\r\n"), await stage.log()],
  },
  "a proxy that is believed": {
    block: `server { listen LISTEN proxy_protocol; set_real_ip_from 127.0.0.1; allow 192.0.2.7; deny all;
      proxy_pass B1; proxy_half_close on; }`,
    run: async (stage) => [await say(stage, `${V1}x`), await say(stage, V2), await stage.log(2)],
  },
  "one that is not": {
    block: `server { listen LISTEN proxy_protocol; set_real_ip_from 10.0.0.1; deny 192.0.2.7;
      proxy_pass B1; proxy_half_close on; }`,
    run: async (stage) => [await say(stage, `${V1}x`), await stage.log()],
  },
  "the endpoint is told of a client behind a proxy": {
    block: `server { listen LISTEN proxy_protocol; set_real_ip_from 127.0.0.1; proxy_protocol on;
      proxy_pass B1; proxy_half_close on; }`,
    run: async (stage) => (await say(stage, `${V1}x`)).replaceAll(String(stage.port), "PORT"),
  },
  "the endpoint is told of the client": {
    block: "server { listen LISTEN; proxy_protocol on; proxy_pass B1; proxy_half_close on; }",
    async run(stage) {
      const client = stage.client()
      await once(client.socket, "connect")
      const { localPort } = client.socket
      client.socket.end("x")
      const seen = await client.rest()
      return [seen.replaceAll(String(stage.port), "PORT").replaceAll(String(localPort), "CLIENT")]
    },
  },
  "silence of both sides": {
    block: "server { listen LISTEN; proxy_pass B1; proxy_timeout 300ms; }",
    async run(stage) {
      const client = stage.client()
      client.socket.write("x")
      return [await client.rest(), await stage.log()]
    },
  },
  "a ClientHello that does not come": {
    block: "server { listen LISTEN; ssl_preread on; preread_timeout 200ms; proxy_pass B1; }",
    async run(stage) {
      const client = stage.client()
      client.socket.write(helloOf("one.example").subarray(0, 20))
      return [await client.rest(), await stage.log()]
    },
  },
  "a client that ends in the middle of one": {
    block: "server { listen LISTEN; ssl_preread on; proxy_pass B1; }",
    run: async (stage) => [await say(stage, helloOf("one.example").subarray(0, 20)), await stage.log()],
  },
  "one that is too long": {
    block: "server { listen LISTEN; ssl_preread on; preread_buffer_size 64; proxy_pass B1; }",
    run: async (stage) => [await say(stage, helloOf("one.example".repeat(9))), await stage.log()],
  },
  "no ClientHello": {
    block: `map $ssl_preread_server_name $to { "" B2; default B1; }
      server { listen LISTEN; ssl_preread on; proxy_pass $to; proxy_half_close on; }`,
    run: async (stage) => [await say(stage, "SSH-2.0-x\r\n"), (await stage.log()).map(withoutReceived)],
  },
  "routing by SNI": {
    block: `map $ssl_preread_server_name $to { hostnames; one.example one; *.two.example B2; default B3; }
      upstream one { server B1; }
      server { listen LISTEN; ssl_preread on; proxy_pass $to; proxy_half_close on; }`,
    async run(stage) {
      const seen: string[] = []
      for (const name of ["one.example", "ONE.example", "a.two.example", "two.example", "x"]) {
        const answer = await say(stage, helloOf(name))
        seen.push(`${name}: ${answer.slice(0, 2)} ${answer.length}`)
      }
      return [seen, (await stage.log(5)).map(withoutReceived)]
    },
  },
  "a ClientHello of OpenSSL passed on": {
    block: "server { listen LISTEN; ssl_preread on; proxy_pass S1; }",
    async run(stage) {
      const seen = await handshake(stage, "one.example", ["h2", "http/1.1"])
      return [seen, (await stage.log())[0]!.split('"').slice(7, 12)]
    },
  },
  "variables that come to nothing that is there": {
    block: "map $remote_addr $to { default nowhere; } server { listen LISTEN; proxy_pass $to; }",
    run: async (stage) => [await say(stage, ""), await stage.log()],
  },
  "an address without a port": {
    block: "map $remote_addr $to { default 127.0.0.1; } server { listen LISTEN; proxy_pass $to; }",
    run: async (stage) => [await say(stage, ""), await stage.log()],
  },
  "TLS ends here": {
    block: `server { listen LISTEN ssl; ${SSL} proxy_pass B1; }`,
    async run(stage) {
      const socket = (await stage.secure("one.example")) as TLSSocket
      socket.write("over TLS")
      let text = ""
      socket.on("data", (octets: Buffer) => (text += String(octets)))
      await eventually(
        () => text.includes("over TLS"),
        () => `what was sent comes back; there is ${text}`,
      )
      socket.destroy()
      return [text, socket.alpnProtocol, (await stage.log())[0]!.slice(0, 8)]
    },
  },
  "a certificate by the client's name": {
    block: `map $ssl_server_name $which { one.example ert; "" ert; default missing; }
      map $ssl_server_name $key { default ey; }
      server { listen LISTEN ssl; ssl_certificate c$which.pem; ssl_certificate_key k$key.pem; proxy_pass B1; }`,
    async run(stage) {
      const seen: string[] = []
      for (const name of ["one.example", "two.example", "", "one.example"])
        seen.push(await handshake(stage, name))
      return seen
    },
  },
  "something else than TLS": {
    block: `server { listen LISTEN ssl; ${SSL} proxy_pass B1; }`,
    run: async (stage) => [(await say(stage, "hello\r\n\r\n")).length > 9, await stage.log()],
  },
  "HTTP where TLS ends": {
    block: `server { listen LISTEN ssl; ${SSL} proxy_pass B1; }`,
    async run(stage) {
      await say(stage, "GET / HTTP/1.0\r\n\r\n")
      return (await stage.log())[0]!.slice(0, 8)
    },
  },
  "TLS to the endpoint": {
    block: "server { listen LISTEN; proxy_ssl on; proxy_pass S1; }",
    async run(stage) {
      const client = stage.client()
      client.socket.write("plain")
      await client.hears("S1")
      client.socket.destroy()
      return [client.got, (await stage.log())[0]!.slice(0, 8)]
    },
  },
  "TLS to an endpoint without TLS": {
    block: "server { listen LISTEN; proxy_ssl on; proxy_connect_timeout 500ms; proxy_pass B1; }",
    run: async (stage) => [await say(stage, ""), (await stage.log())[0]!.slice(0, 8)],
  },
  "a certificate that is not to be trusted": {
    block: `server { listen LISTEN; proxy_ssl on; proxy_ssl_verify on; proxy_ssl_trusted_certificate other.pem;
      proxy_pass S1; }`,
    run: async (stage) => [await say(stage, ""), (await stage.log())[0]!.slice(0, 8)],
  },
  "a certificate that is trusted": {
    block: `server { listen LISTEN; proxy_ssl on; proxy_ssl_verify on; proxy_ssl_trusted_certificate root.pem;
      proxy_ssl_name one.example; proxy_ssl_server_name on; proxy_pass S1; }`,
    async run(stage) {
      const client = stage.client()
      await client.hears("S1")
      client.socket.destroy()
      return (await stage.log())[0]!.slice(0, 8)
    },
  },
  "a certificate for another name": {
    block: `server { listen LISTEN; proxy_ssl on; proxy_ssl_verify on; proxy_ssl_trusted_certificate root.pem;
      proxy_ssl_name two.example; proxy_pass S1; }`,
    run: async (stage) => [await say(stage, ""), (await stage.log())[0]!.slice(0, 8)],
  },
  "hash, by many keys": {
    block: `upstream u { hash $proxy_protocol_addr; server B1; server B2 weight=2; server B3; }
      server { listen LISTEN proxy_protocol; proxy_pass u; proxy_half_close on; }`,
    run: byKeys,
  },
  "hash consistent, by many keys": {
    block: `upstream u { hash $proxy_protocol_addr consistent; server B1; server B2 weight=2; server B3; }
      server { listen LISTEN proxy_protocol; proxy_pass u; proxy_half_close on; }`,
    run: byKeys,
  },
  split_clients: {
    block: `split_clients $proxy_protocol_addr $to { 30% B1; 30% B2; * B3; }
      server { listen LISTEN proxy_protocol; proxy_pass $to; proxy_half_close on; }`,
    run: byKeys,
  },
  geo: {
    block: `geo $proxy_protocol_addr $to { default B1; 192.0.2.0/25 B2; 192.0.2.128/26 B3; }
      server { listen LISTEN proxy_protocol; proxy_pass $to; proxy_half_close on; }`,
    run: byKeys,
  },
  "backups and those that are down": {
    block: `upstream u { server B1 down; server CLOSED max_fails=0; server B2 backup; }
      server { listen LISTEN; proxy_pass u; proxy_half_close on; }`,
    run: async (stage) => [await say(stage, "x"), await stage.log()],
  },
  max_conns: {
    block: `upstream u { zone z 64k; server B1 max_conns=1; server B2 backup; }
      server { listen LISTEN; proxy_pass u; proxy_half_close on; }`,
    async run(stage) {
      const first = stage.client()
      first.socket.write("x")
      await first.hears("1:x")
      return await say(stage, "y")
    },
  },
  "weights in turn": {
    block: `upstream u { server B1 weight=3; server B2; }
      server { listen LISTEN; proxy_pass u; proxy_half_close on; }`,
    async run(stage) {
      let seen = ""
      for (let i = 0; i < 8; i++) seen += (await say(stage, "")).slice(0, 1)
      return seen
    },
  },
}

/** Which endpoint each of 40 clients gets. */
async function byKeys(stage: Stage): Promise<string> {
  let seen = ""
  for (let i = 0; i < 40; i++)
    seen += (await say(stage, `PROXY TCP4 192.0.2.${i * 6} 198.51.100.1 ${1000 + i} 443\r\n`)).slice(0, 1)
  return seen
}

/** Says `NAME:` and what it hears, and at the client's end `.`. */
function named(name: string): (socket: Socket) => void {
  return (socket) => {
    socket.write(`${name}:`)
    socket.on("data", (octets) => socket.write(octets))
    socket.on("end", () => socket.end("."))
  }
}

test.skipIf(!hasNginx).for(Object.entries(CASES))("%s", async ([, { block, run }], t) => {
  const root = await Certificate.root("CN=root")
  const certificate = await root.issue({ names: ["one.example", "localhost"] })
  const other = await Certificate.root("CN=other", { names: ["other.example"] })
  const endpoints: Record<string, number> = {
    B1: await tcpServer(t, named("1")),
    B2: await tcpServer(t, named("2")),
    B3: await tcpServer(t, named("3")),
    CLOSED: await closedPort(),
    S1: await tlsServer(t, certificate),
  }
  const files = {
    "cert.pem": certificate.pem,
    "key.pem": certificate.key,
    "other.pem": other.pem,
    "root.pem": root.pem,
  }
  const filled = block.replace(/\b(?:B\d|CLOSED|S\d)\b/g, (name) => `127.0.0.1:${endpoints[name]}`)
  const theirs = await run(await startNginx(t, filled, files))
  const ours = await run(await startSluice(t, filled, files))
  expect(ours).toEqual(theirs)
})

async function tlsServer(t: TestContext, { pem, key }: Certificate): Promise<number> {
  const sockets = new Set<TLSSocket>()
  const server = createTlsServer({ cert: pem, key, ALPNProtocols: ["h2"] }, (socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.resume().write("S1")
  })
  server.on("tlsClientError", () => {})
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as { port: number }).port
}

async function stageAt(t: TestContext, files: Record<string, string>): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-stream-"))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const port = await closedPort()
  const path = join(directory, "access.log")
  return {
    port,
    directory,
    client: () => new TcpClient(t, { port, host: "127.0.0.1" }),
    async secure(servername, ALPNProtocols) {
      const options = { port, host: "127.0.0.1", servername, rejectUnauthorized: false }
      const socket = connectTls({ ...options, ...(ALPNProtocols && { ALPNProtocols }) })
      t.onTestFinished(() => void socket.destroy())
      return await new Promise((resolve) => {
        socket.once("secureConnect", () => resolve(socket))
        socket.on("error", ({ message }) => resolve(message))
      })
    },
    async log(many = 1) {
      const lines = (): string[] =>
        existsSync(path)
          ? readFileSync(path, "latin1")
              .replace(/\n {2}/g, " ")
              .trimEnd()
              .split("\n")
          : []
      await eventually(
        () => lines().filter((line) => line !== "").length >= many,
        () => `${many} lines in the log: ${lines().join("; ")}`,
      )
      return lines()
    },
  }
}

function textOf(block: string, { port, directory }: Stage): string {
  return `${FORMAT} access_log ${join(directory, "access.log")} seen;\n${block.replaceAll("LISTEN", `127.0.0.1:${port}`)}`
}

async function startNginx(t: TestContext, block: string, files: Record<string, string>): Promise<Stage> {
  const stage = await stageAt(t, files)
  const { directory, port } = stage
  const config = join(directory, "nginx.conf")
  writeFileSync(
    config,
    `load_module ${MODULE}; daemon off; master_process off; pid ${join(directory, "pid")};
     events {} stream { ${textOf(block, stage)} }`,
  )
  const log = join(directory, "error.log")
  const nginx: ChildProcess = spawn("nginx", ["-p", directory, "-c", config, "-e", log], { stdio: "ignore" })
  t.onTestFinished(async () => {
    if (nginx.exitCode === null && nginx.kill("SIGTERM")) await once(nginx, "exit")
  })
  const said = (): string => (existsSync(log) ? readFileSync(log, "utf8") : "nothing")
  await eventually(
    () => nginx.exitCode !== null || existsSync(join(directory, "pid")),
    () => `nginx listens on ${port}; it said: ${said()}`,
  )
  if (nginx.exitCode !== null) throw new Error(`nginx ended at once: ${said()}`)
  return stage
}

async function startSluice(t: TestContext, block: string, files: Record<string, string>): Promise<Stage> {
  const stage = await stageAt(t, files)
  const text = `events {} stream { ${textOf(block, stage)} }`
  const { config, problems } = readNginxConfig(text, join(stage.directory, "nginx.conf"), diskFiles)
  if (config === null) throw new Error(problems.map(({ message }) => message).join("\n"))
  const balancer = new Balancer(config)
  await balancer.start()
  t.onTestFinished(() => balancer.close({ graceMs: 0 }))
  return stage
}

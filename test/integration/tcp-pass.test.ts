/** nginx's `pass`: clients that one listener has accepted go on at another, on real sockets. */
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect as connectHttp2 } from "node:http2"
import type { NetConnectOpts, Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectTls, type TLSSocket } from "node:tls"
import { expect, type TestContext, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import type { Config } from "../../src/config/model.ts"
import { diskFiles } from "../../src/config/nginx/include.ts"
import { readNginxConfig } from "../../src/config/nginx/read.ts"
import type { ConnectionRecord, StreamRecord } from "../../src/record/record.ts"
import { Certificate } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import { freePort } from "../support/free-port.ts"
import { TcpClient, tcpServer } from "../support/tcp-bed.ts"
import { EchoBackend, echoClient } from "../support/test-bed.ts"

interface Bed {
  readonly balancer: Balancer
  readonly records: StreamRecord[]
  readonly connections: ConnectionRecord[]
  /** By the name that stands for it in the file. */
  port(name: string): number
  client(name: string): TcpClient
  secure(name: string, servername?: string): Promise<TLSSocket>
}

const SSL = "ssl_certificate cert.pem; ssl_certificate_key key.pem;"

/** A balancer by a file in which `P1`, `P2`… are ports, and `DIR` is its directory. */
async function start(t: TestContext, file: string, limits: Config["limits"] = {}): Promise<Bed> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-pass-"))
  const own = await (await Certificate.root("CN=root")).issue({ names: ["one.example"] })
  writeFileSync(join(directory, "cert.pem"), own.pem)
  writeFileSync(join(directory, "key.pem"), own.key)
  const ports = new Map<string, number>()
  for (const name of new Set(file.match(/\bP\d\b/g))) ports.set(name, await freePort())
  const text = file.replace(/\bP\d\b/g, (name) => String(ports.get(name))).replaceAll("DIR", directory)
  const { config, problems } = readNginxConfig(text, join(directory, "nginx.conf"), diskFiles)
  if (config === null) throw new Error(problems.map(({ line, message }) => `${line}: ${message}`).join("\n"))
  const balancer = new Balancer({ ...config, limits })
  const records: StreamRecord[] = []
  const connections: ConnectionRecord[] = []
  balancer.on("stream", (record) => records.push(record))
  balancer.on("connect", (record) => connections.push(record))
  t.onTestFinished(async () => {
    await balancer.close({ graceMs: 0 })
    rmSync(directory, { recursive: true, force: true })
  })
  await balancer.start()
  const where = (name: string): NetConnectOpts => ({ port: ports.get(name)!, host: "127.0.0.1" })
  return {
    balancer,
    records,
    connections,
    port: (name) => ports.get(name)!,
    client: (name) => new TcpClient(t, where(name)),
    async secure(name, servername = "one.example") {
      const socket = connectTls({ ...where(name), servername, rejectUnauthorized: false })
      socket.on("error", () => {})
      t.onTestFinished(() => void socket.destroy())
      await once(socket, "secureConnect")
      return socket
    },
  }
}

/** All that comes until the end. */
async function rest(socket: Socket): Promise<string> {
  let text = ""
  socket.on("data", (octets: Buffer) => (text += octets.toString("latin1")))
  await new Promise((resolve) => socket.once("close", resolve))
  return text
}

function echo(socket: Socket): void {
  socket.on("data", (octets) => socket.write(octets))
  socket.on("end", () => socket.end("."))
}

const GET = "GET /x HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n"
const HTTP_SEEN = 'return 200 "$scheme $server_addr:$server_port $remote_addr $proxy_protocol_addr";'

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf("\r\n\r\n") + 4)
}

test("to a listener of HTTP: by its address, and one of all addresses", async (t) => {
  const bed = await start(
    t,
    `events {} http { server { listen 127.0.0.1:P2; ${HTTP_SEEN} } server { listen P3; ${HTTP_SEEN} } }
     stream { server { listen 127.0.0.1:P1; pass 127.0.0.1:P2; } server { listen 127.0.0.1:P4; pass 127.0.0.9:P3; } }`,
  )
  const first = bed.client("P1")
  first.socket.write(GET)
  expect(bodyOf(await first.rest())).toBe(`http 127.0.0.1:${bed.port("P2")} 127.0.0.1 `)
  const second = bed.client("P4")
  second.socket.write(GET)
  expect(bodyOf(await second.rest())).toBe(`http 127.0.0.9:${bed.port("P3")} 127.0.0.1 `)
  // The session before has no line of its own.
  expect(bed.records.map(({ connection }) => connection.protocol)).toEqual(["HTTP/1.1", "HTTP/1.1"])
})

test("to a Unix socket, by a variable, with what was read ahead", async (t) => {
  const bed = await start(
    t,
    `events {} http { server { listen unix:DIR/s; return 200 "$server_addr $request_uri"; } }
     stream {
       map $ssl_preread_protocol $to { "" unix:DIR/s; default 127.0.0.1:P2; }
       server { listen 127.0.0.1:P1; ssl_preread on; pass $to; }
       server { listen 127.0.0.1:P2 ssl; ${SSL} return "$ssl_server_name"; }
     }`,
  )
  const plain = bed.client("P1")
  plain.socket.write(GET)
  expect(bodyOf(await plain.rest())).toMatch(/^unix:\S+\/s \/x$/)
  const secure = await bed.secure("P1")
  expect(await rest(secure)).toBe("one.example")
})

test("after a ClientHello: the listener of its name ends TLS, and speaks HTTP/2 and gRPC", async (t) => {
  const backend = new EchoBackend("grpc")
  await backend.start()
  t.onTestFinished(() => backend.close())
  const bed = await start(
    t,
    `events {} http { server { listen 127.0.0.1:P2 ssl; ${SSL} location = /y { return 200 "$scheme $ssl_server_name"; }
       location / { grpc_pass 127.0.0.1:${backend.port}; } } }
     stream { ssl_preread on; server { listen 127.0.0.1:P1; server_name one.example; pass 127.0.0.1:P2; }
       server { listen 127.0.0.1:P1 default_server; return no; } }`,
  )
  const session = connectHttp2(`https://127.0.0.1:${bed.port("P1")}`, {
    servername: "one.example",
    rejectUnauthorized: false,
  })
  t.onTestFinished(() => session.destroy())
  const asked = session.request({ ":path": "/y" })
  let text = ""
  asked.on("data", (octets: Buffer) => (text += String(octets)))
  await once(asked, "end")
  expect(text).toBe("https one.example")
  const other = bed.client("P1")
  other.socket.write("SSH-2.0-x\r\n")
  expect(await other.rest()).toBe("no")
})

test("after TLS has ended: HTTP/1.1 and HTTP/2 by their first octets, and the client is over TLS", async (t) => {
  const backend = new EchoBackend("grpc")
  await backend.start()
  t.onTestFinished(() => backend.close())
  const bed = await start(
    t,
    `events {} http { server { listen 127.0.0.1:P2; location = /x { return 200 "$scheme $ssl_protocol"; }
       location / { grpc_pass 127.0.0.1:${backend.port}; } } }
     stream {
       server { listen 127.0.0.1:P1 ssl; ${SSL} pass 127.0.0.1:P2; }
       server { listen 127.0.0.1:P3; pass 127.0.0.1:P2; }
     }`,
  )
  const secure = await bed.secure("P1")
  secure.write(GET)
  expect(bodyOf(await rest(secure))).toBe("https TLSv1.3")
  const client = echoClient(bed.port("P3"))
  t.onTestFinished(() => client.close())
  expect((await client.unary(Buffer.from("hi"))).message?.toString()).toBe("hi")
  const session = connectHttp2(`https://127.0.0.1:${bed.port("P1")}`, { rejectUnauthorized: false })
  t.onTestFinished(() => session.destroy())
  const asked = session.request({ ":path": "/x" })
  let text = ""
  asked.on("data", (octets: Buffer) => (text += String(octets)))
  await once(asked, "end")
  expect(text).toBe("https TLSv1.3")
})

test("TLS within TLS", async (t) => {
  const bed = await start(
    t,
    `events {} stream {
       server { listen 127.0.0.1:P1 ssl; ${SSL} pass 127.0.0.1:P2; }
       server { listen 127.0.0.1:P2 ssl; ${SSL} return "$ssl_server_name $remote_addr"; }
     }`,
  )
  const outer = await bed.secure("P1")
  const inner = connectTls({ socket: outer, servername: "two.example", rejectUnauthorized: false })
  inner.on("error", () => {})
  expect(await rest(inner)).toBe("two.example 127.0.0.1")
})

test("who the client is by the PROXY protocol goes along, and its header is read once", async (t) => {
  const bed = await start(
    t,
    `events {} http { server { listen 127.0.0.1:P2; ${HTTP_SEEN} }
       server { listen 127.0.0.1:P4 proxy_protocol; return 200 "$remote_addr $proxy_protocol_addr"; } }
     stream {
       server { listen 127.0.0.1:P1 proxy_protocol; set_real_ip_from 127.0.0.1; pass 127.0.0.1:P2; }
       server { listen 127.0.0.1:P3; pass 127.0.0.1:P4; }
     }`,
  )
  const first = bed.client("P1")
  first.socket.write(`PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n${GET}`)
  expect(bodyOf(await first.rest())).toBe(`http 127.0.0.1:${bed.port("P2")} 192.0.2.7 192.0.2.7`)
  const second = bed.client("P3")
  second.socket.write(`PROXY TCP4 192.0.2.8 198.51.100.1 4711 443\r\n${GET}`)
  expect(bodyOf(await second.rest())).toBe("127.0.0.1 192.0.2.8")
})

test("to a listener of TCP: octets before and after, half-closes, and one report, of the last", async (t) => {
  const backend = await tcpServer(t, echo)
  const bed = await start(
    t,
    `events {} stream {
       server { listen 127.0.0.1:P1; ssl_preread on; pass 127.0.0.1:P2; }
       server { listen 127.0.0.1:P2; pass 127.0.0.1:P3; }
       server { listen 127.0.0.1:P3; proxy_pass 127.0.0.1:${backend}; }
     }`,
  )
  const client = bed.client("P1")
  client.socket.write("SSH-2.0-x\r\n")
  await client.hears("SSH")
  client.socket.end("bye")
  expect(await client.rest()).toBe("SSH-2.0-x\r\nbye.")
  await eventually(
    () => bed.records.length > 0,
    () => "the session ends",
  )
  expect(bed.records).toMatchObject([
    { status: 200, requestOctets: 14, connection: { localPort: bed.port("P3") } },
  ])
  await eventually(
    () => bed.balancer.load().connections === 0,
    () => "no connection is left",
  )
})

test("a client counts once by its address", async (t) => {
  const bed = await start(
    t,
    `events {} http { server { listen 127.0.0.1:P2 ssl; ${SSL} return 200 ok; } }
     stream { server { listen 127.0.0.1:P1; ssl_preread on; pass 127.0.0.1:P2; } }`,
    { connectionsPerAddressMax: 1 },
  )
  for (const _ of [1, 2]) {
    const client = await bed.secure("P1")
    client.write(GET)
    expect(bodyOf(await rest(client))).toBe("ok")
    await eventually(
      () => bed.balancer.load().connections === 0,
      () => "the client is gone",
    )
  }
})

test("limit_conn of the listener before counts a client until it is closed", async (t) => {
  const bed = await start(
    t,
    `events {} http { server { listen 127.0.0.1:P2; return 200 ok; } }
     stream { limit_conn_zone $binary_remote_addr zone=a:64k;
       server { listen 127.0.0.1:P1; limit_conn a 1; pass 127.0.0.1:P2; }
       server { listen 127.0.0.1:P3; pass 127.0.0.1:P2; } }`,
  )
  const first = bed.client("P1")
  await eventually(
    () => bed.connections.length === 2,
    () => "the client was passed on",
  )
  const second = bed.client("P1")
  expect(await second.rest()).toBe("")
  first.socket.destroy()
  await eventually(
    () => bed.balancer.load().connections === 0,
    () => "the first is gone",
  )
  const third = bed.client("P1")
  third.socket.write(GET)
  expect(bodyOf(await third.rest())).toBe("ok")
})

test("nowhere, in a circle, and to no address: the connection ends", async (t) => {
  const nowhere = await freePort()
  const bed = await start(
    t,
    `events {} stream {
       server { listen 127.0.0.1:P1; pass 127.0.0.1:${nowhere}; }
       server { listen 127.0.0.1:P2; pass 127.0.0.1:P2; }
       server { listen 127.0.0.1:P3; set $to one.example:80; pass $to; }
     }`,
  )
  for (const name of ["P1", "P2", "P3"]) expect(await bed.client(name).rest()).toBe("")
  await eventually(
    () => bed.records.length === 3,
    () => "three sessions end",
  )
  expect(bed.records.map(({ status }) => status)).toEqual([200, 500, 500])
  expect(bed.connections.filter(({ localPort }) => localPort === bed.port("P2"))).toHaveLength(11)
})

test("a balancer that closes lets a client that was passed on finish", async (t) => {
  const backend = await tcpServer(t, echo)
  const bed = await start(
    t,
    `events {} stream { server { listen 127.0.0.1:P1; pass 127.0.0.1:P2; }
       server { listen 127.0.0.1:P2; proxy_pass 127.0.0.1:${backend}; } }`,
  )
  const client = bed.client("P1")
  client.socket.write("a")
  await client.hears("a")
  const closed = bed.balancer.close({ graceMs: 60_000 })
  client.socket.end("b")
  expect(await client.rest()).toBe("ab.")
  await closed
})

/** The PROXY protocol's header before TLS, as a hostile or clumsy proxy sends it, on real sockets. */
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { Duplex } from "node:stream"
import { connect as connectTls, type TLSSocket } from "node:tls"
import { describe, expect, type TestContext, test } from "vitest"
import { createBalancer } from "../../src/index.ts"
import { Certificate, CertificateFiles } from "../support/certificates.ts"
import { eventually } from "../support/eventually.ts"
import { LogLines } from "../support/log-lines.ts"
import { ManualClock } from "../support/manual-clock.ts"

const certificate = await (await Certificate.root("CN=root")).issue({ names: ["localhost"] })

const v1 = (text: string): Buffer => Buffer.from(`PROXY ${text}\r\n`, "latin1")
/** `21`: PROXY, `20`: LOCAL; then the family and what it comes with. */
const v2 = (
  command: number,
  family: number,
  body: Buffer = Buffer.alloc(0),
  length = body.length,
): Buffer => {
  const head = Buffer.from([
    0x0d,
    0x0a,
    0x0d,
    0x0a,
    0,
    0x0d,
    0x0a,
    0x51,
    0x55,
    0x49,
    0x54,
    0x0a,
    command,
    family,
    0,
    0,
  ])
  head.writeUInt16BE(length, 14)
  return Buffer.concat([head, body])
}
const FOUR = Buffer.from("c0000207c63364019c4001bb", "hex")
const SIX = Buffer.from("20010db800000000000000000000000720010db80000000000000000000000019c4001bb", "hex")
/** A TLV of a whole header of `octets`. */
const padding = (octets: number): Buffer => {
  const tlv = Buffer.alloc(octets, 0x16)
  tlv[0] = 0x04
  tlv.writeUInt16BE(octets - 3, 1)
  return tlv
}
const UNIX = Buffer.alloc(216, "x")

const NAMED = "192.0.2.7:40000"
const NAMED6 = "2001:db8::7:40000"
const NOBODY = ":"

/** A header, and who the client is by it. */
const TAKEN: Record<string, [header: Buffer, who: string]> = {
  "v1, TCP4": [v1("TCP4 192.0.2.7 198.51.100.1 40000 443"), NAMED],
  "v1, TCP6": [v1("TCP6 2001:db8::7 2001:db8::1 40000 443"), NAMED6],
  "v1, UNKNOWN": [v1("UNKNOWN"), NOBODY],
  "v1, UNKNOWN with what may follow": [v1("UNKNOWN ffff::1 ffff::2 1 2"), NOBODY],
  "v2, IPv4": [v2(0x21, 0x11, FOUR), NAMED],
  "v2, IPv6": [v2(0x21, 0x21, SIX), NAMED6],
  "v2, IPv4 with a TLV that is as long as may be": [
    v2(0x21, 0x11, Buffer.concat([FOUR, padding(4096 - 12)])),
    NAMED,
  ],
  "v2, LOCAL": [v2(0x20, 0x00), NOBODY],
  "v2, LOCAL with an address": [v2(0x20, 0x11, FOUR), NOBODY],
  "v2, UNSPEC": [v2(0x21, 0x00), NOBODY],
  "v2, UNSPEC with TLVs": [v2(0x21, 0x00, padding(100)), NOBODY],
  "v2, a Unix socket": [v2(0x21, 0x31, UNIX), NOBODY],
  "v2, a datagram": [v2(0x21, 0x12, FOUR), NOBODY],
}

/** What is no header. */
const REFUSED: Record<string, Buffer> = {
  "nothing but a ClientHello": Buffer.from("160301", "hex"),
  "a line that does not end": v1(`TCP4 ${"1".repeat(200)}`),
  "v1 with words behind the ports": v1("TCP4 192.0.2.7 198.51.100.1 40000 443 evil"),
  "v1 with two spaces": v1("TCP4  192.0.2.7 198.51.100.1 40000 443"),
  "v1 with a sign": v1("TCP4 192.0.2.7 198.51.100.1 +4000 443"),
  "v1 in lower case": Buffer.from("proxy TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"),
  "v1 with a bare LF": Buffer.from("PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\n\r\n"),
  "v1 with a zone": v1("TCP6 fe80::1%eth0 fe80::2 40000 443"),
  "v1 with a NUL": v1("TCP4 192.0.2.7\0 198.51.100.1 40000 443"),
  "v1 of IPv4 in IPv6's place": v1("TCP6 192.0.2.7 198.51.100.1 40000 443"),
  "v2 with TLVs of 64 KiB": v2(0x21, 0x11, FOUR, 65_535),
  "v2 that is shorter than its addresses": v2(0x21, 0x21, FOUR),
  "v2 of another version": v2(0x11, 0x11, FOUR),
  "v2 of another command": v2(0x2f, 0x11, FOUR),
  "an HTTP request": Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
  "two octets of v2, then others": Buffer.from("0d0a1603", "hex"),
}

const TEXT = "$proxy_protocol_addr:$proxy_protocol_port"

async function start(
  t: TestContext,
  { clock, protocol = "http" }: { clock?: ManualClock; protocol?: "http" | "tcp" } = {},
) {
  const logs = new LogLines()
  const files = new CertificateFiles(t)
  const balancer = createBalancer(
    {
      listeners: {
        address: "127.0.0.1:0",
        proxyProtocol: true,
        protocol,
        tls: { certificates: [files.pair("server", certificate)] },
      },
      clusters: {},
      ...(protocol === "tcp"
        ? { tcp: { servers: [{ return: TEXT }] } }
        : { routes: [{ return: { text: TEXT } }] }),
    },
    { log: logs.log, ...(clock !== undefined && { clock }) },
  )
  await balancer.start()
  t.onTestFinished(() => balancer.close({ graceMs: 0 }))
  const open = async (): Promise<Socket> => {
    const socket = connect({ port: balancer.addresses[0]!.port!, host: "127.0.0.1", noDelay: true })
    socket.on("error", () => {})
    t.onTestFinished(() => void socket.destroy())
    await once(socket, "connect")
    return socket
  }
  return { balancer, logs, open }
}

/** TLS over `socket`, behind `header`: with it in one write, or both octet by octet. */
function behind(socket: Socket, header: Buffer, isCut: boolean): TLSSocket {
  let first: Buffer | null = header
  const send = async (octets: Buffer): Promise<void> => {
    for (let at = 0; at < octets.length; at++) {
      socket.write(octets.subarray(at, at + 1))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const raw = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const octets = first === null ? chunk : Buffer.concat([first, chunk])
      const isFirst = first !== null
      first = null
      if (isCut && isFirst) void send(octets).then(() => done())
      else socket.write(octets, () => done())
    },
  })
  socket.on("data", (chunk: Buffer) => raw.push(chunk))
  socket.on("close", () => raw.destroy())
  const secure = connectTls({ socket: raw, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] })
  secure.on("error", () => {})
  return secure
}

async function answerBehind(socket: Socket, header: Buffer, isCut: boolean): Promise<string> {
  const secure = behind(socket, header, isCut)
  await once(secure, "secureConnect")
  secure.write("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
  let text = ""
  for await (const chunk of secure) text += chunk
  return text.split("\r\n\r\n")[1]!
}

describe("a header is taken, in one segment with the ClientHello and octet by octet:", () => {
  test.for(Object.entries(TAKEN))("%s", async ([, [header, who]], t) => {
    const { open } = await start(t)
    expect(await answerBehind(await open(), header, false)).toBe(who)
    expect(await answerBehind(await open(), header, header.length < 1000)).toBe(who)
  })
})

describe("a header is taken before connections that are relayed as they are:", () => {
  test.for(Object.entries(TAKEN))("%s", async ([, [header, who]], t) => {
    const { open } = await start(t, { protocol: "tcp" })
    for (const isCut of [false, header.length < 1000]) {
      let text = ""
      // Throws where TLS is not ended by close_notify.
      for await (const chunk of behind(await open(), header, isCut)) text += chunk
      expect(text).toBe(who)
    }
  })
})

/** How many octets a socket is sent, until it is closed, for what `send` sends. */
async function comesOf(socket: Socket, send: () => void): Promise<number> {
  let came = 0
  socket.on("data", ({ length }: Buffer) => (came += length))
  const closed = once(socket, "close")
  send()
  await closed
  return came
}

describe("connections that are relayed as they are do not begin behind", () => {
  test.for(Object.entries(REFUSED))("%s", async ([, octets], t) => {
    const { open } = await start(t, { protocol: "tcp" })
    for (const isCut of [false, true]) {
      const socket = await open()
      expect(await comesOf(socket, () => behind(socket, octets, isCut))).toBe(0)
    }
  })
})

describe("no handshake begins behind", () => {
  test.for(Object.entries(REFUSED))("%s", async ([, octets], t) => {
    const { open, balancer, logs } = await start(t)
    for (const isCut of [false, true]) {
      const socket = await open()
      expect(await comesOf(socket, () => behind(socket, octets, isCut))).toBe(0)
    }
    expect(balancer.snapshot().streamsEnded).toBe(0)
    expect(logs.saying("TLS handshake failed").map(({ reason }) => reason)).toEqual([
      "no PROXY protocol header on a listener that expects one",
      "no PROXY protocol header on a listener that expects one",
    ])
  })
})

test.for([
  ["nothing", Buffer.alloc(0)],
  ["a part of v1", v1("TCP4 192.0.2.7").subarray(0, -2)],
  ["a part of v2", v2(0x21, 0x11, FOUR).subarray(0, 20)],
  ["v2 without all of its TLVs", v2(0x21, 0x11, FOUR, 4000)],
  ["a header, and no ClientHello", v2(0x21, 0x11, FOUR)],
  [
    "a header, and a part of a ClientHello",
    Buffer.concat([v2(0x21, 0x11, FOUR), Buffer.from("1603010200010001fc", "hex")]),
  ],
] as const)(
  "a client that sends %s has the time of a handshake, while others get in",
  async ([, octets], t) => {
    const clock = new ManualClock()
    const { open, balancer, logs } = await start(t, { clock })
    const socket = await open()
    const closed = once(socket.resume(), "close")
    socket.write(octets)
    expect(await answerBehind(await open(), v2(0x21, 0x11, FOUR), false)).toBe(NAMED)
    await eventually(
      () => {
        clock.advance(1000)
        return socket.destroyed
      },
      () => "its time is over",
    )
    await closed
    expect(logs.saying("TLS handshake failed").map(({ reason }) => reason)).toEqual([
      "the TLS handshake took too long",
    ])
    expect(balancer.snapshot().streamsEnded).toBe(1)
  },
)

test("who speaks HTTP without TLS behind a header is told so, and is who the header says", async (t) => {
  const { open, balancer } = await start(t)
  const ended = once(balancer, "stream")
  const socket = await open()
  socket.write(Buffer.concat([v2(0x21, 0x11, FOUR), Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n")]))
  const [record] = (await ended) as [{ status: number; connection: { proxied: object | null } }]
  expect(record.status).toBe(400)
  expect(record.connection.proxied).toMatchObject({ sourceAddress: "192.0.2.7" })
})

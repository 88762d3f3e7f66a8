import { Duplex } from "node:stream"
import { connect } from "node:tls"
import { expect, test } from "vitest"
import { ClientHelloReader, type HelloOutcome } from "./client-hello.ts"

const u16 = (value: number): number[] => [value >> 8, value & 255]
const text = (value: string): number[] => [...Buffer.from(value, "latin1")]
const extension = (type: number, data: number[]): number[] => [...u16(type), ...u16(data.length), ...data]
const sni = (name: string, type = 0, listOctets = name.length + 3): number[] =>
  extension(0, [...u16(listOctets), type, ...u16(name.length), ...text(name)])
const alpn = (...names: string[]): number[] => {
  const list = names.flatMap((name) => [name.length, ...text(name)])
  return extension(16, [...u16(list.length), ...list])
}
const versions = extension(43, [2, 3, 4])
const record = (payload: number[], type = 0x16): number[] => [type, 3, 1, ...u16(payload.length), ...payload]

/** A handshake message; `extensions` null: it ends before them. */
function hello(extensions: number[] | null, { type = 1, version = [3, 3] } = {}): number[] {
  const body = [
    ...version,
    ...new Array<number>(32).fill(7),
    ...[4, 1, 2, 3, 4],
    ...u16(4),
    ...[0x13, 1, 0x13, 2],
    ...[1, 0],
    ...(extensions === null ? [] : [...u16(extensions.length), ...extensions]),
  ]
  return [type, 0, ...u16(body.length), ...body]
}

function read(octets: number[]): HelloOutcome {
  return new ClientHelloReader().read(Buffer.from(octets))
}

const found = (serverName: string, alpnProtocols = "", protocol = "TLSv1.2"): HelloOutcome => {
  return { protocol, serverName, alpnProtocols }
}

test.for<[what: string, octets: number[], outcome: HelloOutcome]>([
  ["a name", record(hello(sni("a.example"))), found("a.example")],
  ["a name as it is written", record(hello(sni("A.Example"))), found("A.Example")],
  ["no extensions at all", record(hello(null)), found("")],
  ["an empty list of extensions", record(hello([])), found("")],
  ["no name among extensions", record(hello([...extension(10, [0, 2, 0, 29])])), found("")],
  ["an empty name", record(hello(sni(""))), found("")],
  ["protocols", record(hello(alpn("h2", "http/1.1"))), found("", "h2,http/1.1")],
  ["all of it", record(hello([...sni("x"), ...alpn("h2"), ...versions])), found("x", "h2", "TLSv1.3")],
  ["the first name of two", record(hello([...sni("one"), ...sni("two")])), found("one")],
  ["an old version", record(hello(sni("x"), { version: [3, 1] })), found("x", "", "TLSv1")],
  ["a version that is not known", record(hello(sni("x"), { version: [9, 9] })), found("x", "", "")],
  ["SSLv2", [0x80, 46, 1, 0, 2, 0, 0], found("", "", "SSLv2")],
  ["SSLv3 in the frame of SSLv2", [0x80, 46, 1, 3, 0], found("", "", "SSLv3")],
  // An encrypted ClientHello is one more extension; the outer name is what is seen.
  ["ECH", record(hello([...sni("outer"), ...extension(0xfe0d, [0, 0, 1, 0])])), found("outer")],
  ["what follows it", [...record(hello(sni("x"))), ...record([1], 0x14)], found("x")],
  ["nothing", [], "more"],
  ["half a record's head", [0x16, 3, 1], "more"],
  ["an empty record", record([]), "more"],
  ["HTTP", text("GET / HTTP/1.1\r\n\r\n"), "none"],
  ["zeros", new Array<number>(64).fill(0), "none"],
  ["an alert", record([2, 40], 0x15), "none"],
  ["another major version", [0x16, 2, 0, 0, 1, 1], "none"],
  ["another message", record(hello(sni("x"), { type: 2 })), "none"],
  ["a name of another kind", record(hello(sni("x", 1))), "none"],
  ["a name longer than its list", record(hello(sni("abc", 0, 4))), "none"],
  ["an empty protocol", record(hello(extension(16, [0, 1, 0]))), "none"],
  ["a protocol longer than its list", record(hello(extension(16, [0, 2, 5, 1]))), "none"],
  ["an extension longer than the message", record(hello([0, 10, 0xff, 0xff, 0])), "none"],
  [
    "a session id longer than the message",
    record([1, 0, 0, 35, 3, 3, ...new Array<number>(32).fill(0), 9]),
    "none",
  ],
])("%s", ([, octets, outcome]) => {
  expect(read(octets)).toEqual(outcome)
})

test("in however many records and packets it comes", () => {
  const message = hello([
    ...extension(21, new Array<number>(300).fill(0)),
    ...sni("a.example"),
    ...alpn("h2"),
  ])
  for (const size of [1, 2, 7, 100, message.length]) {
    const octets: number[] = []
    for (let at = 0; at < message.length; at += size) octets.push(...record(message.slice(at, at + size)))
    const reader = new ClientHelloReader()
    const whole = Buffer.from(octets)
    for (let end = 0; end < whole.length; end++) expect(reader.read(whole.subarray(0, end))).toBe("more")
    expect(reader.read(whole)).toEqual(found("a.example", "h2"))
  }
})

test("what OpenSSL sends", async () => {
  const sent: Buffer[] = []
  const wire = new Duplex({
    read() {},
    write(octets: Buffer, _encoding, done) {
      sent.push(octets)
      done()
    },
  })
  const client = connect({ socket: wire, servername: "chat.example", ALPNProtocols: ["h2", "http/1.1"] })
  client.on("error", () => {})
  await new Promise((resolve) => setImmediate(resolve))
  expect(new ClientHelloReader().read(Buffer.concat(sent))).toEqual(
    found("chat.example", "h2,http/1.1", "TLSv1.3"),
  )
  client.destroy()
})

test("garbage of every length ends, one way or the other", () => {
  const message = record(hello([...sni("a.example"), ...alpn("h2"), ...versions]))
  for (let at = 0; at < message.length; at++)
    for (const octet of [0, 1, 0x16, 0x80, 0xff]) {
      const changed = [...message]
      changed[at] = octet
      const outcome = read(changed)
      expect(
        typeof outcome === "string" ? ["more", "none"].includes(outcome) : outcome.protocol !== null,
      ).toBe(true)
    }
})

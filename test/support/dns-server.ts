import { createSocket, type RemoteInfo } from "node:dgram"
import { type AddressInfo, createServer } from "node:net"
import type { TestContext } from "vitest"

/** What a name has; TTLs in seconds. `rcode` 2 is SERVFAIL, 3 NXDOMAIN, 5 REFUSED. */
export interface DnsRecords {
  ttl?: number
  a?: readonly string[]
  aaaa?: readonly string[]
  srv?: readonly { priority: number; weight: number; port: number; name: string }[]
  rcode?: number
  /** Of questions of this type alone. */
  rcodes?: Readonly<Record<string, number>>
  /** Every question is answered with this other name, as `cname`. */
  cname?: string
  /** By UDP only the head comes, with TC set: all has to be asked for by TCP. */
  isTruncated?: boolean
  /** Says nothing at all. */
  isSilent?: boolean
}

/** A name server on loopback. `names` may be changed while it runs; names that are not there do not exist. */
export class DnsServer {
  readonly names = new Map<string, DnsRecords>()
  /** `name type transport`, in order. */
  readonly questions: string[] = []
  address = ""

  static async start(t: Pick<TestContext, "onTestFinished">): Promise<DnsServer> {
    const server = new DnsServer()
    const tcp = createServer((socket) => {
      socket.on("error", () => {})
      socket.on("data", (octets: Buffer) => {
        const answer = server.#answer(octets.subarray(2), "tcp")
        if (answer === null) return
        const length = Buffer.alloc(2)
        length.writeUInt16BE(answer.length)
        socket.end(Buffer.concat([length, answer]))
      })
    })
    await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve))
    const { port } = tcp.address() as AddressInfo
    const udp = createSocket("udp4")
    udp.on("message", (octets: Buffer, from: RemoteInfo) => {
      const answer = server.#answer(octets, "udp")
      if (answer !== null) udp.send(answer, from.port, from.address)
    })
    await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve))
    server.address = `127.0.0.1:${port}`
    t.onTestFinished(async () => {
      udp.close()
      await new Promise((resolve) => tcp.close(resolve))
    })
    return server
  }

  #answer(question: Buffer, transport: "udp" | "tcp"): Buffer | null {
    const { name, type, end } = readQuestion(question)
    this.questions.push(`${name} ${TYPES[type] ?? type} ${transport}`)
    const records = this.names.get(name.toLowerCase()) ?? { rcode: 3 }
    if (records.isSilent === true) return null
    const rcode = records.rcode ?? records.rcodes?.[TYPES[type] ?? ""]
    const isTruncated = records.isTruncated === true && transport === "udp"
    const answers = rcode === undefined && !isTruncated ? dataOf(records, type) : []
    const head = Buffer.alloc(12)
    head.writeUInt16BE(question.readUInt16BE(0), 0)
    head.writeUInt16BE(0x8180 | (isTruncated ? 0x0200 : 0) | (rcode ?? 0), 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers.length, 6)
    const kind = records.cname === undefined ? type : CNAME
    const body = answers.map((data) => {
      const record = Buffer.alloc(12)
      record.writeUInt16BE(0xc00c, 0)
      record.writeUInt16BE(kind, 2)
      record.writeUInt16BE(1, 4)
      record.writeUInt32BE(records.ttl ?? 1, 6)
      record.writeUInt16BE(data.length, 10)
      return Buffer.concat([record, data])
    })
    return Buffer.concat([head, question.subarray(12, end), ...body])
  }
}

const A = 1
const AAAA = 28
const SRV = 33
const CNAME = 5
const TYPES: Readonly<Record<number, string>> = { [A]: "A", [AAAA]: "AAAA", [SRV]: "SRV" }

function readQuestion(octets: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  while (octets[at]! > 0) {
    labels.push(octets.toString("latin1", at + 1, at + 1 + octets[at]!))
    at += 1 + octets[at]!
  }
  return { name: labels.join("."), type: octets.readUInt16BE(at + 1), end: at + 5 }
}

function dataOf({ a = [], aaaa = [], srv = [], cname }: DnsRecords, type: number): Buffer[] {
  if (cname !== undefined) return [nameOctets(cname)]
  if (type === A) return a.map((address) => Buffer.from(address.split(".").map(Number)))
  if (type === AAAA) return aaaa.map(ipv6Octets)
  if (type !== SRV) return []
  return srv.map(({ priority, weight, port, name }) => {
    const numbers = Buffer.alloc(6)
    numbers.writeUInt16BE(priority, 0)
    numbers.writeUInt16BE(weight, 2)
    numbers.writeUInt16BE(port, 4)
    return Buffer.concat([numbers, nameOctets(name)])
  })
}

function nameOctets(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]))
  return Buffer.concat([...labels, Buffer.of(0)])
}

/** With at most one `::`. */
function ipv6Octets(address: string): Buffer {
  const [front = "", back = ""] = address.split("::")
  const words = (text: string) =>
    text === "" ? [] : text.split(":").map((word) => Number.parseInt(word, 16))
  const [first, last] = [words(front), words(back)]
  const octets = Buffer.alloc(16)
  for (const [index, word] of first.entries()) octets.writeUInt16BE(word, 2 * index)
  for (const [index, word] of last.entries()) octets.writeUInt16BE(word, 16 - 2 * (last.length - index))
  return octets
}

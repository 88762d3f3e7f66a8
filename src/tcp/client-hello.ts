import type { ClientHello } from "../record/record.ts"

const RECORD_HEAD_OCTETS = 5
const HANDSHAKE = 0x16
const CLIENT_HELLO = 1
const SERVER_NAME = 0
const ALPN = 16
const SUPPORTED_VERSIONS = 43

/** By major and minor version on the wire. */
const PROTOCOLS: Readonly<Record<string, string>> = {
  "0.2": "SSLv2",
  "3.0": "SSLv3",
  "3.1": "TLSv1",
  "3.2": "TLSv1.1",
  "3.3": "TLSv1.2",
  "3.4": "TLSv1.3",
}

/** `more`: it is not all there yet. `none`: it is no ClientHello, or a malformed one. */
export type HelloOutcome = ClientHello | "more" | "none"

/**
 * Reads the ClientHello at the start of a connection, in however many records and packets it comes.
 *
 * Cost: what was judged is not judged again but for the records of one handshake message, which a preread buffer bounds.
 * Source: RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301 §3.1; what counts as malformed, and when that is told, is nginx's
 * ngx_stream_ssl_preread_module.
 */
export class ClientHelloReader {
  /** Where the first record begins that is not yet whole. */
  #at = 0
  /** The payloads of the records before. */
  #handshake: Buffer = Buffer.alloc(0)

  /** @param octets all that has come so far, from the first one on */
  read(octets: Buffer): HelloOutcome {
    while (octets.length - this.#at >= RECORD_HEAD_OCTETS) {
      const head = octets.subarray(this.#at, this.#at + RECORD_HEAD_OCTETS)
      const [type, major, second, third, fourth] = head as unknown as [number, number, number, number, number]
      const isVersion2 = (type & 0x80) !== 0 && second === CLIENT_HELLO && (third === 0 || third === 3)
      if (isVersion2) return { protocol: protocolOf(third, fourth), serverName: "", alpnProtocols: "" }
      if (type !== HANDSHAKE || major !== 3) return "none"
      const end = this.#at + RECORD_HEAD_OCTETS + head.readUInt16BE(3)
      if (octets.length < end) return "more"
      const payload = octets.subarray(this.#at + RECORD_HEAD_OCTETS, end)
      this.#handshake = Buffer.concat([this.#handshake, payload])
      this.#at = end
      const outcome = readHandshake(this.#handshake)
      if (outcome !== "more") return outcome
    }
    return "more"
  }
}

function protocolOf(major: number, minor: number): string {
  return PROTOCOLS[`${major}.${minor}`] ?? ""
}

/** A handshake message that is read in order. Once it cannot go on, numbers are 0 and texts empty, and `stop` says why. */
class Message {
  /** Null: all that was asked for was there. */
  stop: "more" | "none" | null = null
  readonly #octets: Buffer
  #at = 0
  /** Of the message, as its head says. */
  #left: number

  constructor(octets: Buffer, length: number) {
    this.#octets = octets
    this.#left = length
  }

  get isOver(): boolean {
    return this.#left === 0 || this.stop !== null
  }

  /** Where the next `length` octets begin; -1: it cannot go on. */
  #take(length: number): number {
    const at = this.#at
    if (length > this.#left) this.stop ??= "none"
    else if (at + length > this.#octets.length) this.stop ??= "more"
    if (this.stop !== null) return -1
    this.#at += length
    this.#left -= length
    return at
  }

  skip(length: number): void {
    this.#take(length)
  }

  number(octets: 1 | 2): number {
    const at = this.#take(octets)
    return at < 0 ? 0 : this.#octets.readUIntBE(at, octets)
  }

  text(length: number): string {
    const at = this.#take(length)
    return at < 0 ? "" : this.#octets.toString("latin1", at, at + length)
  }

  malformed(): void {
    this.stop ??= "none"
  }
}

function readHandshake(octets: Buffer): HelloOutcome {
  if (octets.length < 4) return "more"
  if (octets[0] !== CLIENT_HELLO) return "none"
  const message = new Message(octets.subarray(4), octets.readUIntBE(1, 3))
  const hello = readHello(message)
  return message.stop ?? hello
}

const RANDOM_OCTETS = 32

function readHello(message: Message): ClientHello {
  let protocol = protocolOf(message.number(1), message.number(1))
  let serverName: string | null = null
  let alpnProtocols: string | null = null
  message.skip(RANDOM_OCTETS)
  message.skip(message.number(1)) // session id
  message.skip(message.number(2)) // cipher suites
  message.skip(message.number(1)) // compression methods
  if (!message.isOver) message.skip(2) // octets of all extensions
  while (!message.isOver) {
    const type = message.number(2)
    const length = message.number(2)
    if (type === SERVER_NAME && serverName === null) serverName = readServerName(message)
    else if (type === ALPN && alpnProtocols === null) alpnProtocols = readAlpn(message)
    else if (type === SUPPORTED_VERSIONS) {
      message.skip(message.number(1))
      protocol = "TLSv1.3"
    } else message.skip(length)
  }
  return { protocol, serverName: serverName ?? "", alpnProtocols: alpnProtocols ?? "" }
}

/** The first name of the list. */
function readServerName(message: Message): string {
  const listOctets = message.number(2)
  if (message.number(1) !== 0) message.malformed()
  const nameOctets = message.number(2)
  const rest = listOctets - 3 - nameOctets
  if (rest < 0) message.malformed()
  const name = message.text(nameOctets)
  message.skip(Math.max(0, rest))
  return name
}

function readAlpn(message: Message): string {
  const protocols: string[] = []
  let left = message.number(2)
  do {
    const length = message.number(1)
    left -= 1 + length
    if (length === 0 || left < 0) message.malformed()
    protocols.push(message.text(length))
  } while (left > 0 && message.stop === null)
  return protocols.join(",")
}

/**
 * The backends: one process that listens on as many ports as asked, echoes, pushes and counts.
 * Started by the benchmark with an IPC channel; arguments: how many ports, and how many more that speak TLS.
 */
import type { AddressInfo, Server } from "node:net"
import { PATHS, RESPONSE, RESPONSE_CONTINUED, TRAILERS_BAD, TRAILERS_OK } from "./calls.ts"
import type { Connection, ConnectionOwner } from "./connection.ts"
import { Failures } from "./failures.ts"
import { Flood } from "./flood.ts"
import { LABEL_OCTETS, MessageChecker, PREFIX_OCTETS, writeMessage } from "./message.ts"
import { listen, listenTls } from "./sockets.ts"
import type { Stream, StreamOwner } from "./stream.ts"

const failures = new Failures()
const floods = new WeakMap<Connection, Flood>()

/** What a backend sees vanish is no failure of its own: the client's end decides that. */
const owner: ConnectionOwner = {
  open: (connection, fields) => {
    if (fields.path === PATHS.echo) return echo
    if (fields.path === PATHS.continued) return continued
    if (fields.path === PATHS.push) return push(connection)
    if (fields.path === PATHS.sink) return new Sink()
    failures.add(`a call to "${fields.path}" came`)
    return refuse
  },
  lost: (connection) => floods.get(connection)?.clear(),
  room: (connection) => floods.get(connection)?.fill(),
}

/** Holds nothing of its own, so all streams share it. */
const echo: StreamOwner = {
  headers(stream, _fields, end) {
    stream.connection.headers(stream, RESPONSE, false)
    if (end) stream.connection.end(stream, TRAILERS_OK)
  },
  data(stream, bytes, from, to, end) {
    if (to > from) stream.connection.send(stream, bytes, from, to)
    if (end) stream.connection.end(stream, TRAILERS_OK)
  },
  reset() {},
}

const continued: StreamOwner = {
  ...echo,
  headers(stream, _fields, end) {
    stream.connection.headers(stream, RESPONSE_CONTINUED, false)
    if (end) stream.connection.end(stream, TRAILERS_OK)
  },
}

const refuse: StreamOwner = {
  headers(stream) {
    stream.connection.headers(stream, RESPONSE, false)
    stream.connection.end(stream, TRAILERS_BAD)
  },
  data() {},
  reset() {},
}

function push(connection: Connection): StreamOwner {
  let flood = floods.get(connection)
  if (flood === undefined) floods.set(connection, (flood = new Flood(connection)))
  return new Push(flood)
}

/** The request is an ordinary message: its key and size are those of the answer. */
class Push implements StreamOwner {
  readonly #flood: Flood
  #request: Buffer[] = []

  constructor(flood: Flood) {
    this.#flood = flood
  }

  headers(stream: Stream): void {
    stream.connection.headers(stream, RESPONSE, false)
  }

  data(stream: Stream, bytes: Buffer, from: number, to: number, end: boolean): void {
    this.#request.push(Buffer.from(bytes.subarray(from, to)))
    if (!end) return
    const request = Buffer.concat(this.#request)
    const octets = request.readUInt32BE(1)
    if (request.length !== PREFIX_OCTETS + octets) failures.add(`a push request of ${request.length} octets`)
    else this.#flood.add({ stream, key: request.readUInt32BE(PREFIX_OCTETS), octets, number: 0 })
  }

  reset(stream: Stream): void {
    this.#flood.remove(stream)
  }
}

/** Checks every octet; the size and key are those of the first message. */
class Sink implements StreamOwner {
  #first: Buffer = Buffer.alloc(0)
  #checker: MessageChecker | null = null
  #bad = false

  headers(stream: Stream, _fields: unknown, end: boolean): void {
    if (end) this.#answer(stream)
  }

  data(stream: Stream, bytes: Buffer, from: number, to: number, end: boolean): void {
    if (this.#checker === null) this.#begin(Buffer.from(bytes.subarray(from, to)))
    else this.#check(bytes, from, to)
    if (end) this.#answer(stream)
  }

  #begin(bytes: Buffer): void {
    this.#first = Buffer.concat([this.#first, bytes])
    if (this.#first.length < PREFIX_OCTETS + LABEL_OCTETS) return
    const octets = this.#first.readUInt32BE(1)
    this.#checker = new MessageChecker(octets, this.#first.readUInt32BE(PREFIX_OCTETS), 0)
    this.#check(this.#first, 0, this.#first.length)
  }

  #check(bytes: Buffer, from: number, to: number): void {
    if (this.#bad || this.#checker!.check(bytes, from, to) >= 0) return
    this.#bad = true
    failures.add("an uploaded message is not as it was sent")
  }

  #answer(stream: Stream): void {
    const reply = Buffer.alloc(PREFIX_OCTETS + LABEL_OCTETS)
    writeMessage(reply, 0, LABEL_OCTETS, this.#checker?.key ?? 0, this.#checker?.next ?? 0)
    stream.connection.headers(stream, RESPONSE, false)
    stream.connection.send(stream, reply, 0, reply.length)
    stream.connection.end(stream, this.#bad || this.#checker?.whole === false ? TRAILERS_BAD : TRAILERS_OK)
  }

  reset(): void {}
}

const [plain, secure] = await Promise.all(
  [listen, listenTls].map((open, index) =>
    Promise.all(Array.from({ length: Number(process.argv[2 + index]) }, () => open(owner))),
  ),
)
const portsOf = (servers: Server[] = []) => servers.map((server) => (server.address() as AddressInfo).port)
process.on("disconnect", () => process.exit())
process.on("message", () => process.send!({ failures: failures.count, first: failures.first }))
process.send!({ ports: portsOf(plain), tlsPorts: portsOf(secure) })

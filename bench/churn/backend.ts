/**
 * A backend of the churn suite, a process of its own that can be killed or frozen: it echoes numbered messages, checks
 * each octet that comes, says in each response which backend it is, answers health checks, and tells by IPC which
 * streams it has seen. Arguments: the port, the backend's number.
 */
import { once } from "node:events"
import { createServer } from "node:net"
import { BACKEND_FIELD, PATHS, RESPONSE, TRAILERS_BAD, TRAILERS_OK } from "../load/calls.ts"
import { Connection, type ConnectionOwner } from "../load/connection.ts"
import type { Fields } from "../load/header-reader.ts"
import type { FieldList } from "../load/header-writer.ts"
import { LABEL_OCTETS, MessageChecker, PREFIX_OCTETS } from "../load/message.ts"
import type { Stream, StreamOwner } from "../load/stream.ts"
import { type BackendReport, HEALTH_PATHS } from "./protocol.ts"

const REPORT_EVERY_MS = 20
const HEAD_OCTETS = PREFIX_OCTETS + LABEL_OCTETS
/** HealthCheckResponse { status: SERVING }, with its prefix. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01])

const [port, index] = process.argv.slice(2, 4).map(Number) as [number, number]
const head: FieldList = [...RESPONSE, [BACKEND_FIELD, String(index)]]
let told: BackendReport = { seen: [], wrong: 0 }

/** One stream. The key and size of its messages are those of the first. */
class Echo implements StreamOwner {
  #first: Buffer = Buffer.alloc(0)
  #checker: MessageChecker | null = null

  headers(stream: Stream): void {
    stream.connection.headers(stream, head, false)
  }

  data(stream: Stream, octets: Buffer, from: number, to: number, end: boolean): void {
    if (this.#checker === null) this.#begin(octets.subarray(from, to))
    else this.#check(this.#checker, octets, from, to)
    if (to > from) stream.connection.send(stream, octets, from, to)
    if (end) stream.connection.end(stream, this.#checker?.whole === false ? TRAILERS_BAD : TRAILERS_OK)
  }

  #begin(octets: Buffer): void {
    this.#first = Buffer.concat([this.#first, octets])
    if (this.#first.length < HEAD_OCTETS) return
    const key = this.#first.readUInt32BE(PREFIX_OCTETS)
    this.#checker = new MessageChecker(this.#first.readUInt32BE(1), key, 0)
    told.seen.push(key)
    this.#check(this.#checker, this.#first, 0, this.#first.length)
  }

  #check(checker: MessageChecker, octets: Buffer, from: number, to: number): void {
    if (checker.check(octets, from, to) < 0) told.wrong++
  }

  reset(): void {}
}

/** `grpc.health.v1.Health/Check`, and a GET for those that check health by HTTP. */
class Health implements StreamOwner {
  readonly #isGrpc: boolean

  constructor(path: string) {
    this.#isGrpc = path === HEALTH_PATHS.grpc
  }

  headers(stream: Stream, _fields: Fields, end: boolean): void {
    stream.connection.headers(stream, RESPONSE, !this.#isGrpc)
    if (end && this.#isGrpc) this.#serving(stream)
  }

  data(stream: Stream, _octets: Buffer, _from: number, _to: number, end: boolean): void {
    if (end && this.#isGrpc) this.#serving(stream)
  }

  #serving(stream: Stream): void {
    stream.connection.send(stream, SERVING, 0, SERVING.length)
    stream.connection.end(stream, TRAILERS_OK)
  }

  reset(): void {}
}

const owner: ConnectionOwner = {
  open: (_connection, { path }) => (path === PATHS.echo ? new Echo() : new Health(path)),
  lost: () => {},
  room: () => {},
}

function report(): void {
  if (told.seen.length === 0 && told.wrong === 0) return
  process.send!(told)
  told = { seen: [], wrong: 0 }
}

const server = createServer({ noDelay: true }, (socket) => {
  const connection = new Connection(socket, false, owner)
  socket.on("data", (octets) => connection.receive(octets, octets.length))
})
process.on("disconnect", () => process.exit())
server.listen({ host: "127.0.0.1", port, backlog: 4096 })
await once(server, "listening")
setInterval(report, REPORT_EVERY_MS)
process.send!({ listening: true })

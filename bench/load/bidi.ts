import { REQUESTS } from "./calls.ts"
import type { Connection, ConnectionOwner } from "./connection.ts"
import type { Fields } from "./header-reader.ts"
import { MessageChecker, PREFIX_OCTETS, writeMessage } from "./message.ts"
import type { Lane, Pace } from "./pace.ts"
import { dial } from "./sockets.ts"
import type { Stream, StreamOwner } from "./stream.ts"
import { Countdown, type Workload, type WorkloadContext, within } from "./workload.ts"

/** One long-lived echo stream: a message goes out, comes back, and only then may the next one go. */
class Chat implements StreamOwner, Lane {
  dueMs = 0
  busy = false
  overdue: number[] = []
  stream: Stream | null = null
  readonly key: number
  readonly checker: MessageChecker
  readonly #bidi: Bidi
  #number = 0

  constructor(bidi: Bidi, key: number, octets: number) {
    this.#bidi = bidi
    this.key = key
    this.checker = new MessageChecker(octets, key, 0)
  }

  fire(scratch: Buffer): void {
    this.busy = true
    const to = writeMessage(scratch, 0, this.checker.octets, this.key, this.#number++)
    this.stream!.connection.send(this.stream!, scratch, 0, to)
  }

  headers(stream: Stream, fields: Fields, end: boolean): void {
    if (end) this.#bidi.ended(this, stream, fields)
    else if (fields.status !== "200") this.#bidi.fail(`a response had :status ${fields.status}`)
  }

  data(_stream: Stream, bytes: Buffer, from: number, to: number, end: boolean): void {
    const completed = this.checker.check(bytes, from, to)
    if (completed < 0) this.#bidi.fail(`stream ${this.key}: an echoed octet is not the one sent`)
    else if (completed > 0) this.#bidi.echoed(this)
    if (end) this.#bidi.fail("a stream ended without trailers")
  }

  reset(_stream: Stream, code: number): void {
    this.#bidi.fail(`a stream was reset with code ${code}`)
  }
}

/** Ping-pong on `connections` x `streams` long-lived streams. */
export class Bidi implements Workload, ConnectionOwner {
  messages = 0
  readonly #context: WorkloadContext
  readonly #pace: Pace<Lane>
  readonly #chats: Chat[] = []
  readonly #connections: Connection[] = []
  readonly #scratch: Buffer
  readonly #primed: Countdown
  readonly #closed: Countdown
  #stopping = false

  constructor(context: WorkloadContext, pace: Pace<Lane>) {
    const { connections, streams, octets } = context.spec
    this.#context = context
    this.#pace = pace
    this.#scratch = Buffer.alloc(PREFIX_OCTETS + octets)
    this.#primed = new Countdown(connections * streams)
    this.#closed = new Countdown(connections * streams)
  }

  async start(): Promise<void> {
    const { spec, port, failures } = this.#context
    const request = spec.continued === true ? REQUESTS.continued : REQUESTS.echo
    for (let index = 0; index < spec.connections; index++) {
      const connection = await dial(port, spec.tls === true, this)
      this.#connections.push(connection)
      for (let stream = 0; stream < spec.streams; stream++) {
        const chat = new Chat(this, this.#chats.length, spec.octets)
        chat.stream = connection.open(request, chat)
        this.#chats.push(chat)
        chat.fire(this.#scratch)
      }
    }
    await within(this.#primed.done, failures, "not every stream echoed its first message")
    await this.#pace.begin(this.#chats, (lane) => (lane as Chat).fire(this.#scratch))
  }

  async stop(): Promise<void> {
    this.#pace.end()
    this.#stopping = true
    for (const chat of this.#chats) if (!chat.busy) this.#halfClose(chat)
    await within(this.#closed.done, this.#context.failures, "not every stream ended")
    for (const connection of this.#connections) connection.close()
  }

  echoed(chat: Chat): void {
    chat.busy = false
    this.messages++
    if (chat.checker.next === 1) this.#primed.step()
    if (this.#stopping) this.#halfClose(chat)
    else if (chat.checker.next > 1) this.#pace.finished(chat, performance.now())
  }

  #halfClose(chat: Chat): void {
    chat.stream!.connection.end(chat.stream!, "data")
  }

  ended(chat: Chat, stream: Stream, fields: Fields): void {
    this.#closed.step()
    const ending = `grpc-status ${fields.grpcStatus} ${fields.grpcMessage}`
    if (!stream.localEnded || !chat.checker.whole)
      this.fail(`a stream was ended by the other side: ${ending}`)
    if (fields.grpcStatus !== "0") this.fail(ending)
  }

  fail(reason: string): void {
    this.#context.failures.add(reason)
  }

  open(): StreamOwner {
    throw new Error("a server opened a stream")
  }

  lost(_connection: Connection, reason: string): void {
    this.fail(reason)
  }

  room(): void {}
}

import { REQUESTS } from "./calls.ts"
import type { Connection, ConnectionOwner } from "./connection.ts"
import { Flood, type Source } from "./flood.ts"
import type { Fields } from "./header-reader.ts"
import { LABEL_OCTETS, MessageChecker, PREFIX_OCTETS, writeMessage } from "./message.ts"
import { dial } from "./sockets.ts"
import type { Stream, StreamOwner } from "./stream.ts"
import { CANCEL } from "./wire.ts"
import { Countdown, type Workload, type WorkloadContext, within } from "./workload.ts"

/** Streams that carry messages one way only. What push and upload share. */
abstract class OneWay implements Workload, ConnectionOwner {
  protected readonly context: WorkloadContext
  protected readonly connections: Connection[] = []
  protected stopping = false

  constructor(context: WorkloadContext) {
    this.context = context
  }

  abstract get messages(): number
  protected abstract openStream(connection: Connection, key: number): void
  protected abstract get flowing(): Promise<void>
  abstract stop(): Promise<void>
  abstract room(connection: Connection): void

  async start(): Promise<void> {
    const { spec, port, failures } = this.context
    for (let index = 0; index < spec.connections; index++) {
      const connection = await dial(port, spec.tls === true, this)
      this.connections.push(connection)
      for (let stream = 0; stream < spec.streams; stream++) {
        this.openStream(connection, index * spec.streams + stream)
      }
    }
    await within(this.flowing, failures, "not every stream carried its first message")
  }

  fail(reason: string): void {
    this.context.failures.add(reason)
  }

  open(): StreamOwner {
    throw new Error("a server opened a stream")
  }

  lost(_connection: Connection, reason: string): void {
    this.fail(reason)
  }
}

/** One request per stream, then messages from the backend without end. */
export class Push extends OneWay {
  #messages = 0
  readonly #flowing: Countdown
  readonly #streams: Stream[] = []

  constructor(context: WorkloadContext) {
    super(context)
    this.#flowing = new Countdown(context.spec.connections * context.spec.streams)
  }

  get messages(): number {
    return this.#messages
  }

  protected get flowing(): Promise<void> {
    return this.#flowing.done
  }

  protected openStream(connection: Connection, key: number): void {
    const { octets } = this.context.spec
    const checker = new MessageChecker(octets, key, 0)
    const request = Buffer.alloc(PREFIX_OCTETS + octets)
    writeMessage(request, 0, octets, key, 0)
    const stream = connection.open(REQUESTS.push, {
      headers: (_stream, fields, end) => {
        if (end) this.fail(`a push stream ended: grpc-status ${fields.grpcStatus} ${fields.grpcMessage}`)
        else if (fields.status !== "200") this.fail(`a response had :status ${fields.status}`)
      },
      data: (_stream, bytes, from, to) => {
        const before = checker.next
        const completed = checker.check(bytes, from, to)
        if (completed < 0) return this.fail(`stream ${key}: a pushed octet is not the one sent`)
        if (before === 0 && completed > 0) this.#flowing.step()
        this.#messages += completed
      },
      reset: (_stream, code) => this.fail(`a push stream was reset with code ${code}`),
    })
    connection.send(stream, request, 0, request.length)
    connection.end(stream, "data")
    this.#streams.push(stream)
  }

  async stop(): Promise<void> {
    for (const stream of this.#streams) stream.connection.reset(stream, CANCEL)
    // One turn for the resets to leave before the sockets close.
    await new Promise((resolve) => setTimeout(resolve, 20))
    for (const connection of this.connections) connection.close()
  }

  room(): void {}
}

/** Messages to the backend without end; at the end it answers with how many came, and that must be all. */
export class Upload extends OneWay {
  readonly #floods = new Map<Connection, Flood>()
  readonly #sources: Source[] = []
  readonly #ended: Countdown

  constructor(context: WorkloadContext) {
    super(context)
    this.#ended = new Countdown(context.spec.connections * context.spec.streams)
  }

  /** Sent, not received: once the windows are full the two rates are one, and the end compares the sums. */
  get messages(): number {
    let messages = 0
    for (const flood of this.#floods.values()) messages += flood.messages
    return messages
  }

  protected get flowing(): Promise<void> {
    return Promise.resolve()
  }

  protected openStream(connection: Connection, key: number): void {
    let flood = this.#floods.get(connection)
    if (flood === undefined) this.#floods.set(connection, (flood = new Flood(connection)))
    const answer: Buffer[] = []
    const stream = connection.open(REQUESTS.sink, {
      headers: (_stream, fields, end) => {
        if (end) this.#check(source, Buffer.concat(answer), fields)
      },
      data: (_stream, bytes, from, to) => answer.push(Buffer.from(bytes.subarray(from, to))),
      reset: (_stream, code) => this.fail(`an upload was reset with code ${code}`),
    })
    const source: Source = { stream, key, octets: this.context.spec.octets, number: 0 }
    flood.add(source)
    this.#sources.push(source)
  }

  #check(source: Source, answer: Buffer, fields: Fields): void {
    this.#ended.step()
    const expected = Buffer.alloc(PREFIX_OCTETS + LABEL_OCTETS)
    writeMessage(expected, 0, LABEL_OCTETS, source.key, source.number)
    if (!this.stopping) this.fail("an upload was ended by the other side")
    else if (fields.grpcStatus !== "0") this.fail(`grpc-status ${fields.grpcStatus} ${fields.grpcMessage}`)
    else if (!answer.equals(expected)) this.fail(`of ${source.number} uploaded messages not all came`)
  }

  async stop(): Promise<void> {
    this.stopping = true
    for (const flood of this.#floods.values()) flood.clear()
    for (const { stream } of this.#sources) stream.connection.end(stream, "data")
    await within(this.#ended.done, this.context.failures, "not every upload ended")
    for (const connection of this.connections) connection.close()
  }

  room(connection: Connection): void {
    this.#floods.get(connection)?.fill()
  }
}

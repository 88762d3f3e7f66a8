import { REQUESTS } from "./calls.ts"
import type { Connection, ConnectionOwner } from "./connection.ts"
import type { Fields } from "./header-reader.ts"
import { MessageChecker, PREFIX_OCTETS, writeMessage } from "./message.ts"
import type { Lane, Pace } from "./pace.ts"
import { dial } from "./sockets.ts"
import type { Stream, StreamOwner } from "./stream.ts"
import { Countdown, type Workload, type WorkloadContext, within } from "./workload.ts"

/** A place for one call after another. */
class Caller implements StreamOwner, Lane {
  dueMs = 0
  busy = false
  overdue: number[] = []
  /** Null while its next call has to open a connection first. */
  connection: Connection | null = null
  calls = 0
  readonly key: number
  readonly checker: MessageChecker
  readonly #unary: Unary
  #status = ""
  #answers = 0

  constructor(unary: Unary, key: number, octets: number) {
    this.#unary = unary
    this.key = key
    this.checker = new MessageChecker(octets, key, 0)
  }

  call(connection: Connection, scratch: Buffer): void {
    this.#status = ""
    this.#answers = 0
    this.connection = connection
    const to = writeMessage(scratch, 0, this.checker.octets, this.key, this.calls++)
    const stream = connection.open(REQUESTS.echo, this)
    if (stream.sendWindow >= to && connection.sendWindow >= to) {
      const { buffer, at } = connection.reserveData(stream, to, true)
      scratch.copy(buffer, at, 0, to)
      return
    }
    connection.send(stream, scratch, 0, to)
    connection.end(stream, "data")
  }

  headers(_stream: Stream, fields: Fields, end: boolean): void {
    // Of an answer without octets the trailers are the head too.
    if (this.#status === "") this.#status = fields.status
    if (!end) return
    if (this.#status !== "200") this.#unary.fail(`a response had :status ${this.#status}`)
    else if (fields.grpcStatus !== "0")
      this.#unary.fail(`grpc-status ${fields.grpcStatus} ${fields.grpcMessage}`)
    else if (this.#answers !== 1 || !this.checker.whole)
      this.#unary.fail(`${this.#answers} answers to a call`)
    else this.#unary.answered(this)
  }

  data(_stream: Stream, bytes: Buffer, from: number, to: number, end: boolean): void {
    const completed = this.checker.check(bytes, from, to)
    if (completed < 0) this.#unary.fail("an answered octet is not the one sent")
    this.#answers += completed
    if (end) this.#unary.fail("a call ended without trailers")
  }

  reset(_stream: Stream, code: number): void {
    this.#unary.fail(`a call was reset with code ${code}`)
  }
}

/** Calls of one message each way; with `kind: "connect"` each on a connection of its own. */
export class Unary implements Workload, ConnectionOwner {
  messages = 0
  readonly #context: WorkloadContext
  readonly #pace: Pace<Lane>
  readonly #callers: Caller[] = []
  readonly #connections: Connection[] = []
  readonly #scratch: Buffer
  readonly #primed: Countdown
  readonly #idle: Countdown
  #stopping = false

  constructor(context: WorkloadContext, pace: Pace<Lane>) {
    const { connections, streams, octets } = context.spec
    this.#context = context
    this.#pace = pace
    this.#scratch = Buffer.alloc(PREFIX_OCTETS + octets)
    this.#primed = new Countdown(connections * streams)
    this.#idle = new Countdown(connections * streams)
  }

  get #reconnects(): boolean {
    return this.#context.spec.kind === "connect"
  }

  async start(): Promise<void> {
    const { spec, port, failures } = this.#context
    for (let index = 0; index < spec.connections; index++) {
      const connection = this.#reconnects ? null : await dial(port, spec.tls === true, this)
      if (connection !== null) this.#connections.push(connection)
      for (let stream = 0; stream < spec.streams; stream++) {
        const caller = new Caller(this, this.#callers.length, spec.octets)
        caller.connection = connection
        this.#callers.push(caller)
        this.#fire(caller)
      }
    }
    await within(this.#primed.done, failures, "not every first call was answered")
    await this.#pace.begin(this.#callers, (lane) => this.#fire(lane as Caller))
  }

  #fire(caller: Caller): void {
    caller.busy = true
    if (caller.connection !== null) caller.call(caller.connection, this.#scratch)
    else
      dial(this.#context.port, this.#context.spec.tls === true, this).then(
        (connection) => caller.call(connection, this.#scratch),
        (error: Error) => this.fail(`could not connect: ${error.message}`),
      )
  }

  async stop(): Promise<void> {
    this.#pace.end()
    this.#stopping = true
    for (const caller of this.#callers) if (!caller.busy) this.#idle.step()
    await within(this.#idle.done, this.#context.failures, "not every call was answered")
    for (const connection of this.#connections) connection.close()
  }

  answered(caller: Caller): void {
    caller.busy = false
    this.messages++
    if (this.#reconnects) {
      caller.connection!.close()
      caller.connection = null
    }
    if (caller.calls === 1) this.#primed.step()
    if (this.#stopping) this.#idle.step()
    else if (caller.calls > 1) this.#pace.finished(caller, performance.now())
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

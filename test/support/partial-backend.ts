import * as grpc from "@grpc/grpc-js"
import { FieldReader } from "../../src/grpc/field-reader.ts"
import { withField } from "../../src/grpc/field-writer.ts"
import { echoService } from "./test-bed.ts"

const INTO = 6
const FROM = 4
const NO_MESSAGE = Buffer.alloc(0)

/** Field `field` of a message, as text; empty: there is none. */
export function textOf(message: Buffer, field: number): string {
  const reader = new FieldReader([field], 1000)
  reader.begin(message.length)
  reader.push(message, 0, message.length)
  return reader.finish()?.octets.toString() ?? ""
}

/** Field `field`, as a number below 128. */
export function numberOf(message: Buffer, field: number): number {
  const reader = new FieldReader([field], 1000)
  reader.begin(message.length)
  reader.push(message, 0, message.length)
  return reader.finish()?.octets[0] ?? 0
}

export function withText(message: Buffer, field: number, text: string): Buffer {
  return withField(message, [field], { wireType: 2, octets: Buffer.from(text) })!
}

export interface PartialOptions {
  readonly name: string
  /** Results of a stream. */
  readonly many: number
  /** Every so-manieth result has a resume token. */
  readonly tokenEvery: number
}

/**
 * A backend whose streams resume by a token in the request, as Spanner's do: `many` results, `r1`, `r2` … in field 2, and
 * every `tokenEvery`-th says in field 4 where it stands. It sends no more results than the test asks for.
 */
export class PartialBackend {
  port = 0
  readonly name: string
  /** First messages that came. */
  readonly requests: Buffer[] = []
  readonly #options: PartialOptions
  #server = new grpc.Server()
  readonly #streams = new Set<{ next: number; call: grpc.ServerDuplexStream<Buffer, Buffer> }>()

  constructor(options: PartialOptions) {
    this.#options = options
    this.name = options.name
  }

  async start(): Promise<void> {
    this.#server = new grpc.Server()
    const serve = (call: grpc.ServerDuplexStream<Buffer, Buffer>): void => this.#serve(call)
    this.#server.addService(echoService, { Chat: serve } as never)
    this.port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(
        `127.0.0.1:${this.port}`,
        grpc.ServerCredentials.createInsecure(),
        (error, port) => (error === null ? resolve(port) : reject(error)),
      )
    })
  }

  async close(): Promise<void> {
    this.#streams.clear()
    this.#server.forceShutdown()
  }

  #serve(call: grpc.ServerDuplexStream<Buffer, Buffer>): void {
    call.once("data", (request: Buffer) => {
      this.requests.push(request)
      const stream = { next: Number(textOf(request, INTO)) + 1, call }
      this.#streams.add(stream)
      call.on("cancelled", () => this.#streams.delete(stream))
    })
    call.sendMetadata(new grpc.Metadata())
  }

  get isServing(): boolean {
    return this.#streams.size > 0
  }

  /** Every stream gives its results up to this one; the last of all ends it. */
  giveUntil(result: number): void {
    const { many, tokenEvery } = this.#options
    for (const stream of this.#streams) {
      for (; stream.next <= Math.min(result, many); stream.next++) {
        const one = withText(NO_MESSAGE, 2, `r${stream.next}`)
        stream.call.write(stream.next % tokenEvery === 0 ? withText(one, FROM, String(stream.next)) : one)
      }
      if (stream.next > many && this.#streams.delete(stream)) stream.call.end()
    }
  }

  /** Every stream ends with a status. */
  fail(code: grpc.status): void {
    for (const { call } of this.#streams) call.emit("error", { code, details: "said by the backend" })
    this.#streams.clear()
  }
}

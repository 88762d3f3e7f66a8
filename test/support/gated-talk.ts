import * as grpc from "@grpc/grpc-js"
import { toServiceDefinition } from "../../examples/chat/grpc-service.ts"
import { ReflectionService } from "../../examples/chat/reflection-service.ts"
import { Talk, type Word, word } from "./talk-backend.ts"
import { EchoBackend } from "./test-bed.ts"

/**
 * A grpc-js server of Talk that knows nothing of continuity. Count says 1 to `number`, or from after `inner.number`, which is a
 * resume token; Chat gives each word back. No stream says more than `most` words. Heads come with the first word.
 */
export class GatedTalk extends EchoBackend {
  /** Requests of Count. */
  readonly requests: Word[] = []
  #most = 0
  #server = new grpc.Server()
  readonly #wakes = new Set<() => void>()

  override async start(): Promise<void> {
    this.#server = new grpc.Server()
    this.#server.addService(toServiceDefinition(Talk), {
      Count: (call: grpc.ServerWritableStream<Word, Word>) => this.#count(call),
      Chat: (call: grpc.ServerDuplexStream<Word, Word>) => this.#chat(call),
    })
    const reflection = new ReflectionService([Talk])
    for (const each of reflection.definitions) this.#server.addService(each, { ...reflection.implementation })
    this.port = await new Promise<number>((resolve, reject) => {
      const credentials = grpc.ServerCredentials.createInsecure()
      this.#server.bindAsync(`127.0.0.1:${this.port}`, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
  }

  /** Dies: every connection breaks. */
  override async close(): Promise<void> {
    this.#wakes.clear()
    this.#server.forceShutdown()
  }

  allow(words: number): void {
    this.#most = words
    for (const wake of [...this.#wakes]) wake()
  }

  #count(call: grpc.ServerWritableStream<Word, Word>): void {
    this.requests.push(call.request)
    const { number, inner } = call.request as Word & { inner?: Word }
    let next = Number(inner?.number ?? 0) + 1
    const step = (): void => {
      for (; next <= Math.min(this.#most, Number(number)); next++) call.write(word({ number: BigInt(next) }))
      if (next > Number(number) && this.#wakes.delete(step)) call.end()
    }
    this.#wakes.add(step)
    step()
  }

  #chat(call: grpc.ServerDuplexStream<Word, Word>): void {
    const waiting: Word[] = []
    let isEnded = false
    const step = (): void => {
      while (waiting.length > 0 && Number(waiting[0]!.number) <= this.#most) call.write(waiting.shift()!)
      if (isEnded && waiting.length === 0 && this.#wakes.delete(step)) call.end()
    }
    this.#wakes.add(step)
    call.on("data", (one: Word) => {
      waiting.push(one)
      step()
    })
    call.on("end", () => {
      isEnded = true
      step()
    })
  }
}

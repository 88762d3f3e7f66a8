import { join } from "node:path"
import * as grpc from "@grpc/grpc-js"
import { loadSync } from "@grpc/proto-loader"
import type { TestContext } from "vitest"

/** A message as proto-loader has it. */
// biome-ignore lint/suspicious/noExplicitAny: proto-loader has no types for messages
export type Message = Record<string, any>

const SERVICES = {
  "ext-authz": "envoy.service.auth.v3.Authorization",
  "rate-limit": "envoy.service.ratelimit.v3.RateLimitService",
} as const

/** What a service answers; null: nothing, ever. */
export type Answer = Message | grpc.ServiceError | null

/** A grpc-js server of one of Envoy's services, by the published definitions. */
export class EnvoyService {
  /** What it was asked, in order. */
  readonly asked: Message[] = []
  /** The question's metadata, of the last one. */
  metadata = new grpc.Metadata()
  answer: (question: Message) => Answer
  port = 0
  readonly #server = new grpc.Server()

  private constructor(answer: (question: Message) => Answer) {
    this.answer = answer
  }

  static async start(
    t: TestContext,
    kind: keyof typeof SERVICES,
    answer: (question: Message) => Answer,
  ): Promise<EnvoyService> {
    const service = new EnvoyService(answer)
    const file = join(import.meta.dirname, `${kind}.proto`)
    const definition = loadSync(file, { keepCase: true, longs: Number, enums: String })[SERVICES[kind]]
    const handle: grpc.handleUnaryCall<Message, Message> = ({ request, metadata }, done) => {
      service.asked.push(request)
      service.metadata = metadata
      const said = service.answer(request)
      if (said instanceof Error) done(said)
      else if (said !== null) done(null, said)
    }
    const [method] = Object.keys(definition as grpc.ServiceDefinition)
    service.#server.addService(definition as grpc.ServiceDefinition, { [method!]: handle })
    service.port = await new Promise((resolve, reject) => {
      const credentials = grpc.ServerCredentials.createInsecure()
      service.#server.bindAsync("127.0.0.1:0", credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
    t.onTestFinished(() => service.close())
    return service
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  close(): void {
    this.#server.forceShutdown()
  }
}

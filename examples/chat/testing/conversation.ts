import { type Metadata, type ServiceError, type StatusObject, status } from "@grpc/grpc-js"
import { type ChatCall, ChatClient } from "../chat-client.ts"
import { SERVER_NAME_HEADER } from "../chat-service.ts"

/** One chat stream, spoken and heard a message at a time. */
export class Conversation {
  /** How the stream ended. Never rejects. */
  readonly outcome: Promise<{ code: string; details: string }>
  /** What the server calls itself; empty when it did not say. */
  readonly serverName: Promise<string>
  readonly #call: ChatCall
  readonly #heard: string[] = []
  #listener: (() => void) | undefined
  #ended = false

  constructor(client: ChatClient) {
    this.#call = client.bidStream()
    this.serverName = new Promise((resolve) => {
      this.#call.once("metadata", (metadata: Metadata) =>
        resolve(String(metadata.get(SERVER_NAME_HEADER)[0] ?? "")),
      )
    })
    this.outcome = new Promise((resolve) => {
      this.#call.once("status", (end: StatusObject) => {
        this.#ended = true
        this.#listener?.()
        resolve({ code: status[end.code]!, details: end.details })
      })
    })
    this.#call.on("error", (_alsoTheStatus: ServiceError) => {})
    this.#call.on("data", (response) => {
      this.#heard.push(response.output)
      this.#listener?.()
    })
  }

  say(...inputs: string[]): this {
    for (const input of inputs) this.#call.write({ input })
    return this
  }

  /** The next `count` outputs; fewer when the stream ends first. */
  async hear(count: number): Promise<string[]> {
    while (this.#heard.length < count && !this.#ended) {
      await new Promise<void>((resolve) => (this.#listener = resolve))
    }
    return this.#heard.splice(0, count)
  }

  halfClose(): this {
    this.#call.end()
    return this
  }

  cancel(): void {
    this.#call.cancel()
  }
}

/** Says all inputs, half-closes, and tells all that came back. */
export async function converse(server: string, inputs: readonly string[]) {
  const client = new ChatClient(server)
  const conversation = new Conversation(client).say(...inputs).halfClose()
  const { code } = await conversation.outcome
  client.close()
  return { outputs: await conversation.hear(Number.POSITIVE_INFINITY), code }
}

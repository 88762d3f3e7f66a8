import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js"
import { Chat, type Response } from "./gen/chat_pb.ts"
import { toMethodDefinition } from "./grpc-service.ts"

const bidStream = toMethodDefinition(Chat.method.bidStream)

export type ChatCall = ClientDuplexStream<{ input: string }, Response>

/** A gRPC channel to one `host:port`, in clear text. It connects on the first call and carries any number of them. */
export class ChatClient {
  readonly #client: Client

  constructor(server: string) {
    this.#client = new Client(server, credentials.createInsecure())
  }

  bidStream(): ChatCall {
    const { path, requestSerialize, responseDeserialize } = bidStream
    return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize) as ChatCall
  }

  /** Calls back once the channel is connected; not at all when it is closed before. */
  onReady(callback: () => void): void {
    this.#client.waitForReady(Number.POSITIVE_INFINITY, (error) => {
      if (error === undefined) callback()
    })
  }

  close(): void {
    this.#client.close()
  }
}

/** What a page does in a browser test: a conversation by `sluice/web`, whose messages are numbered. */
import { createClient } from "@connectrpc/connect"
import { Chat } from "../../examples/chat/gen/chat_pb.ts"
import { createWebSocketTransport } from "../../src/web/index.ts"

/** Between two messages. */
const EVERY_MS = 5

/** What has come of it. */
export interface PageTalk {
  said: number
  readonly heard: string[]
  /** Empty: it goes on. */
  end: string
}

/** Says `many` messages, one after the other whatever is answered, to the first of `addresses` that serves. */
function talk(addresses: [string, ...string[]], many: number): PageTalk {
  const state: PageTalk = { said: 0, heard: [], end: "" }
  async function* inputs(): AsyncGenerator<{ input: string }> {
    while (state.said < many) {
      yield { input: String(++state.said) }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
  }
  const transport = createWebSocketTransport({ baseUrl: addresses, continuity: {} })
  const listen = async (): Promise<void> => {
    for await (const { output } of createClient(Chat, transport).bidStream(inputs())) state.heard.push(output)
  }
  listen().then(
    () => (state.end = "OK"),
    (error: unknown) => (state.end = String(error)),
  )
  return state
}

Object.assign(globalThis, { talk })

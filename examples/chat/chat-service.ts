import { Metadata, type ServerDuplexStream, type ServiceDefinition, status } from "@grpc/grpc-js"
import { ChatLeg, refusal } from "./chat-continuity.ts"
import { Chat, type Request } from "./gen/chat_pb.ts"
import { toServiceDefinition } from "./grpc-service.ts"

/** Typed without its line end; the whole line is what a terminal client sends. */
export const END_COMMAND = "结束对话"
export const STREAM_COMMAND = "返回数据流"
/** A lone line feed: what the terminal client sends for an empty line, as the series' client does. */
export const HEARTBEAT = "\n"
const STREAM_LENGTH = 10

/** Initial metadata that names the server, so that people can see which one they were given. */
export const SERVER_NAME_HEADER = "x-chat-server"

export type Answer =
  | { kind: "reply"; outputs: string[] }
  /** The outputs, then the stream ends with OK. */
  | { kind: "farewell"; outputs: string[] }
  | { kind: "heartbeat" }

/** What one input is answered with. Pure. */
export function answerTo(input: string): Answer {
  if (input === HEARTBEAT) return { kind: "heartbeat" }
  switch (withoutLineEnd(input)) {
    case END_COMMAND:
      return { kind: "farewell", outputs: ["收到结束指令"] }
    case STREAM_COMMAND:
      return {
        kind: "reply",
        outputs: Array.from({ length: STREAM_LENGTH }, (_, index) => `数据流 #${index}`),
      }
    default:
      return { kind: "reply", outputs: [`服务端返回: ${input}`] }
  }
}

function withoutLineEnd(input: string): string {
  return input.endsWith("\n") ? input.slice(0, -1) : input
}

type Conversation = ServerDuplexStream<Request, { output: string }>

/** `chat.Chat` on grpc-js: one conversation per stream, each answered in the order it was spoken. */
export class ChatService {
  readonly definition: ServiceDefinition = toServiceDefinition(Chat)
  readonly implementation = { BidStream: (call: Conversation) => this.#converse(call) }
  readonly #name: string
  readonly #log: (line: string) => void
  /** The conversations now open, each with the way to end it from outside; `mayStay`: where it cannot be handed off. */
  readonly #open = new Map<Conversation, (reason: string, mayStay: boolean) => void>()
  /** Why no more conversations are taken; undefined while they are. */
  #closedFor: string | undefined

  constructor(options: { name: string; log: (line: string) => void }) {
    this.#name = options.name
    this.#log = options.log
  }

  get conversationsOpen(): number {
    return this.#open.size
  }

  /** Ends every conversation, open or still to come, with UNAVAILABLE: a client may well try elsewhere. */
  endAll(reason: string): void {
    this.#closedFor = reason
    for (const end of this.#open.values()) end(reason, false)
  }

  /** Hands every conversation to another server, where a proxy before this one goes along with it. */
  handOffAll(reason: string): void {
    for (const end of this.#open.values()) end(reason, true)
  }

  #converse(call: Conversation): void {
    if (this.#closedFor !== undefined) {
      call.emit("error", { code: status.UNAVAILABLE, details: this.#closedFor })
      return
    }
    const leg = ChatLeg.of(call.metadata)
    if (typeof leg === "string") {
      call.emit("error", { code: status.UNAVAILABLE, details: leg, metadata: refusal(leg) })
      return
    }
    const metadata = new Metadata()
    metadata.set(SERVER_NAME_HEADER, this.#name)
    leg?.accept(metadata)
    call.sendMetadata(metadata)

    /** Only the first reason to end counts: what comes after it is neither answered nor logged. */
    const leave = () => this.#open.delete(call)
    this.#open.set(call, (reason, mayStay) => {
      const handoff = leg?.handOff() ?? null
      if ((handoff === null && mayStay) || !leave()) return
      call.emit("error", { code: status.UNAVAILABLE, details: reason, metadata: handoff })
    })
    call.on("data", (request: Request) => {
      if (!this.#open.has(call)) return
      const answer = answerTo(request.input)
      const all = answer.kind === "heartbeat" ? [] : answer.outputs
      const outputs = leg === null ? all : leg.answered(all)
      if (answer.kind === "heartbeat") return this.#log("收到心跳包")
      let room = true
      for (const output of outputs) room = call.write({ output })
      // What another server has answered comes again when that one is gone; the client has its answer.
      if (outputs.length > 0) this.#log(`[收到消息]: ${withoutLineEnd(request.input)}`)
      // A client that does not read is not read from either: nothing piles up here.
      if (!room) call.pause()
      if (answer.kind === "farewell" && leave()) call.end()
    })
    call.on("drain", () => call.resume())
    call.on("end", () => {
      // A reset, too, is "end" first and "cancelled" a turn later.
      setImmediate(() => {
        if (!leave()) return
        this.#log("客户端发送的数据流结束")
        call.end()
      })
    })
    call.on("cancelled", () => {
      if (leave()) this.#log("收到客户端通过context发出的终止信号")
    })
    call.on("error", (error: Error) => {
      if (leave()) this.#log(`接收数据出错: ${error.message}`)
    })
  }
}

import type { EventEmitter } from "node:events"
import {
  clone,
  create,
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
  fromBinary,
  fromJson,
  toBinary,
} from "@bufbuild/protobuf"
import { AnySchema, anyPack, type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import * as grpc from "@grpc/grpc-js"
import { toServiceDefinition } from "../../examples/chat/grpc-service.ts"
import { ReflectionService } from "../../examples/chat/reflection-service.ts"
import { EchoBackend } from "./test-bed.ts"

const field = (name: string, number: number, type: string, more: object = {}) => {
  return { name, number, type: `TYPE_${type}`, label: "LABEL_OPTIONAL", ...more }
}
const method = (name: string, clientStreaming: boolean, serverStreaming: boolean, more: object = {}) => {
  return {
    name,
    inputType: ".talk.Word",
    outputType: ".talk.Word",
    clientStreaming,
    serverStreaming,
    ...more,
  }
}

/** A service of one method of each kind, for clients that know its types. */
export const talkDescriptors = fromJson(FileDescriptorSetSchema, {
  file: [
    {
      name: "talk.proto",
      package: "talk",
      syntax: "proto3",
      messageType: [
        {
          name: "Word",
          field: [
            field("text", 1, "STRING"),
            field("number", 2, "INT64"),
            field("octets", 3, "BYTES"),
            field("more", 4, "MESSAGE", { label: "LABEL_REPEATED", typeName: ".talk.Word" }),
            field("inner", 5, "MESSAGE", { typeName: ".talk.Word" }),
          ],
        },
      ],
      service: [
        {
          name: "Talk",
          method: [
            method("Say", false, false),
            method("Look", false, false, { options: { idempotencyLevel: "NO_SIDE_EFFECTS" } }),
            method("Count", false, true),
            method("Gather", true, false),
            method("Chat", true, true),
          ],
        },
      ],
    },
  ],
})

/** Without JSON names, as the descriptors of C++ and Python backends are. */
const bareTalk: DescService = createFileRegistry(talkDescriptors).getService("talk.Talk")!

export const talkRegistry: FileRegistry = createFileRegistry(withJsonNames(talkDescriptors))
export const Talk: DescService = talkRegistry.getService("talk.Talk")!
export const WordSchema: DescMessage = talkRegistry.getMessage("talk.Word")!

export const talkMethod = (name: string): DescMethod => Talk.methods.find((each) => each.name === name)!

export interface Word {
  text: string
  number: bigint
  octets: Uint8Array
  more: Word[]
}

export const word = (fields: Partial<Word>): Word =>
  create(WordSchema, fields as Record<string, unknown>) as unknown as Word
export const wordOctets = (fields: Partial<Word>): Uint8Array => toBinary(WordSchema, word(fields) as never)
export const readWord = (octets: Uint8Array): Word => fromBinary(WordSchema, octets) as unknown as Word

/** All names here are one word, and so are their own JSON names. */
function withJsonNames(set: FileDescriptorSet): FileDescriptorSet {
  const copy = clone(FileDescriptorSetSchema, set)
  for (const { field: fields } of copy.file[0]!.messageType) for (const one of fields) one.jsonName = one.name
  return copy
}

/** What the backend saw of a call. */
export interface SeenCall {
  readonly method: string
  readonly metadata: grpc.Metadata
  /** Or over in another way: grpc-js says it of every call in the end. */
  isCancelled: boolean
}

type AnyCall =
  | grpc.ServerUnaryCall<Word, Word>
  | grpc.ServerWritableStream<Word, Word>
  | grpc.ServerDuplexStream<Word, Word>

/**
 * A grpc-js server of Talk.
 *
 * Say and Look give the word back, with `x-echo` as `x-initial` and `x-trailing`; the text `fail` fails with a detail,
 * `compute` never answers. Count sends `number` words; with the text `hang` it never ends. Gather sums up numbers. Chat
 * gives each word back, fails at `fail`, and ends with its client.
 */
export class TalkBackend extends EchoBackend {
  readonly calls: SeenCall[] = []
  /** Server reflection is called and does not answer. */
  hangsReflection = false
  readonly #hasReflection: boolean
  #talk = new grpc.Server()

  constructor(options: { hasReflection?: boolean } = {}) {
    super("talk")
    this.#hasReflection = options.hasReflection ?? true
  }

  override async start(): Promise<void> {
    const server = new grpc.Server({
      "grpc.max_receive_message_length": -1,
      "grpc.max_concurrent_streams": 10_000,
    })
    this.#talk = server
    server.addService(toServiceDefinition(Talk), this.#handlers())
    if (this.#hasReflection) {
      const reflection = new ReflectionService([bareTalk])
      const answers = reflection.implementation.ServerReflectionInfo
      const ServerReflectionInfo: typeof answers = (call) => {
        if (this.hangsReflection) call.resume()
        else answers(call)
      }
      for (const definition of reflection.definitions) server.addService(definition, { ServerReflectionInfo })
    }
    const credentials = grpc.ServerCredentials.createInsecure()
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.port}`, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
  }

  override async close(): Promise<void> {
    this.#talk.forceShutdown()
  }

  #see(method: string, call: AnyCall): grpc.Metadata {
    const seen: SeenCall = { method, metadata: call.metadata, isCancelled: false }
    this.calls.push(seen)
    const emitter: EventEmitter = call
    emitter.on("cancelled", () => (seen.isCancelled = true))
    emitter.on("error", () => {})
    const initial = new grpc.Metadata()
    for (const value of call.metadata.get("x-echo")) initial.add("x-initial", value)
    call.sendMetadata(initial)
    const trailers = new grpc.Metadata()
    for (const value of call.metadata.get("x-echo")) trailers.add("x-trailing", value)
    return trailers
  }

  #handlers(): grpc.UntypedServiceImplementation {
    const unary =
      (name: string) => (call: grpc.ServerUnaryCall<Word, Word>, callback: grpc.sendUnaryData<Word>) => {
        const trailers = this.#see(name, call)
        if (call.request.text === "fail") callback(failure(trailers))
        else if (call.request.text !== "compute") callback(null, call.request, trailers)
      }
    return {
      Say: unary("Say"),
      Look: unary("Look"),
      Count: (call: grpc.ServerWritableStream<Word, Word>) => {
        const trailers = this.#see("Count", call)
        const { number, text, octets } = call.request
        for (let i = 0n; i < number; i++) call.write(word({ number: i, octets }))
        if (text === "fail") call.emit("error", failure(trailers))
        else if (text !== "hang") call.end(trailers)
      },
      Gather: (call: grpc.ServerReadableStream<Word, Word>, callback: grpc.sendUnaryData<Word>) => {
        const trailers = this.#see("Gather", call as never)
        let sum = 0n
        call.on("data", ({ number }: Word) => (sum += number))
        call.on("end", () => callback(null, word({ number: sum }), trailers))
      },
      Chat: (call: grpc.ServerDuplexStream<Word, Word>) => {
        const trailers = this.#see("Chat", call)
        call.on("data", (said: Word) => {
          if (said.text === "fail") return call.emit("error", failure(trailers))
          if (said.text !== "compute" && !call.write(said)) call.pause()
        })
        call.on("drain", () => call.resume())
        call.on("end", () => call.end(trailers))
      },
    }
  }
}

/** FAILED_PRECONDITION with a message beyond ASCII and a word as its detail. */
function failure(metadata: grpc.Metadata): Partial<grpc.StatusObject> & Error {
  const detail = anyPack(WordSchema, word({ text: "why" }) as never)
  const any = toBinary(AnySchema, detail)
  const message = Buffer.from("no: 不")
  // google.rpc.Status, which grpc-js has no codec for: code (1), message (2), details (3).
  const status = Buffer.from([
    0x08,
    grpc.status.FAILED_PRECONDITION,
    0x12,
    message.length,
    ...message,
    0x1a,
    any.length,
    ...any,
  ])
  metadata.set("grpc-status-details-bin", status)
  const error = new Error("no: 不")
  return Object.assign(error, { code: grpc.status.FAILED_PRECONDITION, details: "no: 不", metadata })
}

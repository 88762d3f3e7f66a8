import { create, fromBinary, fromJson, toBinary } from "@bufbuild/protobuf"
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import * as grpc from "@grpc/grpc-js"
import {
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "../../examples/chat/gen/grpc/reflection/v1/reflection_pb.ts"
import { EchoBackend } from "./test-bed.ts"

const octets = (value: Buffer): Buffer => value
const definition = (path: string, isStream: boolean) => ({
  path,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: octets,
  requestDeserialize: octets,
  responseSerialize: octets,
  responseDeserialize: octets,
})

/** A file with the service `shop.Shop`: `Get` is unary, `Chat` a conversation, both of `shop.Item` with these fields. */
export function shopFile(
  fields: Record<string, string>,
  more: Partial<Record<string, unknown>> = {},
): FileDescriptorProto {
  const field = Object.entries(fields).map(([name, type], index) => ({
    name,
    number: index + 1,
    label: name.endsWith("s") ? "LABEL_REPEATED" : "LABEL_OPTIONAL",
    ...(type.startsWith(".") ? { type: "TYPE_MESSAGE", typeName: type } : { type: `TYPE_${type}` }),
  }))
  const types = { inputType: ".shop.Item", outputType: ".shop.Item" }
  return fromJson(FileDescriptorProtoSchema, {
    name: "shop.proto",
    package: "shop",
    syntax: "proto3",
    messageType: [{ name: "Item", field }],
    service: [
      {
        name: "Shop",
        method: [
          { name: "Get", ...types },
          { name: "Chat", ...types, clientStreaming: true, serverStreaming: true },
        ],
      },
    ],
    ...more,
  } as never)
}

/** A server of `shop.Shop`, told what it describes and what it answers. */
export class TypedBackend extends EchoBackend {
  files: readonly FileDescriptorProto[]
  /** Messages are compressed whether or not they may be: the default of some servers. */
  compresses = false
  /** `authorization` that reflection and calls must show. */
  token: string | null = null
  /** Reflection sends a file alone, not with all that it imports. */
  sendsFilesAlone = false
  /** Of a message that came to a method. */
  answer: (message: Buffer) => Buffer = (message) => message
  /** What came: methods by name, and what was asked of reflection. */
  readonly seen: string[] = []
  #shop = new grpc.Server()

  constructor(...files: FileDescriptorProto[]) {
    super("shop")
    this.files = files
  }

  override async start(): Promise<void> {
    const server = new grpc.Server({
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      ...(this.compresses && { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip }),
    })
    this.#shop = server
    server.addService(
      { Get: definition("/shop.Shop/Get", false), Chat: definition("/shop.Shop/Chat", true) },
      {
        Get: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
          this.seen.push("Get")
          if (this.#isRefused(call)) return callback(UNAUTHENTICATED)
          callback(null, this.answer(call.request))
        },
        Chat: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
          this.seen.push("Chat")
          call.on("error", () => {})
          call.on("data", (message: Buffer) => call.write(this.answer(message)))
          call.on("end", () => call.end())
        },
      },
    )
    for (const version of ["v1", "v1alpha"])
      server.addService(
        { Info: definition(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, true) },
        { Info: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => this.#reflect(call) },
      )
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.port}`, grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
  }

  override async close(): Promise<void> {
    this.#shop.forceShutdown()
  }

  #isRefused(call: { metadata: grpc.Metadata }): boolean {
    return this.token !== null && call.metadata.get("authorization")[0] !== this.token
  }

  #reflect(call: grpc.ServerDuplexStream<Buffer, Buffer>): void {
    call.on("error", () => {})
    if (this.#isRefused(call)) {
      this.seen.push("refused")
      return void call.emit("error", UNAUTHENTICATED)
    }
    call.on("data", (message: Buffer) => {
      const { messageRequest } = fromBinary(ServerReflectionRequestSchema, message)
      const asked = typeof messageRequest.value === "string" ? messageRequest.value : ""
      this.seen.push(asked)
      const files = this.files.filter(({ name, package: scope }) =>
        messageRequest.case === "fileByFilename" ? name === asked : asked.startsWith(`${scope}.`),
      )
      const sent = this.sendsFilesAlone || files.length === 0 ? files : this.files
      const value = { fileDescriptorProto: sent.map((file) => toBinary(FileDescriptorProtoSchema, file)) }
      const response = create(ServerReflectionResponseSchema, {
        messageResponse:
          sent.length > 0
            ? { case: "fileDescriptorResponse", value }
            : { case: "errorResponse", value: { errorCode: 5, errorMessage: `no ${asked}` } },
      })
      call.write(Buffer.from(toBinary(ServerReflectionResponseSchema, response)))
    })
    call.on("end", () => call.end())
  }
}

const UNAUTHENTICATED = Object.assign(new Error("show a token"), {
  code: grpc.status.UNAUTHENTICATED,
  details: "show a token",
})

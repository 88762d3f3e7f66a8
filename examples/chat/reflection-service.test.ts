import { create, createFileRegistry, fromBinary, type MessageInitShape } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { Client, credentials } from "@grpc/grpc-js"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "./gen/grpc/reflection/v1/reflection_pb.ts"
import { ServerReflection as ServerReflectionV1Alpha } from "./gen/grpc/reflection/v1alpha/reflection_pb.ts"
import { toMethodDefinition } from "./grpc-service.ts"
import { type ChatServer, startChatServer } from "./start-chat-server.ts"

let server: ChatServer
let client: Client

beforeAll(async () => {
  server = await startChatServer({ host: "127.0.0.1", port: 0, log: () => {} })
  client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure())
})
afterAll(async () => {
  client.close()
  await server.shutdown(0)
})

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>

describe.each([
  { version: "v1", service: ServerReflection },
  { version: "v1alpha", service: ServerReflectionV1Alpha },
])("reflection $version", ({ service }) => {
  async function ask(messageRequest: Question) {
    const { path, requestSerialize, responseDeserialize } = toMethodDefinition(
      service.method.serverReflectionInfo,
    )
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
    call.end({ host: "here", messageRequest })
    const responses: unknown[] = []
    for await (const response of call) responses.push(response)
    expect(responses.length).toBe(1)
    const [response] = responses as [ServerReflectionResponse]
    expect(response.originalRequest?.messageRequest).toMatchObject(messageRequest)
    return response.messageResponse
  }

  test("lists the services", async () => {
    const { value } = await ask({ case: "listServices", value: "" })
    expect(value).toMatchObject({
      service: [
        { name: "chat.Chat" },
        { name: "grpc.health.v1.Health" },
        { name: "grpc.reflection.v1.ServerReflection" },
        { name: "grpc.reflection.v1alpha.ServerReflection" },
      ],
    })
  })

  test.each([
    "chat.Chat",
    "chat.Chat.BidStream",
    "chat.Request",
    "chat.Response.output",
    "grpc.health.v1.HealthCheckResponse.ServingStatus",
    "grpc.health.v1.HealthCheckResponse.SERVING",
    "grpc.reflection.v1alpha.ServerReflection",
  ])("gives a file that can be linked for %s", async (symbol) => {
    const answer = await ask({ case: "fileContainingSymbol", value: symbol })
    if (answer.case !== "fileDescriptorResponse") throw new Error(`answered ${answer.case}`)
    const file = answer.value.fileDescriptorProto.map((octets) =>
      fromBinary(FileDescriptorProtoSchema, octets),
    )
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }))
    const type = symbol
      .split(".")
      .slice(0, symbol.startsWith("chat") ? 2 : 4)
      .join(".")
    expect(registry.get(type)).toBeDefined()
  })

  test("gives a file by its name", async () => {
    expect((await ask({ case: "fileByFilename", value: "chat.proto" })).case).toBe("fileDescriptorResponse")
  })

  test.each<Question>([
    { case: "fileByFilename", value: "no.proto" },
    { case: "fileContainingSymbol", value: "no.Such" },
    { case: "fileContainingSymbol", value: "__proto__" },
    { case: "allExtensionNumbersOfType", value: "no.Such" },
    {
      case: "fileContainingExtension",
      value: { containingType: "chat.Request", extensionNumber: 100 } as never,
    },
  ])("says NOT_FOUND to %j", async (question) => {
    expect((await ask(question)).value).toMatchObject({ errorCode: 5 })
  })

  test("a message without extensions has none", async () => {
    const { value } = await ask({ case: "allExtensionNumbersOfType", value: "chat.Request" })
    expect(value).toMatchObject({ baseTypeName: "chat.Request", extensionNumber: [] })
  })
})

import { Client, type ClientReadableStream, credentials, type ServiceError, status } from "@grpc/grpc-js"
import { afterEach, beforeEach, expect, test } from "vitest"
import {
  Health,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Is,
} from "./gen/grpc/health/v1/health_pb.ts"
import { toMethodDefinition } from "./grpc-service.ts"
import { type ChatServer, startChatServer } from "./start-chat-server.ts"

let server: ChatServer
let client: Client

beforeEach(async () => {
  server = await startChatServer({ host: "127.0.0.1", port: 0, log: () => {} })
  client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure())
})
afterEach(async () => {
  client.close()
  await server.shutdown(0)
})

function call(method: "check" | "list", request: object): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = toMethodDefinition(Health.method[method])
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, response) => {
      resolve(error === null ? response : status[error.code])
    })
  })
}

/** The statuses a watch tells, one by one. */
function watch(service: string) {
  const { path, requestSerialize, responseDeserialize } = toMethodDefinition(Health.method.watch)
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service })
  const messages = (call as ClientReadableStream<HealthCheckResponse>)[Symbol.asyncIterator]()
  return {
    next: async () => {
      try {
        return (await messages.next()).value?.status
      } catch (error) {
        return status[(error as ServiceError).code]
      }
    },
  }
}

test.each([
  { service: "", answer: { status: Is.SERVING } },
  { service: "chat.Chat", answer: { status: Is.SERVING } },
  { service: "no.Such", answer: "NOT_FOUND" },
])("Check of $service", async ({ service, answer }) => {
  const response = await call("check", { service })
  if (typeof answer === "string") expect(response).toBe(answer)
  else expect(response).toMatchObject(answer)
})

test("List names every service", async () => {
  expect(await call("list", {})).toMatchObject({
    statuses: { "": { status: Is.SERVING }, "chat.Chat": { status: Is.SERVING } },
  })
})

test("Watch tells the status at once, the change when shutting down, and the end", async () => {
  const watched = watch("chat.Chat")
  expect(await watched.next()).toBe(Is.SERVING)
  const closed = server.shutdown(0)
  expect(await watched.next()).toBe(Is.NOT_SERVING)
  expect(await watched.next()).toBe("UNAVAILABLE")
  await closed
})

test("Watch of an unknown service says so and goes on", async () => {
  expect(await watch("no.Such").next()).toBe(Is.SERVICE_UNKNOWN)
})

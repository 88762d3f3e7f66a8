import * as grpc from "@grpc/grpc-js"
import { expect, type TestContext, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import { readWord, TalkBackend, wordOctets } from "../support/talk-backend.ts"
import { TestBed } from "../support/test-bed.ts"

/** Numbers that one of two backends has said, until it dies under the stream. */
async function numbersOf(t: TestContext, hasReflection: boolean, into: string) {
  const backends = [new TalkBackend({ hasReflection }), new TalkBackend({ hasReflection })]
  const bed = await TestBed.start(t, {
    backends,
    config: { continuity: { mode: "cursor", from: "number", into } },
  })
  const client = new grpc.Client(`127.0.0.1:${bed.port}`, grpc.credentials.createInsecure())
  t.onTestFinished(() => client.close())
  const got: number[] = []
  let status: grpc.StatusObject | null = null
  const call = client.makeServerStreamRequest(
    "/talk.Talk/Count",
    (octets: Buffer) => octets,
    readWord,
    Buffer.from(wordOctets({ text: "hang", number: 3n })),
  )
  call.on("data", ({ number }: { number: bigint }) => got.push(Number(number)))
  call.on("status", (said: grpc.StatusObject) => (status = said))
  call.on("error", () => {})
  const has = (many: number) =>
    eventually(
      () => got.length >= many,
      () => `${many} numbers; there are ${got.join(" ")}, status ${JSON.stringify(status)}`,
    )
  await has(3)
  const serving = backends.find(({ calls }) => calls.some(({ method }) => method === "Count"))!
  await serving.close()
  const over = () =>
    eventually(
      () => status !== null,
      () => `the stream is over; it got ${got.join(" ")}`,
    ).then(() => status!.code)
  return { bed, got, has, over, call }
}

test("a backend that is asked by server reflection says where the resume token is", async (t) => {
  const { got, has, call } = await numbersOf(t, true, "number")
  // The token, 2, stands where the client has asked for 3.
  await has(5)
  expect(got).toEqual([0, 1, 2, 0, 1])
  call.cancel()
})

test.for<[string, boolean, string]>([
  ["has no reflection", false, "number"],
  ["has no such field", true, "page_token"],
])("where it %s, the stream ends with its backend", async ([, hasReflection, into], t) => {
  const { got, over } = await numbersOf(t, hasReflection, into)
  expect(await over()).toBe(grpc.status.UNAVAILABLE)
  expect(got).toEqual([0, 1, 2])
})

import { describe, expect, test } from "vitest"
import { failure, failureKinds } from "../../record/failure.ts"
import { type Answer, type Asked, answerFor } from "./local-reply.ts"

const asked: Asked = { isGrpc: true, headSent: false }

/** What a client is told, or null. */
function told(how: Asked, what: Answer): string | null {
  const own = answerFor(how, what)
  return own === null ? null : `${own.grpcStatus}: ${own.list.fields.join(" ")} | ${own.body.toString()}`
}

describe("what a client is told", () => {
  test.each([
    [
      "gRPC, before the head",
      asked,
      "14: :status 200 content-type application/grpc grpc-status 14 grpc-message gone | ",
    ],
    ["gRPC, after it", { ...asked, headSent: true }, "14: grpc-status 14 grpc-message gone | "],
    [
      "HTTP, before the head",
      { ...asked, isGrpc: false },
      "-1: :status 502 content-type text/plain; charset=utf-8 content-length 5 | gone\n",
    ],
    ["HTTP, after it", { isGrpc: false, headSent: true }, null],
  ])("%s", (_what, how, expected) => {
    expect(told(how, { httpStatus: 502, grpcStatus: 14, message: "gone" })).toBe(expected)
  })

  test("a status of -1 is what the HTTP status maps to", () => {
    expect(told(asked, { httpStatus: 403, grpcStatus: -1, message: "" })).toContain("grpc-status 7")
  })

  test("messages are cut, and encoded so that they can stand in a header", () => {
    const text = told(asked, { httpStatus: 502, grpcStatus: 14, message: `a\nb${"x".repeat(5000)}` })!
    expect(text).toContain("grpc-message a%0Abxxx")
    expect(text.length).toBeLessThan(1200)
  })
})

test.each(failureKinds)("%s has a status in both worlds", (kind) => {
  const { grpcStatus, httpStatus, message, isUnsent } = failure(kind, "why")
  expect(grpcStatus).toBeGreaterThan(0)
  expect(grpcStatus).toBeLessThanOrEqual(16)
  expect(httpStatus).toBeGreaterThanOrEqual(400)
  expect([message, isUnsent]).toEqual(["why", false])
})

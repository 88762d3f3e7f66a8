import { describe, expect, test } from "vitest"
import { failure, failureKinds } from "../../record/failure.ts"
import { localReply, type Reply, type ReplyState } from "./local-reply.ts"

const state: ReplyState = { isGrpc: true, isHeadSent: false }

const BAD_GATEWAY = [
  "<html>",
  "<head><title>502 Bad Gateway</title></head>",
  "<body>",
  "<center><h1>502 Bad Gateway</h1></center>",
  "<hr><center>sluice</center>",
  "</body>",
  "</html>",
  "",
].join("\r\n")

/** What a client is told, or null. */
function told(how: ReplyState, what: Reply): string | null {
  const reply = localReply(how, what)
  return reply === null
    ? null
    : `${reply.grpcStatus}: ${reply.list.fields.join(" ")} | ${reply.body.toString()}`
}

describe("what a client is told", () => {
  test.each([
    [
      "gRPC, before the head",
      state,
      "14: :status 200 content-type application/grpc grpc-status 14 grpc-message gone | ",
    ],
    ["gRPC, after it", { ...state, isHeadSent: true }, "14: grpc-status 14 grpc-message gone | "],
    [
      "HTTP, before the head",
      { ...state, isGrpc: false },
      `-1: :status 502 content-type text/html content-length 151 | ${BAD_GATEWAY}`,
    ],
    ["HTTP, after it", { isGrpc: false, isHeadSent: true }, null],
  ])("%s", (_what, how, expected) => {
    expect(told(how, { httpStatus: 502, grpcStatus: 14, message: "gone" })).toBe(expected)
  })

  test("a status of -1 is what the HTTP status maps to", () => {
    expect(told(state, { httpStatus: 403, grpcStatus: -1, message: "" })).toContain("grpc-status 7")
  })

  test("messages are cut, and encoded so that they can stand in a header", () => {
    const text = told(state, { httpStatus: 502, grpcStatus: 14, message: `a\nb${"x".repeat(5000)}` })!
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

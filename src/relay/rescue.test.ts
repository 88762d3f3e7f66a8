import { describe, expect, test } from "vitest"
import { ErrorCode } from "../http2/error-code.ts"
import type { DownstreamStream } from "./downstream-stream.ts"
import { failure, failureKinds } from "./failure.ts"
import { type Asked, answer } from "./rescue.ts"

/** Notes what a client would see. */
function client() {
  const seen: string[] = []
  const stream: DownstreamStream = {
    isClosed: false,
    localEnded: false,
    remoteEnded: false,
    queuedOctets: 0,
    headerListMax: Number.POSITIVE_INFINITY,
    sendHeaders: (list, endStream) => seen.push(`${list.fields.join(" ")}${endStream ? " END" : ""}`),
    sendData: (octets, start, end, endStream) => {
      seen.push(`${octets.toString("utf8", start, end)}${endStream ? " END" : ""}`)
      return end - start
    },
    discardQueued: () => {},
    consume: () => {},
    reset: (code) => seen.push(`reset ${code}`),
  }
  return { seen, stream }
}

const asked: Asked = { isGrpc: true, isHead: false, headSent: false }

describe("what a client is told", () => {
  test.each([
    [
      "gRPC, before the head",
      asked,
      [":status 200 content-type application/grpc grpc-status 14 grpc-message gone END"],
    ],
    ["gRPC, after it", { ...asked, headSent: true }, ["grpc-status 14 grpc-message gone END"]],
    [
      "HTTP, before the head",
      { ...asked, isGrpc: false },
      [":status 502 content-type text/plain; charset=utf-8 content-length 5", "gone\n END"],
    ],
    ["HTTP, after it", { ...asked, isGrpc: false, headSent: true }, [`reset ${ErrorCode.INTERNAL_ERROR}`]],
    [
      "HEAD",
      { ...asked, isGrpc: false, isHead: true },
      [":status 502 content-type text/plain; charset=utf-8 content-length 5 END"],
    ],
  ])("%s", (_what, how, expected) => {
    const { seen, stream } = client()
    answer(stream, how, { httpStatus: 502, grpcStatus: 14, message: "gone" })
    expect(seen).toEqual(expected)
  })

  test("a status of -1 is what the HTTP status maps to", () => {
    const { seen, stream } = client()
    expect(answer(stream, asked, { httpStatus: 403, grpcStatus: -1, message: "" })).toBe(7)
    expect(seen[0]).toContain("grpc-status 7")
  })

  test("messages are cut, and encoded so that they can stand in a header", () => {
    const { seen, stream } = client()
    answer(stream, asked, { httpStatus: 502, grpcStatus: 14, message: `a\nb${"x".repeat(5000)}` })
    expect(seen[0]).toContain("grpc-message a%0Abxxx")
    expect(seen[0]!.length).toBeLessThan(1200)
  })
})

test.each(failureKinds)("%s has a status in both worlds", (kind) => {
  const { grpcStatus, httpStatus, message, isUnsent } = failure(kind, "why")
  expect(grpcStatus).toBeGreaterThan(0)
  expect(grpcStatus).toBeLessThanOrEqual(16)
  expect(httpStatus).toBeGreaterThanOrEqual(400)
  expect([message, isUnsent]).toEqual(["why", false])
})

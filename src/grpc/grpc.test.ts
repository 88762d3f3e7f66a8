import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { countWhole, MessageScanner } from "./message-scanner.ts"
import {
  encodeGrpcMessage,
  grpcStatusOfHttp,
  httpStatusOfGrpc,
  isGrpcContentType,
  parseGrpcStatus,
} from "./status.ts"
import { parseGrpcTimeout } from "./timeout.ts"

describe("grpc-timeout", () => {
  test.each([
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3000],
    ["4m", 4],
    ["5000u", 5],
    ["5001u", 6],
    ["1n", 1],
    ["0S", 0],
    ["00000001S", 1000],
    ["99999999H", 99_999_999 * 3_600_000],
  ])("%s is %i ms", (text, ms) => expect(parseGrpcTimeout(text)).toBe(ms))

  test.each([
    "",
    "S",
    "1",
    "1s",
    "1h",
    "1 S",
    " 1S",
    "1S ",
    "-1S",
    "+1S",
    "1.5S",
    "0x1S",
    "100000000S",
    "１S",
    "1toString",
  ])("%j is malformed", (text) => expect(parseGrpcTimeout(text)).toBeNull())
})

test("fewer digits may be allowed", () => {
  expect([parseGrpcTimeout("999S", 3), parseGrpcTimeout("1000S", 3)]).toEqual([999_000, null])
})

describe("content-type", () => {
  test.each([
    ["application/grpc", true],
    ["application/grpc+proto", true],
    ["application/grpc+json", true],
    ["application/grpc; charset=utf-8", true],
    ["application/grpc-web", false],
    ["application/grpc-web+proto", false],
    ["application/grpcx", false],
    ["application/json", false],
    ["", false],
    [undefined, false],
  ])("%s: gRPC is %s", (value, expected) => expect(isGrpcContentType(value)).toBe(expected))
})

describe("statuses", () => {
  test.each([
    ["0", 0],
    ["16", 16],
    ["99", 99],
    ["", 2],
    ["abc", 2],
    ["-1", 2],
    ["1e1", 2],
    ["10000", 2],
  ])("grpc-status %j is %i", (text, status) => expect(parseGrpcStatus(text)).toBe(status))

  // gRPC, doc/http-grpc-status-mapping.md.
  test.each([
    [400, 13],
    [401, 16],
    [403, 7],
    [404, 12],
    [429, 14],
    [502, 14],
    [503, 14],
    [504, 14],
    [500, 2],
    [418, 2],
    [200, 2],
  ])("HTTP %i is gRPC %i", (http, grpc) => expect(grpcStatusOfHttp(http)).toBe(grpc))

  test("every gRPC status has an HTTP one", () => {
    expect(Array.from({ length: 17 }, (_, status) => httpStatusOfGrpc(status))).toEqual([
      200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
    ])
  })
})

describe("grpc-message", () => {
  test.each([
    ["plain text, ~{}", "plain text, ~{}"],
    ["100%", "100%25"],
    ["a\nb", "a%0Ab"],
    ["钥匙", "%E9%92%A5%E5%8C%99"],
    ["\u007f", "%7F"],
    ["\ud800", "%EF%BF%BD"],
  ])("%j is sent as %s", (text, encoded) => expect(encodeGrpcMessage(text)).toBe(encoded))

  test("it comes back as it was, and holds nothing that a header may not", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const encoded = encodeGrpcMessage(text)
        expect(encoded).toMatch(/^[ -~]*$/)
        expect(decodeURIComponent(encoded)).toBe(text.toWellFormed())
      }),
    )
  })
})

describe("messages that pass by", () => {
  const framed = (...lengths: number[]): Buffer =>
    Buffer.concat(
      lengths.map((length) => {
        const message = Buffer.alloc(5 + length, 0xff)
        message.writeUInt32BE(length, 1)
        return message
      }),
    )

  test("are counted wherever the octets are cut, and the end of each is known", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(600), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 300 })),
        (lengths, cuts) => {
          const octets = framed(...lengths)
          const scanner = new MessageScanner()
          let messages = 0
          let at = 0
          for (const cut of [...cuts, octets.length]) {
            const end = Math.min(octets.length, at + cut)
            messages += scanner.scan(octets, at, end)
            at = end
          }
          expect([messages, scanner.isAtBoundary]).toEqual([lengths.length, true])
          expect(countWhole(octets, 0, octets.length)).toBe(lengths.length)
        },
      ),
    )
  })

  test("half a message is not at a boundary, and a prefix of 4 GiB costs nothing", () => {
    const scanner = new MessageScanner()
    expect([scanner.scan(Buffer.from([0, 0xff, 0xff, 0xff]), 0, 4), scanner.isAtBoundary]).toEqual([0, false])
    expect([scanner.scan(Buffer.from([0xff, 1, 2, 3]), 0, 4), scanner.isAtBoundary]).toEqual([1, false])
  })

  test.each([
    ["nothing at all", [], 0],
    ["an empty message", [0, 0, 0, 0, 0], 1],
    ["a prefix cut short", [0, 0, 0, 0], -1],
    ["a message cut short", [0, 0, 0, 0, 2, 1], -1],
    ["the beginning of another", [0, 0, 0, 0, 1, 1, 0], -1],
    ["a prefix of 4 GiB", [0, 0xff, 0xff, 0xff, 0xff, 1], -1],
  ])("%s: whole or not", (_what, octets, messages) => {
    expect(countWhole(Buffer.from(octets), 0, octets.length)).toBe(messages)
  })
})

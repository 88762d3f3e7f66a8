import { expect, test } from "vitest"
import { ErrorCode, errorCodeName, fault, protocolError } from "./error-code.ts"

test.each([
  [0, "NO_ERROR"],
  [1, "PROTOCOL_ERROR"],
  [2, "INTERNAL_ERROR"],
  [3, "FLOW_CONTROL_ERROR"],
  [4, "SETTINGS_TIMEOUT"],
  [5, "STREAM_CLOSED"],
  [6, "FRAME_SIZE_ERROR"],
  [7, "REFUSED_STREAM"],
  [8, "CANCEL"],
  [9, "COMPRESSION_ERROR"],
  [10, "CONNECT_ERROR"],
  [11, "ENHANCE_YOUR_CALM"],
  [12, "INADEQUATE_SECURITY"],
  [13, "HTTP_1_1_REQUIRED"],
] as const)("%i is %s (RFC 9113 §7)", (code, name) => {
  expect([errorCodeName(code), ErrorCode[name]]).toEqual([name, code])
})

test.each([
  [14, "0xe"],
  [0xfedcba98, "0xfedcba98"],
])("%i has no name", (code, text) => {
  expect(errorCodeName(code)).toBe(text)
})

test("a fault names its limit where one was reached", () => {
  expect(fault(3, "why", "limit")).toEqual({ code: 3, reason: "why", limit: "limit" })
  expect(fault(3, "why")).toEqual({ code: 3, reason: "why", limit: null })
  expect(protocolError("why")).toEqual({ code: 1, reason: "why", limit: null })
})

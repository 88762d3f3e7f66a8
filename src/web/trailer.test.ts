import { expect, test } from "vitest"
import { decodeMessage, readTrailer } from "./trailer.ts"

test.each([
  ["plain", "plain"],
  ["disk 100% full", "disk 100% full"],
  ["100%", "100%"],
  ["%zz%4", "%zz%4"],
  ["no%3A %E4%B8%8D", "no: 不"],
  ["%E4%B8", "\ufffd"],
  ["%ff", "\ufffd"],
  ["不", "不"],
  ["50%25%", "50%%"],
])("the message %j is %j", (value, text) => {
  expect(decodeMessage(value)).toBe(text)
  const fields = readTrailer(new TextEncoder().encode(`grpc-status: 5\r\ngrpc-message: ${value}\r\n`))
  expect([fields.get("grpc-status"), decodeURIComponent(fields.get("grpc-message")!)]).toEqual(["5", text])
})

test("what no header takes is left out, and the status stays", () => {
  const block =
    "grpc-status: 5\r\nx-raw: 不\r\nb ad: x\r\n: y\r\ngrpc-status-details-bin: !!\r\nx-a: 1\r\nx-a: 2\r\n"
  expect([...readTrailer(new TextEncoder().encode(block))]).toEqual([
    ["grpc-status", "5"],
    ["x-a", "1, 2"],
  ])
})

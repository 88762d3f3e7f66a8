import { expect, test } from "vitest"
import { octetText } from "../../base/octet-text.ts"
import { returnReply } from "./return-reply.ts"

const plain = ["content-type", "text/plain", "content-length"]

test.for<[status: number, text: string, fields: string[], body: string]>([
  [200, "ok", [...plain, "2"], "ok"],
  [404, "", [...plain, "0"], ""],
  [200, "聊天", [...plain, "6"], "聊天"],
  [204, "not said", [], ""],
  [304, "not said", [], ""],
])("%i with %s", ([status, text, fields, body]) => {
  const response = returnReply(status, octetText(text), "text/plain")
  expect(response.fields).toEqual([":status", String(status), ...fields])
  expect(response.body.toString()).toBe(body)
})

test("without a type none is said", () =>
  expect(returnReply(200, "ok", "").fields).toEqual([":status", "200", "content-length", "2"]))

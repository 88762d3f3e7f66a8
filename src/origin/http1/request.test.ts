import { expect, test } from "vitest"
import { HeaderList } from "../../http2/header-list.ts"
import { originRequest } from "./request.ts"

test.each<[value: string, length: number]>([
  ["0", 0],
  ["12", 12],
  ["999999999999999", 999_999_999_999_999],
  ["1000000000000000", -1],
  ["", -1],
  ["x", -1],
  ["NaN", -1],
  ["1.5", -1],
  ["-1", -1],
  ["+1", -1],
  ["1e3", -1],
  ["0x10", -1],
  [" 1", -1],
  ["1, 1", -1],
  ["Infinity", -1],
])("content-length %j is sent as %d (-1: it is not said)", (value, length) => {
  const list = new HeaderList([":method", "POST", ":path", "/", "content-length", value])
  const request = originRequest(list, false, false)
  expect(request.contentLength).toBe(length)
  expect(request).toMatchObject({ start: "POST / ", fields: "", hasHost: false })
})

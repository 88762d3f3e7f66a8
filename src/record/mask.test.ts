import { expect, test } from "vitest"
import { maskHeader, maskText } from "./mask.ts"

test.each([
  ["authorization", "Bearer abc", "<masked, 10 octets>"],
  ["Proxy-Authorization", "Basic x", "<masked, 7 octets>"],
  ["cookie", "a=b", "<masked, 3 octets>"],
  ["set-cookie", "a=b", "<masked, 3 octets>"],
  ["x-api-key", "k", "<masked, 1 octets>"],
  ["x-apikey", "k", "<masked, 1 octets>"],
  ["x-auth-token", "t", "<masked, 1 octets>"],
  ["sessionToken", "t", "<masked, 1 octets>"],
  ["x-csrf-token-bin", "t", "<masked, 1 octets>"],
  ["authorization", "", ""],
  ["author", "Ann", "Ann"],
  ["x-side", "left", "left"],
  ["user-agent", "grpc-node-js/1.14", "grpc-node-js/1.14"],
  ["referer", "https://h/x?a=1&access_token=abc#f", "https://h/x?a=1&access_token=<masked>#f"],
])("header %s: %s", (name, value, shown) => {
  expect(maskHeader(name, value)).toBe(shown)
})

test.each([
  ["/x?id=7&token=abc", "/x?id=7&token=<masked>"],
  ["/x?%74oken=abc&b=2", "/x?%74oken=<masked>&b=2"],
  ["/x?%zz=abc", "/x?%zz=abc"],
  ["/x?token=", "/x?token="],
  ["/chat.Chat/BidStream", "/chat.Chat/BidStream"],
  ["said Bearer abcdefgh", "said Bearer <masked>"],
  ["jwt eyJhbGciOi.eyJzdWIi.c2ln ends", "jwt <masked> ends"],
  ["https://ann:pw@host/x", "https://<masked>@host/x"],
])("text %s", (text, shown) => {
  expect(maskText(text)).toBe(shown)
})

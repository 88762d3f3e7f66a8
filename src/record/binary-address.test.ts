import { expect, test } from "vitest"
import { binaryAddress } from "./binary-address.ts"

test.each([
  ["127.0.0.1", "7f000001"],
  ["255.255.255.255", "ffffffff"],
  ["::", "0".repeat(32)],
  ["::1", `${"0".repeat(31)}1`],
  ["2001:db8::ff00:42:8329", "20010db8000000000000ff0000428329"],
  ["fe80::1%eth0", "fe800000000000000000000000000001"],
  ["::ffff:192.0.2.1", `${"0".repeat(20)}ffffc0000201`],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
])("%s is %s", (address, octets) => {
  expect(Buffer.from(binaryAddress(address), "latin1").toString("hex")).toBe(octets)
})

test.each([
  "unix:",
  "256.0.0.1",
  "1.2.3",
  "1:2:3:4:5:6:7",
  "1::2::3",
  "1:2:3:4:5:6:7:8::",
  "g::1",
  "1.2.3.4::",
  "1.2.3.4::1",
])("%s stays as it is", (text) => {
  expect(binaryAddress(text)).toBe(text)
})

import { isIP } from "node:net"
import fc from "fast-check"
import { expect, test } from "vitest"
import { clientAt, readClient } from "./real-client.ts"

test.each([
  ["1.2.3.4", "1.2.3.4", 0],
  ["1.2.3.4:80", "1.2.3.4", 80],
  ["[::1]:80", "::1", 80],
  ["[::1]", "::1", 0],
  ["2001:DB8:0:0:1:0:0:0", "2001:db8:0:0:1::", 0],
  ["2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", 0],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7", 0],
  ["0:0:0:0:0:0:0:0", "::", 0],
  ["1::", "1::", 0],
  ["::ffff:102:304", "::ffff:1.2.3.4", 0],
  ["::1.02.3.4", "::102:304", 0],
])("%s is %s at port %i", (text, address, port) => {
  expect(readClient(text)).toEqual({ address, port })
})

test.each([
  "1.2.3.4::",
  "1.2.3.4::1",
  "[1.2.3.4::]:80",
  "1.2.3.4:5::",
  "::1.2.3.4:5",
  "fe80::1%eth0",
  "",
  "::1::",
])("%s is no client", (text) => {
  expect(readClient(text)).toBe(null)
})

const part = fc.constantFrom(
  "0",
  "1",
  "a",
  "FFFF",
  "00",
  "02",
  "255",
  ":",
  "::",
  ".",
  "1.2.3.4",
  "[",
  "]",
  "%",
)

test("any text is either refused or an address in one spelling", () => {
  const texts = fc.oneof(
    fc.array(part, { maxLength: 20 }).map((parts) => parts.join("")),
    fc.string(),
  )
  fc.assert(
    fc.property(texts, (text) => {
      const client = readClient(text)
      if (client === null) return
      expect(isIP(client.address)).not.toBe(0)
      expect(clientAt(client.address, client.port)).toEqual(client)
    }),
    { numRuns: 5000 },
  )
})

test("IPv6 is written as URLs write it", () => {
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }))
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      fc.pre(groups.slice(0, 5).some((each) => each > 0) || groups[5] !== 0xffff)
      const text = groups.map((each) => each.toString(16)).join(":")
      expect(clientAt(text, 0)!.address).toBe(new URL(`http://[${text}]`).hostname.slice(1, -1))
    }),
  )
})

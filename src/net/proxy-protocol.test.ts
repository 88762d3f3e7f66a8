import { describe, expect, test } from "vitest"
import { readProxyHeader } from "./proxy-protocol.ts"

const signature = "0d0a0d0a000d0a515549540a"
const v2 = (hex: string) => Buffer.from(signature + hex, "hex")
const v1 = (text: string) => Buffer.from(text, "latin1")

const client = {
  sourceAddress: "192.0.2.7",
  sourcePort: 40_000,
  destinationAddress: "198.51.100.1",
  destinationPort: 443,
}

describe("PROXY protocol", () => {
  test.for([
    ["version 1, TCP4", v1("PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\nPRI * HTTP/2.0"), 45, client],
    [
      "version 1, TCP6",
      v1("PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n"),
      46,
      { ...client, sourceAddress: "2001:db8::7", destinationAddress: "2001:db8::1" },
    ],
    ["version 1, UNKNOWN", v1("PROXY UNKNOWN\r\n"), 15, null],
    ["version 2, TCP4", v2("2111000cc0000207c63364019c4001bb"), 28, client],
    ["version 2, TCP4 with a TLV", v2("21110010c0000207c63364019c4001bb04000100"), 32, client],
    [
      "version 2, TCP6",
      v2("2121002420010db800000000000000000000000720010db80000000000000000000000019c4001bb"),
      52,
      { ...client, sourceAddress: "2001:db8::7", destinationAddress: "2001:db8::1" },
    ],
    ["version 2, a datagram of IPv4", v2("2112000cc0000207c63364019c4001bb"), 28, null],
    ["version 2, a Unix socket", v2(`213100d8${"78".repeat(216)}`), 232, null],
    ["version 2, LOCAL: a health check of the proxy's own", v2("20000000"), 16, null],
  ] as const)("%s", ([, octets, length, proxied]) => {
    expect(readProxyHeader(octets)).toEqual({ octets: length, proxied })
    const whole = octets.subarray(0, length)
    for (let cut = 0; cut < length; cut++) expect(readProxyHeader(whole.subarray(0, cut))).toBeNull()
  })

  test.for([
    ["an HTTP/2 preface", v1("PRI * HTTP/2.0\r\n")],
    ["an HTTP/1 request", v1("GET / HTTP/1.1\r\n")],
    ["a line that does not end", v1(`PROXY TCP4 ${"1".repeat(120)}`)],
    ["a port past 65535", v1("PROXY TCP4 192.0.2.7 198.51.100.1 70000 443\r\n")],
    ["no ports", v1("PROXY TCP4 192.0.2.7 198.51.100.1\r\n")],
    ["a source that is no address", v1("PROXY TCP4 \0 198.51.100.1 1 2\r\n")],
    ["a destination of another family", v1("PROXY TCP6 2001:db8::7 198.51.100.1 1 2\r\n")],
    ["words behind the ports", v1("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n")],
    ["a zone", v1("PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n")],
    ["an unknown family", v1("PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n")],
    ["version 3", v2("31110000")],
    ["an unknown command", v2("22110000")],
    ["addresses cut short", v2("21110004c0000207")],
    ["a length past reason", v2("2111ffff")],
  ] as const)("refuses %s", ([, octets]) => {
    expect(readProxyHeader(octets)).toBe(false)
  })
})

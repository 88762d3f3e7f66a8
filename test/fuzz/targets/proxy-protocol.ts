import assert from "node:assert/strict"
import { isIP } from "node:net"
import { readProxyHeader } from "../../../src/net/proxy-protocol.ts"
import type { Target } from "../engine/target.ts"

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1")
const version2 = (head: number[], body: number[]): Buffer =>
  Buffer.concat([SIGNATURE, Buffer.from([...head, body.length >> 8, body.length & 0xff, ...body])])

/**
 * A PROXY protocol header that comes octet by octet is judged once, and the same whatever follows it. What is accepted
 * is no longer than it may be, and what it says of ports is in range.
 */
export const proxyProtocol: Target = {
  steps: { base: 2000, perOctet: 1000 },
  *seeds() {
    yield Buffer.from("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nPRI * HTTP/2.0\r\n")
    yield Buffer.from("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n")
    yield Buffer.from("PROXY UNKNOWN anything\r\n")
    yield version2([0x21, 0x11], [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 4, 1, 0xbb])
    yield version2([0x21, 0x21], [...Array<number>(32).fill(0x20), 1, 2, 3, 4, 3, 0, 1, 9])
    yield version2([0x20, 0x00], [])
  },
  run(octets) {
    let verdict: ReturnType<typeof readProxyHeader> = null
    for (let end = 0; end <= octets.length; end++) {
      const now = readProxyHeader(octets.subarray(0, end))
      if (verdict !== null) assert.deepEqual(now, verdict, `other octets, other verdict: ${end}`)
      else if (now !== null && now !== false) {
        assert.equal(now.octets, end, "it ends where it can first be told")
        check(now.proxied)
      }
      verdict = now
    }
    assert(verdict !== null || octets.length < 16 + 4096, "nobody waits for more than that")
  },
}

function check(proxied: NonNullable<Exclude<ReturnType<typeof readProxyHeader>, false>>["proxied"]): void {
  if (proxied === null) return
  for (const port of [proxied.sourcePort, proxied.destinationPort])
    assert(Number.isInteger(port) && port >= 0 && port <= 65_535, `port ${port}`)
  for (const address of [proxied.sourceAddress, proxied.destinationAddress])
    assert(isIP(address) !== 0, `${JSON.stringify(address)} is no address`)
}

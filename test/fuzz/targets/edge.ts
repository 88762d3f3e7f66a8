import { seededRandom } from "../../../src/base/random.ts"
import { randomly } from "../../support/memory-link.ts"
import type { Target } from "../engine/target.ts"
import { runEdge } from "../oracles/edge.ts"
import { echoing, saying } from "../oracles/peers.ts"
import { REQUESTS } from "../requests.ts"

const EXPECTS_PROXY_HEADER = 0x80
const WAITS = 0x40
/** How reads are cut; 0: not at all. */
const CUT = 0x3f

/** A whole balancer under whatever a client may say: HTTP/1.1, HTTP/2, gRPC-Web, Connect, WebSockets, the PROXY protocol. */
export const edge: Target = {
  steps: { base: 50_000, perOctet: 1000 },
  words: [
    "\r\n",
    "\r\n\r\n",
    "POST ",
    "GET ",
    " HTTP/1.1\r\n",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    ": ",
    "\u0081",
    "\u0082",
    "\u0088",
  ],
  *seeds() {
    for (const said of REQUESTS) yield Buffer.concat([Buffer.from([0]), said])
    for (const said of REQUESTS.slice(0, 6)) yield Buffer.concat([Buffer.from([WAITS | 5]), said])
    for (const header of PROXY_HEADERS)
      yield Buffer.concat([Buffer.from([EXPECTS_PROXY_HEADER]), header, REQUESTS[0]!])
  },
  run(input) {
    const options = input[0] ?? 0
    const octets = input.subarray(1)
    const cut = options & CUT
    const pieces = cut === 0 ? [octets] : randomly(seededRandom(cut), 2 * cut)(octets)
    return runEdge({
      client: saying(pieces),
      backend: echoing,
      expectsProxyHeader: (options & EXPECTS_PROXY_HEADER) !== 0,
      waits: (options & WAITS) !== 0,
    })
  },
}

const PROXY_HEADERS = [
  Buffer.from("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"),
  Buffer.from("0d0a0d0a000d0a515549540a2111000cc0000201c6336402dc0401bb", "hex"),
]

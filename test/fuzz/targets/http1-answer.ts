import assert from "node:assert/strict"
import { seededRandom } from "../../../src/base/random.ts"
import { randomly } from "../../support/memory-link.ts"
import type { Target } from "../engine/target.ts"
import { runEdge } from "../oracles/edge.ts"
import { BackendSocket, proxyConfig } from "../oracles/http1-backend.ts"
import { echoing, saying } from "../oracles/peers.ts"
import { readMessages } from "../oracles/plain-http1.ts"

const WAITS = 0x40
const ENDS = 0x80
const CUT = 0x3f
const HEAD_OCTETS = 2

const request = (line: string, ...fields: string[]): Buffer =>
  Buffer.from(`${line} HTTP/1.1\r\nhost: a\r\n${fields.map((each) => `${each}\r\n`).join("")}\r\n`)

const CLIENTS: readonly Buffer[] = [
  request("GET /"),
  request("GET /stream"),
  request("HEAD /"),
  Buffer.concat([request("POST /", "content-length: 5"), Buffer.from("hello")]),
  request("GET /up", "connection: upgrade", "upgrade: websocket"),
  request("GET /again"),
  request("GET /", "connection: close"),
]

/** Whatever an HTTP/1.1 backend says: one answer for the client, whole or broken off, and nothing behind it. */
export const http1Answer: Target = {
  steps: { base: 100_000, perOctet: 2000 },
  words: [
    ...[
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.0 200 OK\r\n",
      "HTTP/1.1 100 Continue\r\n\r\n",
      "HTTP/1.1 103 x\r\nlink: a\r\n\r\n",
    ],
    ...[
      "HTTP/1.1 101 Switching Protocols\r\n",
      "HTTP/1.1 304 x\r\n",
      "HTTP/1.1 502 x\r\n",
      "content-length: 5\r\n",
    ],
    ...[
      "transfer-encoding: chunked\r\n",
      "transfer-encoding: gzip, chunked\r\n",
      "5\r\nhello\r\n",
      "0\r\n\r\n",
      "0\r\nx: 1\r\n\r\n",
    ],
    ...[
      "connection: close\r\n",
      "upgrade: websocket\r\n",
      "location: http://backends/x\r\n",
      "set-cookie: a=b\r\n",
      "\r\n\r\n",
      "\n",
      "\0",
    ],
    ...["x-accel-redirect: /sorry\r\n", "content-length: 3\r\n", " folded\r\n"],
  ],
  *seeds() {
    const answers = [
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: 1\r\n\r\n",
      "HTTP/1.0 200 OK\r\n\r\nhello",
      "HTTP/1.1 103 Early\r\nlink: a\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
      "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nraw",
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 502 x\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n",
      "nonsense",
    ]
    for (let client = 0; client < CLIENTS.length; client++)
      for (const answer of answers)
        for (const how of [0, ENDS | 3])
          yield Buffer.concat([Buffer.from([client, how]), Buffer.from(answer)])
  },
  run(input) {
    const client = CLIENTS[(input[0] ?? 0) % CLIENTS.length]!
    const options = input[1] ?? 0
    const octets = input.subarray(HEAD_OCTETS)
    const cut = options & CUT
    const pieces = cut === 0 ? [octets] : randomly(seededRandom(cut), 2 * cut)(octets)
    const isHead = client.toString("latin1").startsWith("HEAD")
    return runEdge({
      client: saying([client]),
      backend: echoing,
      config: proxyConfig,
      waits: (options & WAITS) !== 0,
      connect(_endpoint, _bindAddress, onOctets) {
        let isAnswered = false
        const socket = new BackendSocket(onOctets, () => {
          if (isAnswered) return
          isAnswered = true
          for (const piece of pieces) socket.push(piece)
          if ((options & ENDS) !== 0) socket.push(null)
        })
        return socket.asSocket()
      },
      check(_ended, heard) {
        const answers = readMessages(heard, "response", !isHead)
        const final = answers.filter(({ start }) => !/^HTTP\/1\.[01] 1(?!01)/.test(start))
        assert(final.length <= 1, `${final.length} answers to one request`)
      },
    })
  },
}

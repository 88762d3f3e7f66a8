import assert from "node:assert/strict"
import { seededRandom } from "../../../src/base/random.ts"
import { randomly } from "../../support/memory-link.ts"
import type { Target } from "../engine/target.ts"
import { runEdge } from "../oracles/edge.ts"
import { BackendSocket, proxyConfig } from "../oracles/http1-backend.ts"
import { echoing, saying } from "../oracles/peers.ts"
import { readMessages } from "../oracles/plain-http1.ts"

const WAITS = 0x40
const CUT = 0x3f
const ANSWER = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

/**
 * Whatever a client says, a backend hears whole requests that are framed in one way, no more of them than there were calls,
 * and the client hears as many answers at most.
 */
export const http1Request: Target = {
  steps: { base: 100_000, perOctet: 2000 },
  words: [
    ...[
      "transfer-encoding: chunked\r\n",
      "content-length: 5\r\n",
      "content-length: 0\r\n",
      "0\r\n\r\n",
      "5\r\nhello\r\n",
    ],
    ...[
      "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n",
      "\r\n",
      "\n",
      " \r\n",
      "\t",
      ";ext=1",
      "Transfer-Encoding : chunked\r\n",
    ],
    ...[
      "connection: keep-alive\r\n",
      "connection: upgrade\r\nupgrade: x\r\n",
      "expect: 100-continue\r\n",
      " HTTP/1.0\r\n",
    ],
    ...["trailer: a\r\n", "te: trailers\r\n", "/stream", "/up", "/again", "\0", "\u0080"],
  ],
  *seeds() {
    const head = (line: string, ...fields: string[]) =>
      `\0${line} HTTP/1.1\r\nhost: a\r\n${fields.map((each) => `${each}\r\n`).join("")}\r\n`
    for (const path of ["/", "/stream", "/up", "/again"]) {
      yield Buffer.from(head(`GET ${path}`))
      yield Buffer.from(`${head(`POST ${path}`, "content-length: 5")}hello${head(`GET ${path}`).slice(1)}`)
      yield Buffer.from(
        `${head(`POST ${path}`, "transfer-encoding: chunked")}5\r\nhello\r\n0\r\nx: 1\r\n\r\n`,
      )
      yield Buffer.from(
        `${head(`POST ${path}`, "transfer-encoding: chunked", "content-length: 3")}5\r\nhello\r\n0\r\n\r\n`,
      )
    }
    yield Buffer.from(`${head("GET /up", "connection: upgrade", "upgrade: websocket")}more`)
    yield Buffer.from(head("GET /", "x: a\r\n b"))
    yield Buffer.from(`${head("PUT /", "expect: 100-continue", "content-length: 2")}ab`)
  },
  run(input) {
    const options = input[0] ?? 0
    const octets = input.subarray(1)
    const cut = options & CUT
    const pieces = cut === 0 ? [octets] : randomly(seededRandom(cut), 2 * cut)(octets)
    const sockets: BackendSocket[] = []
    return runEdge({
      client: saying(pieces),
      backend: echoing,
      config: proxyConfig,
      waits: (options & WAITS) !== 0,
      connect(_endpoint, _bindAddress, onOctets) {
        let answered = 0
        const socket = new BackendSocket(onOctets, ({ heard }) => {
          for (const whole = readMessages(heard, "request").length; answered < whole; answered++)
            socket.push(ANSWER)
        })
        sockets.push(socket)
        return socket.asSocket()
      },
      check(ended, heard) {
        const requests = sockets.flatMap((socket) => readMessages(socket.heard, "request"))
        const tries = ended.reduce((sum, { attempts }) => sum + attempts.length, 0)
        assert(requests.length <= tries, `${requests.length} requests of ${tries} tries`)
        if (!heard.startsWith("HTTP/1")) return
        const isHead = octets.includes("HEAD")
        const answers = isHead
          ? []
          : readMessages(heard, "response").filter(({ start }) => !/ 1\d\d /.test(start))
        // What cannot be read as a request is answered without a call.
        assert(answers.length <= ended.length + 1, `${answers.length} answers to ${ended.length} calls`)
      },
    })
  },
}

import assert from "node:assert/strict"
import { seededRandom } from "../../../src/base/random.ts"
import { readHttp1Head } from "../../../src/bridge/http1/head.ts"
import { type Http1Request, readHttp1Request } from "../../../src/bridge/http1/request.ts"
import { type RequestEvents, RequestInput } from "../../../src/bridge/http1/request-input.ts"
import { readRequestLine, requestLineProblem } from "../../../src/http1/request-line.ts"
import { randomly } from "../../support/memory-link.ts"
import type { Target } from "../engine/target.ts"
import { nodeDiffers, readWithNode } from "../oracles/node-http1.ts"

const BOUNDS = { octetsMax: 4096, fieldsMax: 32 }
/** What Node may read of a head: its limit has no line ends in it. */
const NODE_HEAD_OCTETS_MAX = 8192

interface Read {
  readonly request: Http1Request
  body: string
  isWhole: boolean
}

/** Requests as a connection reads them, to the first that is refused or the last on its connection. */
function readAll(pieces: Iterable<Buffer>): { read: Read[]; fault: string | null } {
  const read: Read[] = []
  let fault: string | null = null
  const end = (reason: string): void => {
    fault = reason
    input.stop()
  }
  const events: RequestEvents = {
    mayBeginRequest: true,
    onHeadBegun: () => {},
    onHead: (startLine, fields) => {
      const line = readRequestLine(startLine)
      assert(!("reason" in line), "judged in two ways")
      const request = readHttp1Request(line, fields)
      if ("reason" in request) return end(request.reason)
      const head = readHttp1Head(request, "http")
      if (typeof head === "string") return end(head)
      read.push({ request, body: "", isWhole: !request.hasBody })
      if (request.hasBody) input.beginBody(request.contentLength)
      else if (!request.isPersistent || request.upgrade !== null || line.method === "CONNECT") end("the last")
    },
    onHeadFault: ({ reason }) => end(reason),
    onBody: (octets, start, until, isEnd) => {
      const last = read.at(-1)!
      last.body += octets.toString("latin1", start, until)
      last.isWhole = isEnd
      if (isEnd && !last.request.isPersistent) end("the last")
    },
    onBodyFault: end,
    later: () => {},
    resumeReading: () => {},
  }
  const input = new RequestInput(
    { bounds: BOUNDS, startLineProblem: requestLineProblem, skipsEmptyLines: true, remembersLast: true },
    events,
  )
  for (const piece of pieces) input.receive(piece, 0, piece.length)
  return { read, fault }
}

/**
 * Requests are the same ones however the reads are cut, and each that is read whole is one that Node's own parser, at its
 * strictest, reads as the same. Node may read more.
 */
export const http1Requests: Target = {
  steps: { base: 5000, perOctet: 500 },
  words: [
    ...[
      "GET / HTTP/1.1\r\n",
      "POST / HTTP/1.0\r\n",
      "host: a\r\n",
      "connection: close\r\n",
      "expect: 100-continue\r\n",
    ],
    ...["content-length: 5\r\n", "transfer-encoding: chunked\r\n", "transfer-encoding: gzip, chunked\r\n"],
    ...[
      "connection: keep-alive, upgrade\r\nupgrade: x\r\n",
      " HTTP/1.1",
      "http://a",
      "*",
      "#",
      "\x7f",
      "\xff",
    ],
    ...[
      "\r\n\r\n",
      "5\r\nhello\r\n",
      "0\r\n\r\n",
      ";a=b\r\n",
      '5;a="b"\r\n',
      "0\r\nx: 1\r\n\r\n",
      "\n",
      "\r",
      "\0",
    ],
    ...[
      " : ",
      "\t",
      " \r\n",
      "\r\n ",
      "Content-Length : 1\r\n",
      "content-length: 0, 0\r\n",
      "chunked, chunked",
    ],
  ],
  *seeds() {
    const head = (line: string, ...fields: string[]) =>
      `\x03${line} HTTP/1.1\r\nHost: a\r\n${fields.map((each) => `${each}\r\n`).join("")}\r\n`
    yield Buffer.from(head("GET /"))
    yield Buffer.from(`${head("POST /", "Content-Length: 5")}hello${head("GET /b").slice(1)}`)
    yield Buffer.from(`${head("POST /", "Transfer-Encoding: chunked")}5;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\n`)
    yield Buffer.from(`${head("POST /", "Transfer-Encoding: chunked", "Content-Length: 5")}0\r\n\r\n`)
    yield Buffer.from(`${head("GET /", "Connection: Upgrade", "Upgrade: x")}more`)
    yield Buffer.from(head("GET /", "X: a\r\n b"))
    yield Buffer.from("\x03GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n")
  },
  run(input) {
    const how = input[0] ?? 0
    const octets = input.subarray(1)
    const whole = readAll([octets])
    assert.deepEqual(
      readAll(randomly(seededRandom(how), 1 + 2 * (how & 0x3f))(octets)),
      whole,
      "other reads, other requests",
    )
    const byNode = readWithNode(octets, NODE_HEAD_OCTETS_MAX)
    for (const [i, { request, body, isWhole }] of whole.read.entries()) {
      if (!isWhole) return
      const { method, target, minorVersion, fields } = request
      const node = byNode.requests[i]
      if (node?.isWhole !== true && nodeDiffers(byNode, i, target) !== null) return
      assert(node?.isWhole === true, `Node does not read ${method} ${target}: ${byNode.fault}`)
      assert.deepEqual({ method, target, minorVersion, fields, body, isWhole }, node)
    }
  },
}

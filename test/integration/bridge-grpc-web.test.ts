import * as http2 from "node:http2"
import { describe, expect, type TestContext, test } from "vitest"
import { ErrorCode } from "../../src/http2/error-code.ts"
import * as dsl from "../support/frame-dsl.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { readWord, TalkBackend, wordOctets } from "../support/talk-backend.ts"
import { type Backend, TestBed } from "../support/test-bed.ts"

const TEXT = "application/grpc-web-text+proto"
const BINARY = "application/grpc-web+proto"

interface WebAnswer {
  status: number
  header: Record<string, string>
  /** As it came, not decoded. */
  body: Buffer
}

type Send = (port: number, path: string, fields: Record<string, string>, body: Buffer[]) => Promise<WebAnswer>

/** Sends a body in pieces, each a chunk or a DATA frame of its own. */
const ways: { version: string; send: Send }[] = [
  {
    version: "HTTP/1.1",
    async send(port, path, headers, body) {
      const stream = ReadableStream.from(body)
      const init = { method: "POST", headers, body: stream, duplex: "half" } as RequestInit
      const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
      const octets = Buffer.from(await response.arrayBuffer())
      return { status: response.status, header: Object.fromEntries(response.headers), body: octets }
    },
  },
  {
    version: "HTTP/2",
    async send(port, path, fields, body) {
      const session = http2.connect(`http://127.0.0.1:${port}`)
      const request = session.request({ ":method": "POST", ":path": path, ...fields })
      for (const piece of body) request.write(piece)
      request.end()
      return new Promise((resolve, reject) => {
        let header: Record<string, string> = {}
        const octets: Buffer[] = []
        request.on("response", (list) => (header = list as never))
        request.on("data", (chunk: Buffer) => octets.push(chunk))
        request.on("error", reject)
        request.on("end", () => {
          session.destroy()
          resolve({ status: Number(header[":status"]), header, body: Buffer.concat(octets) })
        })
      })
    },
  },
]

const framed = (message: Uint8Array): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** The frames of a gRPC-Web body: messages, and the trailers as lines. */
function framesOf(body: Buffer): { messages: Buffer[]; trailers: string[] } {
  const messages: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1)
    const payload = body.subarray(at + 5, end)
    if (body[at] === 0x80) {
      expect(end).toBe(body.length)
      return { messages, trailers: payload.toString("latin1").split("\r\n").filter(Boolean) }
    }
    messages.push(payload)
    at = end
  }
  throw new Error("no trailers")
}

/** Base64 in several encodings, each with its padding. */
const decodeText = (body: Buffer): Buffer => {
  const pieces = body.toString("latin1").match(/[A-Za-z0-9+/]+={0,2}/g) ?? []
  expect(pieces.join("")).toBe(body.toString("latin1"))
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")))
}

async function start(t: TestContext, backend: Backend = new TalkBackend()): Promise<TestBed> {
  return TestBed.start(t, { backends: [backend], config: { bridge: { grpcWeb: true } } })
}

const SAY = "/talk.Talk/Say"

describe.each(ways)("gRPC-Web's text mode over $version", ({ send }) => {
  const word = wordOctets({ text: "text", octets: Buffer.from([0, 1, 2]) })
  const whole = framed(word).toString("base64")

  const bodies: [name: string, pieces: string[]][] = [
    ["in one piece", [whole]],
    ["one character at a time", whole.split("")],
    ["cut within a quantum", [whole.slice(0, 5), whole.slice(5, 11), whole.slice(11)]],
    [
      "prefix and message each with their own padding",
      [framed(word).subarray(0, 5).toString("base64"), Buffer.from(word).toString("base64")],
    ],
    ["without the padding at its end", [whole.replace(/=+$/, "")]],
  ]
  test.for(bodies)("a request %s", async ([_name, pieces], t) => {
    const bed = await start(t)
    const body = pieces.map((piece) => Buffer.from(piece, "latin1"))
    const answer = await send(bed.port, SAY, { "content-type": TEXT }, body)
    expect([answer.status, answer.header["content-type"]]).toEqual([200, TEXT])
    const { messages, trailers } = framesOf(decodeText(answer.body))
    expect(readWord(messages[0]!).text).toBe("text")
    expect(trailers).toContain("grpc-status: 0")
  })

  test.for(["Zm9v!", "Z", "Zm=v"])("%j is no base64: INVALID_ARGUMENT", async (body, t) => {
    const bed = await start(t)
    const answer = await send(bed.port, SAY, { "content-type": TEXT }, [Buffer.from(body)])
    expect(framesOf(decodeText(answer.body)).trailers).toEqual([
      "grpc-status: 3",
      "grpc-message: the body of a grpc-web-text request is not base64",
    ])
  })

  test("the response follows accept, and without it the request", async (t) => {
    const bed = await start(t)
    const table: [contentType: string, accept: string | null, wanted: string][] = [
      [TEXT, null, TEXT],
      [TEXT, "*/*", TEXT],
      [TEXT, "application/grpc-web-text", TEXT],
      [TEXT, "application/grpc-web+proto", BINARY],
      [BINARY, "application/grpc-web-text+proto", TEXT],
      [BINARY, "*/*", BINARY],
    ]
    for (const [type, accept, wanted] of table) {
      const body = type === TEXT ? Buffer.from(whole) : framed(word)
      const fields = { "content-type": type, ...(accept !== null && { accept }) }
      expect((await send(bed.port, SAY, fields, [body])).header["content-type"]).toBe(wanted)
    }
  })

  test("a stream comes in pieces that are each complete", async (t) => {
    const bed = await start(t)
    const request = framed(wordOctets({ number: 50n, octets: Buffer.alloc(10_000) })).toString("base64")
    const answer = await send(bed.port, "/talk.Talk/Count", { "content-type": TEXT }, [Buffer.from(request)])
    const { messages, trailers } = framesOf(decodeText(answer.body))
    expect(messages.map((one) => Number(readWord(one).number))).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    )
    expect(trailers).toContain("grpc-status: 0")
  })
})

/** What a backend does with a call, and what the page is told: messages, trailers. */
const endings: [name: string, act: (stream: RawStream) => void, messages: string[], trailers: string[]][] = [
  [
    "answers with a head, messages and trailers",
    ({ connection, id }) => {
      const trailers = [...dsl.okTrailers, ["x-last", "1"] as const]
      connection.send(
        dsl.headers(id, [...dsl.response, ["x-first", "1"]]),
        dsl.data(id, framed(Buffer.from("one"))),
      )
      connection.send(dsl.headers(id, trailers, { endStream: true }))
    },
    ["one"],
    ["grpc-status: 0", "x-last: 1"],
  ],
  [
    "answers with a head and trailers, and no message between",
    ({ connection, id }) => {
      connection.send(dsl.headers(id, [...dsl.response, ["x-first", "1"]]))
      connection.send(dsl.headers(id, dsl.okTrailers, { endStream: true }))
    },
    [],
    ["grpc-status: 0"],
  ],
  [
    "answers with trailers only",
    ({ connection, id }) =>
      connection.send(
        dsl.headers(
          id,
          [...dsl.response, ["grpc-status", "5"], ["grpc-message", "no%20such"], ["x-last", "1"]],
          {
            endStream: true,
          },
        ),
      ),
    [],
    ["grpc-status: 5", "grpc-message: no%20such", "x-last: 1"],
  ],
  [
    "answers with HTML",
    ({ connection, id }) => {
      connection.send(
        dsl.headers(id, [
          [":status", "503"],
          ["content-type", "text/html"],
        ]),
      )
      connection.send(dsl.data(id, Buffer.from("<html>"), { endStream: true }))
    },
    [],
    ["grpc-status: 14", "grpc-message: the backend answered with HTTP status 503, not gRPC"],
  ],
  [
    "ends without trailers",
    ({ connection, id }) => {
      connection.send(
        dsl.headers(id, dsl.response),
        dsl.data(id, framed(Buffer.from("one")), { endStream: true }),
      )
    },
    ["one"],
    ["grpc-status: 2", "grpc-message: the backend ended the stream without a grpc-status"],
  ],
  [
    "resets the stream after a message",
    ({ connection, id }) => {
      connection.send(dsl.headers(id, dsl.response), dsl.data(id, framed(Buffer.from("one"))))
      connection.send(dsl.rstStream(id, ErrorCode.ENHANCE_YOUR_CALM))
    },
    ["one"],
    ["grpc-status: 8", "grpc-message: the stream was reset with ENHANCE_YOUR_CALM"],
  ],
]

describe.each(ways)("gRPC-Web over $version when the backend", ({ send }) => {
  test.for(endings)("%s", async ([name, act, messages, trailers], t) => {
    const backend = await RawServer.start()
    backend.onStream = act
    const bed = await start(t, backend)
    const answer = await send(bed.port, SAY, { "content-type": BINARY }, [framed(Buffer.alloc(0))])
    expect([answer.status, answer.header["content-type"]]).toEqual([200, "application/grpc-web"])
    expect(answer.header["x-first"]).toBe(name.includes("a head") ? "1" : undefined)
    const frames = framesOf(answer.body)
    expect([frames.messages.map(String), frames.trailers]).toEqual([messages, trailers])
  })

  test("is not there", async (t) => {
    const backend = new TalkBackend()
    const bed = await start(t, backend)
    await backend.close()
    const answer = await send(bed.port, SAY, { "content-type": BINARY }, [framed(Buffer.alloc(0))])
    expect(framesOf(answer.body).trailers[0]).toBe("grpc-status: 14")
  })
})

test("a gRPC-Web request becomes a gRPC one, metadata and all", async (t) => {
  const backend = await RawServer.start()
  backend.onStream = endings[1]![1]
  const bed = await start(t, backend)
  const fields = {
    ...{ "content-type": BINARY, "x-grpc-web": "1", "x-user-agent": "grpc-web-javascript/0.1" },
    ...{
      accept: "application/grpc-web+proto",
      "grpc-timeout": "5S",
      "x-mine": "a",
      authorization: "Bearer t",
    },
  }
  await ways[1]!.send(bed.port, SAY, fields, [framed(Buffer.alloc(0))])
  const { fields: seen } = await backend.stream()
  expect(Object.fromEntries(seen)).toEqual({
    ":method": "POST",
    ":scheme": "http",
    ":path": SAY,
    ":authority": `127.0.0.1:${bed.port}`,
    te: "trailers",
    "content-type": "application/grpc+proto",
    "grpc-timeout": "5S",
    "x-user-agent": "grpc-web-javascript/0.1",
    "x-mine": "a",
    authorization: "Bearer t",
  })
})

import { beforeAll, describe, expect, type TestContext, test } from "vitest"
import { browserClients } from "../support/browser-clients.ts"
import { eventually } from "../support/eventually.ts"
import { TalkBackend, type Word, word } from "../support/talk-backend.ts"
import { TestBed } from "../support/test-bed.ts"

/** Clients made for browsers, unchanged, against a backend that speaks gRPC alone. */
async function start(t: TestContext): Promise<{ bed: TestBed; backend: TalkBackend }> {
  const backend = new TalkBackend()
  const bed = await TestBed.start(t, {
    backends: [backend],
    config: { bridge: { grpcWeb: true, connect: true, webSocket: true } },
  })
  return { bed, backend }
}

const FAILED_PRECONDITION = 9
const numbers = (words: Word[]): number[] => words.map(({ number }) => Number(number))

beforeAll(async () => {
  // Node's fetch keeps a socket from its first use on.
  await fetch("http://127.0.0.1:1").catch(() => {})
})

describe.each(browserClients)("$name", (client) => {
  test("a unary call brings its message, metadata and trailers", async (t) => {
    const { bed, backend } = await start(t)
    const said = word({ text: "héllo 你好", number: 7n, octets: Buffer.from([0, 255]) })
    const { words, code, header, trailer } = await client.call(bed.port, "Say", [said], {
      metadata: { "x-echo": "one, two" },
    })
    expect({ code, text: words[0]?.text, number: words[0]?.number }).toEqual({
      code: 0,
      text: said.text,
      number: 7n,
    })
    expect(Buffer.from(words[0]!.octets)).toEqual(Buffer.from([0, 255]))
    expect(header["x-initial"]).toBe("one, two")
    if (client.showsTrailers) expect(trailer["x-trailing"]).toBe("one, two")
    expect(backend.calls[0]!.metadata.get("x-echo")).toEqual(["one, two"])
  })

  test("an error brings its code, its message and its metadata", async (t) => {
    const { bed } = await start(t)
    const { code, message, trailer } = await client.call(bed.port, "Say", [word({ text: "fail" })], {
      metadata: { "x-echo": "why" },
    })
    expect({ code, message: decoded(message) }).toEqual({ code: FAILED_PRECONDITION, message: "no: 不" })
    if (Object.keys(trailer).length > 0) expect(trailer["x-trailing"]).toBe("why")
  })

  test("a stream from the server comes whole and in order", async (t) => {
    const { bed } = await start(t)
    const { words, code } = await client.call(bed.port, "Count", [
      word({ number: 100n, octets: Buffer.alloc(1000) }),
    ])
    expect({ code, numbers: numbers(words) }).toEqual({
      code: 0,
      numbers: Array.from({ length: 100 }, (_, i) => i),
    })
  })

  test("a stream that fails brings what came before, then the error", async (t) => {
    const { bed } = await start(t)
    const { words, code } = await client.call(bed.port, "Count", [word({ number: 3n, text: "fail" })])
    expect({ code, numbers: numbers(words) }).toEqual({ code: FAILED_PRECONDITION, numbers: [0, 1, 2] })
  })

  test("messages of 2 MiB pass both ways", async (t) => {
    const { bed } = await start(t)
    const octets = Buffer.alloc(2 * 1024 * 1024, "abc")
    const { words, code } = await client.call(bed.port, "Say", [word({ octets })])
    expect({ code, length: words[0]?.octets.length }).toEqual({ code: 0, length: octets.length })
    expect(Buffer.compare(words[0]!.octets, octets)).toBe(0)
  })

  if (client.isIncremental)
    test("a client that cancels is a cancellation for the backend", async (t) => {
      const { bed, backend } = await start(t)
      const aborter = new AbortController()
      const said = word({ number: 2n, text: "hang", octets: Buffer.alloc(100) })
      const calling = client.call(bed.port, "Count", [said], {
        signal: aborter.signal,
        onWord: ({ number }) => number === 1n && aborter.abort(),
      })
      expect((await calling).code).not.toBe(0)
      await eventually(
        () => backend.calls[0]?.isCancelled === true,
        () => "the backend saw the cancellation",
      )
    })

  if (client.kinds.includes("client_streaming"))
    test("a stream to the server is summed up", async (t) => {
      const { bed } = await start(t)
      const { words, code } = await client.call(
        bed.port,
        "Gather",
        [1n, 2n, 39n].map((number) => word({ number })),
      )
      expect({ code, sum: words[0]?.number }).toEqual({ code: 0, sum: 42n })
    })

  if (client.kinds.includes("bidi_streaming"))
    test("a conversation: each answer before the next question", async (t) => {
      const { bed } = await start(t)
      const heard: bigint[] = []
      let wake = (): void => {}
      async function* questions(): AsyncGenerator<Word> {
        for (let number = 1n; number <= 5n; number++) {
          yield word({ number })
          while (heard.length < number) await new Promise<void>((resolve) => (wake = resolve))
        }
      }
      const { code, trailer } = await client.call(bed.port, "Chat", questions(), {
        metadata: { "x-echo": "bidi" },
        onWord: ({ number }) => {
          heard.push(number)
          wake()
        },
      })
      expect({ code, heard }).toEqual({ code: 0, heard: [1n, 2n, 3n, 4n, 5n] })
      expect(trailer["x-trailing"]).toBe("bidi")
    })
})

/** Some of these clients leave `grpc-message` as it travels. */
function decoded(message: string): string {
  return message.includes("%") ? decodeURIComponent(message) : message
}

import { brotliCompressSync, gzipSync } from "node:zlib"
import { describe, expect, type TestContext, test } from "vitest"
import { createBalancer } from "../../src/control/create-balancer.ts"
import { eventually } from "../support/eventually.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { readWord, TalkBackend, wordOctets } from "../support/talk-backend.ts"
import { TestBed } from "../support/test-bed.ts"

/** What connectrpc's own suite (`npm run conformance`) has no case for, and what people try with curl. */
async function start(
  t: TestContext,
  options: { backend?: TalkBackend; limits?: object; clock?: ManualClock } = {},
) {
  const backend = options.backend ?? new TalkBackend()
  const { clock } = options
  const bed = await TestBed.start(t, {
    backends: [backend],
    config: { bridge: { connect: true }, ...(options.limits && { limits: options.limits }) },
    ...(clock !== undefined && { clock }),
  })
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://127.0.0.1:${bed.port}/talk.Talk/${path}`, init)
    const body = Buffer.from(await response.arrayBuffer())
    return {
      status: response.status,
      header: response.headers,
      body,
      json: () => JSON.parse(body.toString()) as unknown,
    }
  }
  const post = (path: string, body: string | Buffer, fields: Record<string, string> = {}) =>
    ask(path, { method: "POST", body, headers: { "content-type": "application/json", ...fields } })
  return { bed, backend, ask, post }
}

describe("a unary call", () => {
  test("is what curl sends: JSON there, JSON back", async (t) => {
    const { bed, post } = await start(t)
    const answer = await post("Say", '{"text": "hello", "number": 5}', { "x-echo": "e" })
    expect([answer.status, answer.json()]).toEqual([200, { text: "hello", number: "5" }])
    expect([answer.header.get("x-initial"), answer.header.get("trailer-x-trailing")]).toEqual(["e", "e"])
    expect((await bed.ended())[0]).toMatchObject({ method: "POST", status: 200, grpcStatus: 0 })
  })

  test("in binary needs no types of its backend", async (t) => {
    const { post } = await start(t, { backend: new TalkBackend({ hasReflection: false }) })
    const body = Buffer.from(wordOctets({ text: "bin" }))
    const answer = await post("Say", body, { "content-type": "application/proto" })
    expect([answer.status, readWord(answer.body).text]).toEqual([200, "bin"])
    const json = await post("Say", "{}")
    expect([json.status, json.json()]).toEqual([
      501,
      { code: "unimplemented", message: expect.stringMatching(/no server reflection/) as string },
    ])
  })

  test("fails as JSON, with its details in words where the type is known", async (t) => {
    const { bed, post } = await start(t)
    const answer = await post("Say", '{"text": "fail"}')
    const value = Buffer.from(wordOctets({ text: "why" }))
      .toString("base64")
      .replace(/=+$/, "")
    const details = [{ type: "talk.Word", value, debug: { text: "why" } }]
    expect([answer.status, answer.json()]).toEqual([
      400,
      { code: "failed_precondition", message: "no: 不", details },
    ])
    expect((await bed.ended())[0]).toMatchObject({ status: 400, grpcStatus: 9 })
  })

  const compressions: [
    name: string,
    encoding: string,
    body: (text: string) => Buffer,
    status: number,
    code?: string,
  ][] = [
    ["gzip", "gzip", (text) => gzipSync(text), 200],
    ["br", "br", (text) => brotliCompressSync(text), 200],
    ["identity", "identity", (text) => Buffer.from(text), 200],
    ["what it does not say", "gzip", (text) => Buffer.from(text), 400, "invalid_argument"],
    ["what nobody knows", "rot13", (text) => Buffer.from(text), 501, "unimplemented"],
    ["a bomb", "gzip", () => gzipSync(Buffer.alloc(50_000_000, " ")), 429, "resource_exhausted"],
  ]
  test.for(compressions)("in JSON compressed with %s", async ([_name, encoding, body, status, code], t) => {
    const { post } = await start(t)
    const answer = await post("Say", body('{"text":"x"}'), { "content-encoding": encoding })
    expect(answer.status).toBe(status)
    expect(answer.json()).toMatchObject(code === undefined ? { text: "x" } : { code })
  })

  const wrong: [
    name: string,
    body: string,
    fields: Record<string, string>,
    status: number,
    message: RegExp,
  ][] = [
    ["a value of the wrong type", '{"text": 5}', {}, 400, /^field text of talk\.Word, position 9: /],
    ["no JSON", "{", {}, 400, /^malformed JSON/],
    ["a timeout that is no number", "{}", { "connect-timeout-ms": "soon" }, 400, /grpc-timeout/],
    ["a timeout of eleven digits", "{}", { "connect-timeout-ms": "12345678901" }, 400, /grpc-timeout/],
    ["a version of the future", "{}", { "connect-protocol-version": "2" }, 400, /version 2/],
    ["too large a message", `{"text":"${"x".repeat(10_001)}"}`, {}, 429, /messageOctetsMax \(10000 octets\)/],
  ]
  test.for(wrong)("refuses %s", async ([_name, body, fields, status, message], t) => {
    const { post, backend } = await start(t, { limits: { messageOctetsMax: 10_000 } })
    const answer = await post("Say", body, fields)
    expect([answer.status, answer.json()]).toEqual([
      status,
      expect.objectContaining({ message: expect.stringMatching(message) as string }),
    ])
    expect(backend.calls).toEqual([])
  })

  test("is held to its timeout by the balancer", async (t) => {
    const { post } = await start(t)
    const answer = await post("Say", '{"text":"compute"}', { "connect-timeout-ms": "30" })
    expect([answer.status, answer.json()]).toMatchObject([504, { code: "deadline_exceeded" }])
  })

  test("of a method that streams is refused", async (t) => {
    const { post } = await start(t)
    const answer = await post("Count", '{"number": 2}')
    expect([answer.status, answer.json()]).toMatchObject([501, { code: "unimplemented" }])
  })

  test("of a stream without end is refused at its second message, and cancelled", async (t) => {
    const { bed, backend, post } = await start(t)
    const answer = await post("Count", '{"number": 5, "text": "hang"}')
    expect([answer.status, answer.json()]).toEqual([
      501,
      { code: "unimplemented", message: "a unary call was answered with more than one message" },
    ])
    await eventually(
      () => backend.calls[0]!.isCancelled,
      () => "the backend saw the cancellation",
    )
    expect((await bed.ended())[0]).toMatchObject({ status: 501, grpcStatus: 12 })
  })

  test("holds its answer until the status, and nothing beside it", async (t) => {
    const { bed, ask } = await start(t)
    const octets = new Uint8Array(100_000)
    const body = Buffer.from(wordOctets({ number: 1n, octets, text: "hang" }))
    const away = new AbortController()
    const headers = { "content-type": "application/proto" }
    const asked = ask("Count", { method: "POST", body, headers, signal: away.signal }).catch(() => "gone")
    const held = (): number => bed.balancer.snapshot().bufferedOctets
    await eventually(
      () => held() === wordOctets({ octets }).length,
      () => `the answer is held: ${held()} octets`,
    )
    away.abort()
    expect(await asked).toBe("gone")
    await bed.ended()
    expect(held()).toBe(0)
  })
})

describe("a GET", () => {
  const query = (fields: Record<string, string>): string =>
    `?${new URLSearchParams({ connect: "v1", ...fields }).toString()}`

  test("calls a method without side effects", async (t) => {
    const { bed, ask } = await start(t)
    const json = await ask(`Look${query({ encoding: "json", message: '{"text":"x"}' })}`)
    expect([json.status, json.json()]).toEqual([200, { text: "x" }])
    const message = Buffer.from(wordOctets({ text: "b64" })).toString("base64url")
    const binary = await ask(`Look${query({ encoding: "proto", message, base64: "1" })}`)
    expect([binary.status, readWord(binary.body).text]).toEqual([200, "b64"])
    expect((await bed.ended(2))[0]!.method).toBe("GET")
  })

  test("calls no other", async (t) => {
    const { backend, ask } = await start(t)
    const answer = await ask(`Say${query({ encoding: "json", message: "{}" })}`)
    expect([answer.status, answer.json()]).toMatchObject([501, { code: "unimplemented" }])
    expect(backend.calls).toEqual([])
  })

  test("with a message that is not base64 is refused", async (t) => {
    const { ask } = await start(t)
    const answer = await ask(`Look${query({ encoding: "json", message: "!", base64: "1" })}`)
    expect([answer.status, answer.json()]).toMatchObject([400, { code: "invalid_argument" }])
  })
})

describe("a stream", () => {
  const envelope = (flags: number, payload: string | Buffer): Buffer => {
    const head = Buffer.alloc(5)
    head[0] = flags
    head.writeUInt32BE(Buffer.byteLength(payload), 1)
    return Buffer.concat([head, Buffer.from(payload)])
  }
  const envelopes = (body: Buffer): [flags: number, payload: unknown][] => {
    const all: [number, unknown][] = []
    for (let at = 0; at < body.length; ) {
      const end = at + 5 + body.readUInt32BE(at + 1)
      all.push([body[at]!, JSON.parse(body.subarray(at + 5, end).toString())])
      at = end
    }
    return all
  }
  const JSON_STREAM = { "content-type": "application/connect+json" }

  test("of JSON ends with an envelope that says how", async (t) => {
    const { post } = await start(t)
    const answer = await post("Count", envelope(0, '{"number": 2}'), { ...JSON_STREAM, "x-echo": "e" })
    expect([answer.status, answer.header.get("content-type")]).toEqual([200, "application/connect+json"])
    expect(envelopes(answer.body)).toEqual([
      [0, {}],
      [0, { number: "1" }],
      [2, { metadata: { "x-trailing": ["e"] } }],
    ])
  })

  const wrong: [name: string, body: Buffer, code: string][] = [
    ["malformed JSON", envelope(0, "{"), "invalid_argument"],
    ["half an envelope", envelope(0, '{"number": 2}').subarray(0, 10), "invalid_argument"],
    ["a message that is compressed, by nobody knows what", envelope(1, "x"), "invalid_argument"],
    ["an envelope of 4 GiB", Buffer.from([0, 255, 255, 255, 255, 0]), "resource_exhausted"],
  ]
  test.for(wrong)("of %s is told so in its last envelope", async ([_name, body, code], t) => {
    const { post } = await start(t)
    const answer = await post("Chat", body, JSON_STREAM)
    expect(answer.status).toBe(200)
    expect(envelopes(answer.body)).toEqual([[2, { error: expect.objectContaining({ code }) as object }]])
  })
})

test("types that are old serve while newer ones are asked for", async (t) => {
  const clock = new ManualClock()
  const { bed, backend, post } = await start(t, { clock })
  expect((await post("Say", '{"text":"one"}')).json()).toEqual({ text: "one" })
  clock.advance(11 * 60_000)
  backend.hangsReflection = true
  expect((await post("Say", '{"text":"two"}')).json()).toEqual({ text: "two" })
  // The question is still open.
  expect(bed.balancer.snapshot().clusters[0]!.endpoints[0]!.streamsOpen).toBe(1)
  const unknown = post("Nope", "{}")
  await eventually(
    () => {
      clock.advance(1000)
      return clock.now() > 12 * 60_000
    },
    () => "reflection gave up",
  )
  expect((await unknown).json()).toMatchObject({ code: "unimplemented" })
  expect((await post("Say", '{"text":"three"}')).json()).toEqual({ text: "three" })
})

test("a descriptor set that cannot be read keeps the balancer from starting", () => {
  const config = { listeners: "127.0.0.1:0", clusters: { test: ["127.0.0.1:1"] } }
  const make = (descriptorSet: string) => () => createBalancer({ ...config, bridge: { descriptorSet } })
  expect(make("/nowhere/talk.binpb")).toThrow(
    /^cannot read the descriptor set \/nowhere\/talk\.binpb: ENOENT/,
  )
  expect(make("package.json")).toThrow(/^cannot read the descriptor set package\.json: /)
})

/** JSON bridges beside backends as they are: compressing, guarded, redeployed, described at length; and what is too much. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { fromJson } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema, file_google_protobuf_struct } from "@bufbuild/protobuf/wkt"
import { describe, expect, type TestContext, test } from "vitest"
import { WebSocket } from "ws"
import { loadConfig } from "../../src/config/load.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { eventually } from "../support/eventually.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { TestBed } from "../support/test-bed.ts"
import { shopFile, TypedBackend } from "../support/typed-backend.ts"

const fields = {
  name: "STRING",
  count: "INT32",
  kids: ".shop.Item",
  data: "BYTES",
  free: ".google.protobuf.Struct",
}
const struct = file_google_protobuf_struct.proto
const shop = () => new TypedBackend(shopFile(fields, { dependency: [struct.name] }), struct)

interface Stage {
  bed: TestBed
  backend: TypedBackend
  get: (body: string | Buffer, headers?: Record<string, string>) => Promise<{ status: number; json: unknown }>
  chat: (...said: (string | object)[]) => Promise<Chat>
}

interface Chat {
  socket: WebSocket
  /** All that was said, once it is closed. */
  ended: Promise<unknown[]>
}

async function start(
  t: TestContext,
  backend: TypedBackend,
  options: { limits?: object; bridge?: SluiceYaml["bridge"]; clock?: ManualClock } = {},
): Promise<Stage> {
  const { clock } = options
  const bed = await TestBed.start(t, {
    backends: [backend],
    config: {
      bridge: { connect: true, webSocket: true, ...options.bridge },
      ...(options.limits && { limits: options.limits }),
    },
    ...(clock !== undefined && { clock }),
  })
  const get: Stage["get"] = async (body, headers = {}) => {
    const response = await fetch(`http://127.0.0.1:${bed.port}/shop.Shop/Get`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    })
    return { status: response.status, json: await response.json() }
  }
  const chat: Stage["chat"] = async (...said) => {
    const socket = new WebSocket(`ws://127.0.0.1:${bed.port}/shop.Shop/Chat`)
    const heard: unknown[] = []
    socket.on("message", (data) => heard.push(JSON.parse((data as Buffer).toString())))
    socket.on("error", () => {})
    const ended = new Promise<unknown[]>((resolve) => socket.on("close", () => resolve(heard)))
    await new Promise((resolve) => socket.on("open", resolve))
    for (const text of said) socket.send(typeof text === "string" ? text : JSON.stringify(text))
    return { socket, ended }
  }
  return { bed, backend, get, chat }
}

const END = '{"@end":{}}'
const OK = { "@status": { code: 0, message: "OK", details: [] } }
const many = (text: string, times: number): string => Array<string>(times).fill(text).join(",")

// ---- 1: little in, much out ---------------------------------------------------------------------------------------

describe("a message that becomes too much", () => {
  const kids = `{"kids":[${many("{}", 1_390_000)}]}`
  const bombs: [name: string, json: string, counter: string, limit: RegExp][] = [
    ["1.39 million messages", kids, "message_values_exceeded", /messageValuesMax \(500000 values\)/],
    [
      "as many values of a Struct",
      `{"free":{"a":[${many("1", 1_390_000)}]}}`,
      "message_values_exceeded",
      /Values/,
    ],
    [
      "a nest of objects",
      `${'{"kids":['.repeat(500)}${"]}".repeat(500)}`,
      "message_too_deep",
      /messageDepthMax \(100/,
    ],
    [
      "a nest within a Struct",
      `{"free":${'{"a":'.repeat(500)}1${"}".repeat(500)}}`,
      "message_too_deep",
      /Depth/,
    ],
  ]
  test.for(bombs)(
    "%s, of 4 KiB on the wire, is refused to a Connect call",
    async ([_name, json, counter, limit], t) => {
      const { bed, backend, get } = await start(t, shop())
      const body = gzipSync(json)
      expect(body.length).toBeLessThan(8192)
      expect(await get(body, { "content-encoding": "gzip" })).toEqual({
        status: 429,
        json: { code: "resource_exhausted", message: expect.stringMatching(limit) as string },
      })
      expect(bed.balancer.snapshot().counters).toMatchObject({ [counter]: 1 })
      expect(backend.seen).not.toContain("Get")
      expect(bed.balancer.snapshot().bufferedOctets).toBe(0)
    },
  )

  test("an unknown field costs nothing, however much is in it", async (t) => {
    const { get } = await start(t, shop())
    const body = (values: number): Buffer => gzipSync(`{"nope":[${many("{}", values)}]}`)
    expect(await get(body(400_000), { "content-encoding": "gzip" })).toMatchObject({ status: 400 })
    expect(await get(body(1_390_000), { "content-encoding": "gzip" })).toMatchObject({ status: 429 })
  })

  test.for(bombs)("%s is refused to a WebSocket", async ([_name, json, counter, limit], t) => {
    const { bed, chat } = await start(t, shop(), { limits: { messageOctetsMax: 16 * 1024 * 1024 } })
    const page = await chat(json)
    expect(await page.ended).toEqual([
      { "@status": { code: 8, message: expect.stringMatching(limit) as string, details: [] } },
    ])
    expect(bed.balancer.snapshot().counters).toMatchObject({ [counter]: 1 })
  })

  const answers: [name: string, answer: Buffer, counter: string][] = [
    ["4 MiB of empty messages", Buffer.alloc(4_000_000, Buffer.from([0x1a, 0])), "message_values_exceeded"],
    [
      "4 MiB of fields that are not known",
      Buffer.alloc(4_000_000, Buffer.from([0x78, 1])),
      "message_values_exceeded",
    ],
    [
      "control characters",
      Buffer.concat([Buffer.from([0x0a, 0xc0, 0x84, 0x3d]), Buffer.alloc(1_000_000, 1)]),
      "message_growth_exceeded",
    ],
  ]
  test.for(answers)("%s of a backend's are refused to it", async ([name, answer, counter], t) => {
    const backend = shop()
    backend.answer = () => answer
    const limits = name.startsWith("control") ? { messageGrowthMax: 1 } : {}
    const { bed, get, chat } = await start(t, backend, { limits })
    expect(await get("{}")).toMatchObject({ status: 429, json: { code: "resource_exhausted" } })
    const page = await chat("{}")
    expect(await page.ended).toMatchObject([{ "@status": { code: 8 } }])
    expect(bed.balancer.snapshot().counters).toMatchObject({ [counter]: 2 })
    expect((await bed.ended(2)).map(({ grpcStatus }) => grpcStatus)).toEqual([8, 8])
  })

  test("what is large and honest passes, in order with what is small", async (t) => {
    const { chat, get } = await start(t, shop())
    const large = {
      name: "x".repeat(1_000_000),
      kids: Array.from({ length: 50_000 }, (_, count) => ({ count: count + 1 })),
    }
    const page = await chat({ count: 1 }, large, { count: 2 }, large, { count: 3 }, END)
    expect(await page.ended).toEqual([{ count: 1 }, large, { count: 2 }, large, { count: 3 }, OK])
    expect(await get(gzipSync(JSON.stringify(large)), { "content-encoding": "gzip" })).toEqual({
      status: 200,
      json: large,
    })
  })

  test("a neighbour is served while it is translated", async (t) => {
    const { bed, get, chat } = await start(t, shop())
    const page = await chat({ count: 1 })
    const large = Array.from({ length: 6 }, () => get(`{"kids":[${many('{"count":1}', 100_000)}]}`))
    let answers = 0
    let isOver = false
    const all = Promise.all(large).then((done) => {
      isOver = true
      return done
    })
    page.socket.on("message", () => {
      answers++
      if (!isOver) page.socket.send("{}")
    })
    expect((await all).map(({ status }) => status)).toEqual(Array(6).fill(200))
    // Each answer took several turns of the event loop, and none of them was a whole message.
    expect(answers).toBeGreaterThan(20)
    expect(bed.balancer.snapshot().counters.messages_waited).toBeGreaterThan(0)
    page.socket.send(END)
    await page.ended
  })

  test("a client that goes away takes its work along", async (t) => {
    const { bed } = await start(t, shop())
    const away = new AbortController()
    const asked = fetch(`http://127.0.0.1:${bed.port}/shop.Shop/Get`, {
      method: "POST",
      body: `{"kids":[${many("{}", 400_000)}]}`,
      headers: { "content-type": "application/json" },
      signal: away.signal,
    }).catch(() => "gone")
    await eventually(
      () => bed.balancer.snapshot().bufferedOctets > 1_000_000,
      () => "the message is held",
    )
    away.abort()
    expect(await asked).toBe("gone")
    await bed.ended()
    expect(bed.balancer.snapshot().bufferedOctets).toBe(0)
  })
})

// ---- 16: compressing backends -------------------------------------------------------------------------------------

describe("a backend that compresses by itself", () => {
  test("is understood: its types, its answers, its streams", async (t) => {
    const backend = shop()
    backend.compresses = true
    const { get, chat } = await start(t, backend)
    const item = { name: "x".repeat(100_000), count: 7 }
    expect(await get(JSON.stringify(item))).toEqual({ status: 200, json: item })
    expect(await get('{"name":"small"}')).toEqual({ status: 200, json: { name: "small" } })
    const page = await chat({ count: 1 }, item, END)
    expect(await page.ended).toEqual([{ count: 1 }, item, OK])
  })

  test("is held to the size of a message, decompressed", async (t) => {
    const backend = shop()
    backend.compresses = true
    backend.answer = () =>
      Buffer.concat([Buffer.from([0x0a, 0x80, 0x89, 0x7a]), Buffer.alloc(2_000_000, 0x61)])
    const { get, chat } = await start(t, backend, { limits: { messageOctetsMax: 1_000_000 } })
    const message = expect.stringMatching(
      /messageOctetsMax \(1000000 octets\), which grpc_message_max_size/,
    ) as string
    expect(await get("{}")).toEqual({ status: 429, json: { code: "resource_exhausted", message } })
    expect(await (await chat("{}")).ended).toEqual([{ "@status": { code: 8, message, details: [] } }])
  })
})

test("an answer that cannot be read is INTERNAL, on every way", async (t) => {
  const backend = shop()
  backend.answer = () => Buffer.from([0x0f])
  const { bed, get, chat } = await start(t, backend)
  const message = expect.stringMatching(/^the backend's message is no shop\.Item: .*illegal tag/) as string
  expect(await get("{}")).toEqual({ status: 500, json: { code: "internal", message } })
  expect(await (await chat("{}")).ended).toEqual([{ "@status": { code: 13, message, details: [] } }])
  const response = await fetch(`http://127.0.0.1:${bed.port}/shop.Shop/Chat`, {
    method: "POST",
    body: Buffer.from([0, 0, 0, 0, 2, 0x7b, 0x7d]),
    headers: { "content-type": "application/connect+json" },
  })
  const end = Buffer.from(await response.arrayBuffer())
    .subarray(5)
    .toString()
  expect(JSON.parse(end)).toEqual({ error: { code: "internal", message } })
  expect((await bed.ended(3)).map(({ grpcStatus }) => grpcStatus)).toEqual([13, 13, 13])
})

// ---- 17: guarded reflection ---------------------------------------------------------------------------------------

describe("reflection that asks for credentials", () => {
  const guarded = (): TypedBackend => Object.assign(shop(), { token: "Bearer right" })
  const right = { authorization: "Bearer right" }

  test("is asked with the caller's, once for each of them", async (t) => {
    const { backend, get } = await start(t, guarded())
    expect(await get('{"count":1}', right)).toEqual({ status: 200, json: { count: 1 } })
    expect(await get('{"count":2}', { ...right, "x-request-id": "2", traceparent: "t" })).toMatchObject({
      status: 200,
    })
    expect(backend.seen).toEqual(["refused", "shop.Shop", "Get", "Get"])
  })

  test("tells those who may not know what it tells them, whoever asked before", async (t) => {
    const { backend, get } = await start(t, guarded())
    await get("{}", right)
    const refused = {
      status: 401,
      json: { code: "unauthenticated", message: expect.stringMatching(/show a token/) as string },
    }
    expect(await get("{}", { authorization: "Bearer wrong" })).toEqual(refused)
    expect(await get("{}")).toEqual(refused)
    expect(backend.seen.filter((one) => one === "Get")).toHaveLength(1)
  })

  test("that is open is asked once for all", async (t) => {
    const { backend, get } = await start(t, shop())
    for (const authorization of ["Bearer a", "Bearer b"])
      expect((await get("{}", { authorization })).status).toBe(200)
    expect(backend.seen).toEqual(["shop.Shop", "Get", "Get"])
  })

  test("keeps so many callers' types and no more", async (t) => {
    const backend = guarded()
    const { bed, get } = await start(t, backend, { limits: { reflectedServicesMax: 3 } })
    for (let i = 0; i < 10; i++)
      expect((await get("{}", { ...right, "x-tenant": String(i) })).status).toBe(200)
    expect(bed.balancer.snapshot().counters.reflected_services_exceeded).toBeGreaterThan(5)
    const asked = backend.seen.filter((one) => one === "shop.Shop").length
    expect((await get("{}", { ...right, "x-tenant": "9" })).status).toBe(200)
    expect(backend.seen.filter((one) => one === "shop.Shop")).toHaveLength(asked)
  })
})

// ---- 18: a deploy -------------------------------------------------------------------------------------------------

describe("after a deploy", () => {
  const old = shopFile({ name: "STRING" })
  const young = shopFile({ name: "STRING", count: "INT32" })

  test("a new field is taken by the first call that has it", async (t) => {
    const { backend, get } = await start(t, new TypedBackend(old))
    expect(await get('{"count":1}')).toMatchObject({ status: 400, json: { code: "invalid_argument" } })
    expect(await get('{"name":"a"}')).toEqual({ status: 200, json: { name: "a" } })
    await backend.close()
    backend.files = [young]
    await backend.start()
    expect(await get('{"name":"a","count":1}')).toEqual({ status: 200, json: { name: "a", count: 1 } })
  })

  test("a new field of an answer is shown, by a stream that was open too", async (t) => {
    const backend = new TypedBackend(old)
    const clock = new ManualClock()
    const { get, chat } = await start(t, backend, { clock })
    const page = await chat({ name: "a" })
    await new Promise((resolve) => page.socket.once("message", resolve))
    // A backend that is not restarted, such as a proxy's: nothing but the answer tells.
    backend.files = [young]
    backend.answer = () => Buffer.from([0x0a, 1, 0x61, 0x10, 7])
    clock.advance(1_100)
    page.socket.send("{}")
    page.socket.send(END)
    expect(await page.ended).toEqual([{ name: "a" }, { name: "a", count: 7 }, OK])
    expect(await get("{}")).toEqual({ status: 200, json: { name: "a", count: 7 } })
  })

  test("a field that nobody knows is asked for ever more rarely", async (t) => {
    const backend = new TypedBackend(old)
    backend.answer = () => Buffer.from([0x0a, 1, 0x61, 0x10, 7])
    const clock = new ManualClock()
    const { get } = await start(t, backend, { clock })
    for (let second = 0; second < 60; second++) {
      expect(await get('{"name":"a"}')).toEqual({ status: 200, json: { name: "a" } })
      expect(await get('{"count":1}')).toMatchObject({ status: 400 })
      clock.advance(1_000)
    }
    const asked = backend.seen.filter((one) => one === "shop.Shop").length
    expect(asked).toBeGreaterThan(3)
    expect(asked).toBeLessThan(10)
  })

  test("a new method is found", async (t) => {
    const { backend, get } = await start(
      t,
      new TypedBackend(shopFile({ name: "STRING" }, { service: [{ name: "Shop" }] })),
    )
    expect(await get("{}")).toMatchObject({ status: 501 })
    await backend.close()
    backend.files = [old]
    await backend.start()
    expect(await get('{"name":"a"}')).toEqual({ status: 200, json: { name: "a" } })
  })
})

// ---- 19: many descriptors -----------------------------------------------------------------------------------------

describe("descriptors of 5 MB", () => {
  const filler = (index: number, messages: number) =>
    fromJson(FileDescriptorProtoSchema, {
      name: `filler${index}.proto`,
      package: `filler${index}`,
      syntax: "proto3",
      messageType: Array.from({ length: messages }, (_, message) => ({
        name: `Message${message}`,
        field: Array.from({ length: 20 }, (_, field) => ({
          name: `a_field_of_some_length_${field}`,
          number: field + 1,
          type: "TYPE_STRING",
          label: "LABEL_OPTIONAL",
        })),
      })),
    } as never)
  const large = (sendsFilesAlone: boolean): TypedBackend => {
    const fillers = Array.from({ length: 40 }, (_, index) => filler(index, 150))
    const dependency = fillers.map(({ name }) => name)
    const backend = new TypedBackend(shopFile({ name: "STRING" }, { dependency }), ...fillers)
    return Object.assign(backend, { sendsFilesAlone })
  }

  test.for([
    ["in one answer, as grpc-go sends them", false],
    ["file by file", true],
  ] as const)("%s are read, piece by piece", async ([_name, sendsFilesAlone], t) => {
    const { bed, get } = await start(t, large(sendsFilesAlone))
    const turns: number[] = []
    let isOver = false
    const watch = (): void => {
      turns.push(performance.now())
      if (!isOver) setImmediate(watch)
    }
    setImmediate(watch)
    expect(await get('{"name":"a"}')).toEqual({ status: 200, json: { name: "a" } })
    isOver = true
    // 6,000 messages at a hundred descriptors in a turn.
    expect(turns.length).toBeGreaterThan(60)
    expect(bed.balancer.snapshot().counters.descriptors_too_large ?? 0).toBe(0)
  })

  test("are refused where they are more than descriptorOctetsMax, by its name", async (t) => {
    const { bed, get } = await start(t, large(false), { limits: { descriptorOctetsMax: 1_000_000 } })
    expect(await get("{}")).toEqual({
      status: 503,
      json: {
        code: "unavailable",
        message: expect.stringMatching(/descriptorOctetsMax \(1000000 octets\)/) as string,
      },
    })
    expect(bed.balancer.snapshot().counters.descriptors_too_large).toBeGreaterThan(0)
  })
})

// ---- 20: text -----------------------------------------------------------------------------------------------------

test("octets that are no UTF-8 are refused, not replaced", async (t) => {
  const { get } = await start(t, shop())
  expect(await get(Buffer.from('{"name":"a\xff"}', "latin1"))).toEqual({
    status: 400,
    json: { code: "invalid_argument", message: "malformed JSON: octets that are no UTF-8 at position 10" },
  })
})

// ---- 21: the size of a message ------------------------------------------------------------------------------------

describe("grpc_message_max_size", () => {
  const large = { name: "x".repeat(5_000_000) }

  test("is what a WebSocket's refusal names, and lets it pass", async (t) => {
    const refusing = await start(t, shop())
    expect(await (await refusing.chat(large)).ended).toEqual([
      {
        "@status": {
          code: 8,
          message:
            "a WebSocket message is larger than messageOctetsMax (4194304 octets), which grpc_message_max_size sets in nginx.conf",
          details: [],
        },
      },
    ])
    const taking = await start(t, shop(), { bridge: { maxMessageSize: "8m" } })
    expect(await (await taking.chat(large, END)).ended).toEqual([large, OK])
    expect(await taking.get(JSON.stringify(large))).toEqual({ status: 200, json: large })
  })

  test("is of a route, the nearest level's", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-size-"))
    t.onTestFinished(() => rmSync(folder, { recursive: true }))
    const conf = (size: string): string =>
      `events {} http { grpc_message_max_size 8m; server { listen 8080;
         location / { grpc_pass grpc://127.0.0.1:1; } location /small { grpc_message_max_size ${size}; grpc_pass grpc://127.0.0.1:1; } } }`
    const load = (size: string) => {
      const path = join(folder, "nginx.conf")
      writeFileSync(path, conf(size))
      return loadConfig(path)
    }
    const { config } = load("64k")
    expect(config!.servers[0]!.routes.map(({ settings }) => settings.bridge.messageOctetsMax)).toEqual([
      8 * 1024 * 1024,
      64 * 1024,
    ])
    for (const wrong of ["0", "1", "3g"])
      expect(load(wrong).problems.map(({ message }) => message)).toContain(
        `"${wrong}" is no size of a message`,
      )
  })
})

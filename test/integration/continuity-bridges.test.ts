import { type ChildProcess, spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { toBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import * as grpc from "@grpc/grpc-js"
import { beforeAll, describe, expect, type TestContext, test } from "vitest"
import { toServiceDefinition } from "../../examples/chat/grpc-service.ts"
import { type BrowserClient, browserClients, type Outcome } from "../support/browser-clients.ts"
import { eventually } from "../support/eventually.ts"
import { GatedTalk } from "../support/gated-talk.ts"
import { testDirectory } from "../support/sluice-process.ts"
import { Talk, talkDescriptors, type Word, word } from "../support/talk-backend.ts"
import { TestBed } from "../support/test-bed.ts"

const PROCESS = `${import.meta.dirname}/talk-process.ts`
const WORDS = 6

/** A backend in a process of its own. */
interface TalkProcess {
  readonly child: ChildProcess
  port: number
}

async function start(t: TestContext): Promise<TalkProcess> {
  const child = spawn(process.execPath, [PROCESS], { stdio: ["pipe", "pipe", "inherit"] })
  t.onTestFinished(() => void child.kill("SIGKILL"))
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const [, bound] = /listening on (\d+)/.exec(line) ?? []
      if (bound !== undefined) resolve(Number(bound))
    })
    child.once("exit", () => reject(new Error("the backend did not start")))
  })
  return { child, port }
}

/** The same call by grpc-js: HTTP/2, and gRPC as it is. */
const native: BrowserClient = {
  name: "grpc-js",
  kinds: ["unary", "server_streaming", "client_streaming", "bidi_streaming"],
  showsTrailers: true,
  isIncremental: true,
  async call(port, method, words, { onWord } = {}) {
    const definition = toServiceDefinition(Talk)
    const Client = grpc.makeGenericClientConstructor(definition, "talk.Talk")
    const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure()) as never as Record<
      string,
      (message?: Word) => grpc.ClientDuplexStream<Word, Word>
    > &
      grpc.Client
    const result: Outcome = { words: [], code: 0, message: "", header: {}, trailer: {} }
    const text = (metadata: grpc.Metadata): Record<string, string> =>
      Object.fromEntries(Object.entries(metadata.getMap()).map(([key, value]) => [key, String(value)]))
    const isBidi = method === "Chat"
    const iterator = (async function* () {
      yield* words
    })()
    const call = isBidi ? client[method]!() : client[method]!((await iterator.next()).value as Word)
    const over = new Promise<Outcome>((resolve) => {
      call.on("metadata", (head) => (result.header = text(head)))
      call.on("data", (one: Word) => {
        result.words.push(one)
        onWord?.(one)
      })
      call.on("error", () => {})
      call.on("status", ({ code, details, metadata }) => {
        client.close()
        resolve({ ...result, code, message: details, trailer: text(metadata) })
      })
    })
    if (isBidi) {
      for await (const one of iterator) call.write(one)
      call.end()
    }
    return over
  },
}

const clients = [native, ...browserClients].filter(({ isIncremental }) => isIncremental)

beforeAll(async () => {
  // Node's fetch keeps a socket from its first use on.
  await fetch("http://127.0.0.1:1").catch(() => {})
})

describe.each(clients)("$name", (client) => {
  const isBidi = client.kinds.includes("bidi_streaming")
  const ways: [method: string, signal: NodeJS.Signals][] = isBidi
    ? [
        ["Chat", "SIGKILL"],
        ["Count", "SIGTERM"],
      ]
    : [["Count", "SIGKILL"]]

  test.for(ways)("%s goes on after %s, and the client sees one stream", async ([method, signal], t) => {
    const backends = await Promise.all([start(t), start(t)])
    const bed = await TestBed.start(t, {
      backends: 0,
      config: {
        clusters: { test: backends.map(({ port }) => `127.0.0.1:${port}`) },
        continuity: { mode: ["handoff", "resume"] },
        bridge: { grpcWeb: true, connect: true, webSocket: true },
      },
    })
    /** Streams of the process that has the stream may go so far. */
    const allow = (words: number): void => {
      for (const { child } of backends) if (child.exitCode === null) child.stdin!.write(`${words}\n`)
    }
    const heard: number[] = []
    const calling = client.call(bed.port, method, questions(method), {
      onWord: ({ number }) => heard.push(Number(number)),
    })
    const has = (words: number): Promise<void> =>
      eventually(
        () => heard.length >= words,
        () => `${words} words; there are ${heard.join(" ")}`,
      )
    allow(2)
    await has(2)
    const { endpoints } = bed.balancer.snapshot().clusters[0]!
    const { address } = endpoints.find(({ streamsOpen }) => streamsOpen > 0)!
    const first = backends.find(({ port }) => address === `127.0.0.1:${port}`)!
    const isGone = new Promise((resolve) => first.child.once("exit", resolve))
    first.child.kill(signal)
    await isGone
    allow(4)
    await has(4)
    allow(WORDS)
    const { code, words, header, trailer, message } = await calling
    expect(code, message).toBe(0)
    expect(words.map(({ number }) => Number(number))).toEqual([0, 1, 2, 3, 4, 5])
    const told = [...Object.keys(header), ...Object.keys(trailer)]
    expect(told.filter((name) => name.includes("continuity"))).toEqual([])
    const [record] = await bed.ended()
    expect(record!.continuity).toMatchObject({ legs: 2, gaps: 1, moved: signal === "SIGTERM" ? 1 : 0 })
  })
})

describe.each(clients)("$name, where the backend knows nothing of it", (client) => {
  const isBidi = client.kinds.includes("bidi_streaming")
  const ways: [method: string, mode: "cursor" | "replay" | "lockstep"][] = [
    ["Count", "cursor"],
    ["Count", "replay"],
    ...(isBidi
      ? ([
          ["Chat", "lockstep"],
          ["Chat", "replay"],
        ] as [string, "lockstep"][])
      : []),
  ]

  test.for(ways)("%s goes on by %s, and the client sees one stream", async ([method, mode], t) => {
    const types = join(testDirectory(t), "talk.binpb")
    writeFileSync(types, toBinary(FileDescriptorSetSchema, talkDescriptors))
    const backends = [new GatedTalk("a"), new GatedTalk("b")]
    const bed = await TestBed.start(t, {
      backends,
      config: {
        continuity: { mode, ...(mode === "cursor" && { from: "number", into: "inner.number" }) },
        bridge: { grpcWeb: true, connect: true, webSocket: true, descriptorSet: types },
      },
    })
    const allow = (words: number): void => {
      for (const backend of backends) backend.allow(words)
    }
    const heard: number[] = []
    const calling = client.call(bed.port, method, numbered(method), {
      onWord: ({ number }) => heard.push(Number(number)),
    })
    const has = (words: number): Promise<void> =>
      eventually(
        () => heard.length >= words,
        () => `${words} words; there are ${heard.join(" ")}`,
      )
    allow(3)
    await has(3)
    const { endpoints } = bed.balancer.snapshot().clusters[0]!
    const { address } = endpoints.find(({ streamsOpen }) => streamsOpen > 0)!
    await backends.find(({ port }) => address === `127.0.0.1:${port}`)!.close()
    allow(5)
    await has(5)
    allow(WORDS)
    const { code, words, header, trailer, message } = await calling
    expect(code, message).toBe(0)
    expect(words.map(({ number }) => Number(number))).toEqual([1, 2, 3, 4, 5, 6])
    const told = [...Object.keys(header), ...Object.keys(trailer)]
    expect(told.filter((name) => name.includes("continuity"))).toEqual([])
    const [record] = await bed.ended()
    expect(record!.continuity).toMatchObject({ legs: 2, gaps: 1 })
    const tokens = backends.flatMap(({ requests }) =>
      requests.map((one) => Number(innerOf(one)?.number ?? 0)),
    )
    if (method === "Count")
      expect(tokens.sort((one, other) => one - other)).toEqual(mode === "cursor" ? [0, 3] : [0, 0])
  })
})

const innerOf = (one: Word): Word | undefined => (one as Word & { inner?: Word }).inner

/** How far to count, or the words to give back, from 1 on. */
function numbered(method: string): Word[] {
  if (method === "Count") return [word({ number: BigInt(WORDS) })]
  return Array.from({ length: WORDS }, (_, at) => word({ number: BigInt(at + 1) }))
}

/** What is said: how far to count, or the words to give back. */
function questions(method: string): Word[] {
  if (method === "Count") return [word({ number: BigInt(WORDS) })]
  return Array.from({ length: WORDS }, (_, at) => word({ number: BigInt(at) }))
}

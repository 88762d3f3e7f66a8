import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Client, credentials, Metadata, type StatusObject } from "@grpc/grpc-js"
import { expect, type TestContext, test } from "vitest"
import { continuityInterceptor, registerSluice } from "../../src/grpc-js/index.ts"
import { eventually } from "../support/eventually.ts"
import { freePort } from "../support/free-port.ts"
import { SluiceProcess, testDirectory } from "../support/sluice-process.ts"

const COUNTER = join(import.meta.dirname, "../../examples/continuity/node/counter.ts")

interface Counter {
  readonly child: ChildProcess
  readonly address: string
}

/** The example's counter, on a store that all of them share. */
async function counter(t: TestContext, store: string): Promise<Counter> {
  const child = spawn(process.execPath, [COUNTER, store, "0"], { stdio: ["ignore", "pipe", "inherit"] })
  t.onTestFinished(() => void child.kill("SIGKILL"))
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /listening on (\d+)/.exec(line)?.[1]
    if (port !== undefined) return { child, address: `127.0.0.1:${port}` }
  }
  throw new Error("the counter did not start")
}

const asItIs = (octets: Buffer): Buffer => octets

/** A stream of a client without a proxy, over three counters. */
async function streamOf(t: TestContext) {
  const folder = testDirectory(t)
  const counters = [
    await counter(t, join(folder, "counts.sqlite")),
    await counter(t, join(folder, "counts.sqlite")),
    await counter(t, join(folder, "counts.sqlite")),
  ]
  const file = join(folder, "counters.yaml")
  writeFileSync(file, JSON.stringify(counters.map(({ address }) => address)))
  registerSluice({ files: { counters: file } })
  const client = new Client("sluice:///counters", credentials.createInsecure(), {
    interceptors: [continuityInterceptor()],
  })
  t.onTestFinished(() => client.close())
  const call = client.makeBidiStreamRequest("/counter.Counter/Count", asItIs, asItIs, new Metadata())
  const got: string[] = []
  const heads: Metadata[] = []
  const ending: StatusObject[] = []
  call.on("metadata", (metadata) => heads.push(metadata))
  call.on("data", (message: Buffer) => got.push(message.toString()))
  call.on("status", (status) => ending.push(status))
  call.on("error", () => {})
  const count = async (to: number): Promise<void> => {
    while (got.length < to) {
      const before = got.length
      call.write(Buffer.from("tick"))
      await eventually(
        () => got.length > before,
        () => `an answer after ${got.join(" ")}; ${JSON.stringify(ending)}`,
      )
    }
  }
  const serving = (): Counter => counters.find(({ address }) => address === call.getPeer())!
  return { count, serving, call, got, heads, ending }
}

const numbers = (to: number): string[] => Array.from({ length: to }, (_, at) => String(at + 1))

test("a client's stream outlives its backends without a proxy: SIGTERM, then kill -9", async (t) => {
  const { count, serving, call, got, heads, ending } = await streamOf(t)
  await count(3)
  const first = serving()
  first.child.kill("SIGTERM")
  await once(first.child, "exit")
  await count(6)
  const second = serving()
  expect(second.address).not.toBe(first.address)
  second.child.kill("SIGKILL")
  await once(second.child, "exit")
  await count(9)
  expect([first.address, second.address]).not.toContain(serving().address)
  call.end()
  await eventually(
    () => ending.length > 0,
    () => `an end after ${got.join(" ")}`,
  )
  expect(got).toEqual(numbers(9))
  expect(ending).toMatchObject([{ code: 0 }])
  expect(heads).toHaveLength(1)
  expect(Object.keys(heads[0]!.getMap())).not.toContain("continuity-session")
})

test("messages that were under way when the backend was killed are counted once", async (t) => {
  const { count, serving, call, got, ending } = await streamOf(t)
  await count(1)
  const first = serving()
  for (let i = 0; i < 200; i++) call.write(Buffer.from("tick"))
  await eventually(
    () => got.length > 20,
    () => `answers: ${got.length}`,
  )
  first.child.kill("SIGKILL")
  await eventually(
    () => got.length === 201,
    () => `201 answers, not ${got.length}; ${JSON.stringify(ending)}`,
  )
  expect(got).toEqual(numbers(201))
})

test("100 streams outlive one of two Sluices: kill -9", async (t) => {
  const STREAMS = 100
  const folder = testDirectory(t)
  const store = join(folder, "counts.sqlite")
  const counters = [await counter(t, store), await counter(t, store)]
  const ports = [await freePort(), await freePort()]
  const sluices = ports.map(
    (port) =>
      new SluiceProcess(t, {
        listeners: `127.0.0.1:${port}`,
        continuity: { mode: ["handoff", "resume"], clients: "trusted" },
        clusters: { counters: counters.map(({ address }) => address) },
      }),
  )
  for (const sluice of sluices) await sluice.says('"message":"listening"')
  const file = join(folder, "sluices.yaml")
  writeFileSync(file, JSON.stringify(ports.map((port) => `127.0.0.1:${port}`)))
  registerSluice({ files: { sluices: file } })
  const client = new Client("sluice:///sluices", credentials.createInsecure(), {
    interceptors: [continuityInterceptor()],
  })
  t.onTestFinished(() => client.close())
  const streams = Array.from({ length: STREAMS }, () => {
    const call = client.makeBidiStreamRequest("/counter.Counter/Count", asItIs, asItIs, new Metadata())
    const got: string[] = []
    const ending: StatusObject[] = []
    call.on("data", (message: Buffer) => got.push(message.toString()))
    call.on("status", (status) => ending.push(status))
    call.on("error", () => {})
    return { call, got, ending }
  })
  const all = async (many: number): Promise<void> => {
    await eventually(
      () => streams.every(({ got }) => got.length >= many),
      () =>
        `${many} answers each: ${streams.filter(({ got }) => got.length < many).length} have fewer; ${JSON.stringify(streams.flatMap(({ ending }) => ending.slice(0, 1)).slice(0, 3))}`,
    )
  }
  for (const { call } of streams) for (let i = 0; i < 3; i++) call.write(Buffer.from("tick"))
  await all(1)
  for (const { call } of streams) for (let i = 0; i < 3; i++) call.write(Buffer.from("tick"))
  sluices[0]!.signal("SIGKILL")
  await all(6)
  for (const { call } of streams) call.write(Buffer.from("tick"))
  await all(7)
  expect(streams.filter(({ ending }) => ending.length > 0)).toEqual([])
  for (const { got } of streams) expect(got).toEqual(numbers(7))
  // Both had some, and the other has all now.
  expect(new Set(streams.map(({ call }) => call.getPeer()))).toEqual(new Set([`127.0.0.1:${ports[1]}`]))
})

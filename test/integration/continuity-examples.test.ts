import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Client, credentials, status as grpcStatus, Metadata, type StatusObject } from "@grpc/grpc-js"
import { expect, type TestContext, test } from "vitest"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { createBalancer } from "../../src/control/create-balancer.ts"
import { eventually } from "../support/eventually.ts"

const ROOT = join(import.meta.dirname, "../..")
const EXAMPLES = join(ROOT, "examples/continuity")
const PYTHON = join(ROOT, ".cache/continuity/python/bin/python")

type Continuity = NonNullable<SluiceYaml["continuity"]>

/** How a counter is run on a store; a text: what is missing. */
type Way = ((store: string) => [command: string, ...args: string[]]) | string

function goWay(): Way {
  const folder = join(ROOT, ".cache/continuity")
  const binary = join(folder, "counter-go")
  mkdirSync(folder, { recursive: true })
  try {
    const env = { ...process.env, GOPROXY: "off", GOFLAGS: "-mod=readonly" }
    execFileSync("go", ["build", "-o", binary, "."], { cwd: join(EXAMPLES, "go"), env, stdio: "pipe" })
  } catch {
    return "go, and the modules of examples/continuity/go (go mod download)"
  }
  return (store) => {
    mkdirSync(store, { recursive: true })
    return [binary, store]
  }
}

const ways: Record<string, Way> = {
  node: (store) => [process.execPath, join(EXAMPLES, "node/counter.ts"), `${store}.sqlite`],
  python: existsSync(PYTHON)
    ? (store) => [PYTHON, join(EXAMPLES, "python/counter.py"), `${store}.sqlite`]
    : "grpcio in .cache/continuity/python (examples/continuity/README.md)",
  go: goWay(),
}

interface Counter {
  readonly child: ChildProcess
  readonly port: number
  readonly exit: Promise<unknown>
}

async function start(t: TestContext, [command, ...args]: [string, ...string[]]): Promise<Counter> {
  const child = spawn(command, [...args, "0"], { stdio: ["ignore", "pipe", "inherit"] })
  const exit = new Promise((resolve) => child.once("exit", resolve))
  t.onTestFinished(() => void child.kill("SIGKILL"))
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const [, bound] = /listening on (\d+)/.exec(line) ?? []
      if (bound !== undefined) resolve(Number(bound))
    })
    child.once("exit", () => reject(new Error(`${command} did not start`)))
  })
  return { child, port, exit }
}

const octets = (message: Buffer): Buffer => message

/** Three counters, and a stream through a balancer to one of them. */
async function streamOf(t: TestContext, way: Exclude<Way, string>, continuity: Continuity) {
  const folder = mkdtempSync(join(tmpdir(), "counts-"))
  t.onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const command = way(join(folder, "store"))
  const counters = [await start(t, command), await start(t, command), await start(t, command)]
  const balancer = createBalancer({
    listeners: "127.0.0.1:0",
    continuity,
    clusters: { counters: counters.map(({ port }) => `127.0.0.1:${port}`) },
  })
  await balancer.start()
  t.onTestFinished(() => balancer.close({ graceMs: 0 }))
  const client = new Client(`127.0.0.1:${balancer.addresses[0]!.port}`, credentials.createInsecure())
  t.onTestFinished(() => client.close())
  const call = client.makeBidiStreamRequest("/counter.Counter/Count", octets, octets, new Metadata())
  const got: string[] = []
  const ending: StatusObject[] = []
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
  /** Where the stream is. */
  const serving = (): Counter => {
    const { endpoints } = balancer.snapshot().clusters[0]!
    const { address } = endpoints.find(({ streamsOpen }) => streamsOpen > 0)!
    return counters.find(({ port }) => address === `127.0.0.1:${port}`)!
  }
  return { balancer, counters, count, serving, call, got, ending }
}

for (const [name, way] of Object.entries(ways)) {
  if (typeof way === "string") console.info(`skipped: the ${name} counter needs ${way}`)

  test.skipIf(typeof way === "string")(
    `the ${name} counter hands off on SIGTERM, and is resumed after kill -9`,
    async (t) => {
      if (typeof way === "string") return
      const { count, serving, call, got, ending } = await streamOf(t, way, {
        mode: ["handoff", "resume"],
      })
      await count(3)
      const first = serving()
      first.child.kill("SIGTERM")
      await first.exit
      await count(6)
      const second = serving()
      expect(second).not.toBe(first)
      second.child.kill("SIGKILL")
      await second.exit
      await count(9)
      call.end()
      await eventually(
        () => ending.length > 0,
        () => "the call is over",
      )
      expect(ending[0]!.code).toBe(grpcStatus.OK)
      expect(got).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9"])
    },
  )
}

test("the node counter hands off when it is asked by a call", async (t) => {
  const way = ways.node as Exclude<Way, string>
  const { balancer, counters, count, serving, call, got, ending } = await streamOf(t, way, {
    mode: ["handoff"],
    ask: "call",
  })
  await count(3)
  const left = counters.filter((one) => one !== serving()).map(({ port }) => `127.0.0.1:${port}`)
  const cluster = { endpoints: left, drainGrace: "1ms" }
  await balancer.reload(
    fromInput({
      listeners: "127.0.0.1:0",
      continuity: { mode: ["handoff"], ask: "call" },
      clusters: { counters: cluster },
    }).config!,
  )
  await eventually(
    () => balancer.snapshot().clusters[0]!.endpoints.some(({ streamsOpen }) => streamsOpen > 0),
    () => `the stream moved; ${JSON.stringify(ending)}`,
  )
  await count(6)
  call.end()
  await eventually(
    () => ending.length > 0,
    () => "the call is over",
  )
  expect([ending[0]!.code, got]).toEqual([grpcStatus.OK, ["1", "2", "3", "4", "5", "6"]])
})

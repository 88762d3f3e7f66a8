/** The single executable, in an empty folder: nothing of the checkout or of npm is near. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterAll, beforeAll, expect, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { pathInRepo, readText } from "../support/markdown.ts"
import { receiveOverGrpc, receiveOverHttp } from "../support/otlp-receiver.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer } from "../support/raw-server.ts"

const folder = mkdtempSync(join(tmpdir(), "sluice-executable-"))
const executable = join(mkdtempSync(join(tmpdir(), "sluice-executable-")), "sluice")
afterAll(() => {
  for (const path of [folder, join(executable, "..")]) rmSync(path, { recursive: true, force: true })
})

beforeAll(() => {
  execFileSync("npm", ["run", "--silent", "executable", "--", executable], { cwd: pathInRepo("") })
}, 120_000)

/** No Node of the system's may help. */
const alone = { cwd: folder, env: { PATH: "" }, encoding: "utf8" } as const

test("it says its version", () => {
  const { version } = JSON.parse(readText("package.json")) as {
    version: string
  }
  expect(execFileSync(executable, ["--version"], alone)).toBe(`${version}\n`)
})

test("it checks, runs on two threads, and hands its sockets to a new one of itself", async (t) => {
  const config = {
    workers: 2,
    listeners: ["127.0.0.1:0"],
    routes: [{ exact: "/healthz", return: { status: 200, text: "alive" } }],
  }
  writeFileSync(join(folder, "sluice.json"), JSON.stringify(config))
  expect(execFileSync(executable, ["check", "sluice.json"], alone)).toContain("sluice.json: ok")
  const command = ["run", "--json", "sluice.json"]
  const child = spawn(executable, command, { ...alone, stdio: ["ignore", "pipe", "pipe"] })
  const successors: number[] = []
  t.onTestFinished(() => {
    child.kill("SIGKILL")
    for (const pid of successors) killIfThere(pid)
  })
  const announced = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await announced.next()).value as string) as Announced
  const { port } = (await next()).addresses[0]!
  expect(await answered(port)).toBe("alive")

  const said = saying(child)
  child.kill("SIGUSR2")
  const pid = Number(JSON.parse(await said("the new version listens")).pid)
  successors.push(pid)
  expect((await next()).addresses[0]!.port).toBe(port)
  expect(await once(child, "exit")).toEqual([0, null])
  expect(await answered(port)).toBe("alive")
  process.kill(pid, "SIGTERM")
})

test.for([
  ["HTTP", receiveOverHttp],
  ["gRPC", receiveOverGrpc],
] as const)("it sends spans by OTLP over %s, by the exporter it holds", async ([name, receive], t) => {
  const [backend, receiver] = [await RawServer.start(), await receive()]
  t.onTestFinished(async () => void (await Promise.all([backend.close(), receiver.close()])))
  backend.onStream = ({ connection, id }) =>
    connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
  const config = {
    listeners: ["127.0.0.1:0"],
    clusters: { chat: [`127.0.0.1:${backend.port}`] },
    tracing: { endpoint: receiver.endpoint, interval: "100ms" },
    trace: "on",
  }
  const file = `spans-${name}.json`
  writeFileSync(join(folder, file), JSON.stringify(config))
  expect(execFileSync(executable, ["check", file], alone)).toContain(`${file}: ok`)
  const command = ["run", "--json", file]
  const child = spawn(executable, command, { ...alone, stdio: ["ignore", "pipe", "ignore"] })
  t.onTestFinished(() => void child.kill("SIGKILL"))
  const announced = createInterface(child.stdout)[Symbol.asyncIterator]()
  const { addresses } = JSON.parse((await announced.next()).value as string) as Announced
  const client = await RawClient.connect(addresses[0]!.port)
  t.onTestFinished(() => client.destroy())
  client.open(dsl.request, { endStream: true })
  await eventually(
    () => receiver.spans.length === 2,
    () => `the span of the call and that of its leg, not ${receiver.spans.length}`,
  )
  expect(receiver.spans.map(({ resource }) => resource["service.name"])).toEqual(["sluice", "sluice"])
})

interface Announced {
  addresses: { port: number }[]
}

/** The line of its log that holds `text`, once it comes. */
function saying(child: ChildProcess): (text: string) => Promise<string> {
  const lines = createInterface(child.stderr!)
  return (text) => new Promise((resolve) => lines.on("line", (line) => line.includes(text) && resolve(line)))
}

async function answered(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`)
  return response.text()
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended.
  }
}

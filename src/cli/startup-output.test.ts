import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { SluiceProcess, testDirectory } from "../../test/support/sluice-process.ts"

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url))

function run(...args: string[]) {
  const { status, stderr, stdout } = spawnSync(process.execPath, [MAIN, "run", ...args], { encoding: "utf8" })
  return { status, stderr, stdout }
}

test("what keeps it from starting is told in words, or with --json as a line of the log", async (t) => {
  const holder = createServer().listen(0, "127.0.0.1")
  await once(holder, "listening")
  t.onTestFinished(() => void holder.close())
  const { port } = holder.address() as AddressInfo
  const reason = `cannot listen on 127.0.0.1:${port}: the port is taken by another program`
  const args = ["--listen", `127.0.0.1:${port}`, "--to", "127.0.0.1:9"]
  expect(run(...args)).toEqual({ status: 1, stderr: `sluice: ${reason}\n`, stdout: "" })
  const { status, stderr } = run("--json", ...args)
  expect(status).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({ level: "error", message: "cannot start", reason })
})

test("so is what is wrong with the file", (t) => {
  const path = join(testDirectory(t), "nginx.conf")
  writeFileSync(path, "lsten 80;\n")
  const words = run(path)
  expect(words.status).toBe(2)
  expect(words.stderr).toContain(`${path}:1:1: error: unknown directive "lsten"`)
  const { status, stderr } = run("--json", path)
  expect(status).toBe(2)
  expect(JSON.parse(stderr)).toMatchObject({
    level: "error",
    message: "cannot start",
    reason: "the configuration has errors",
    problems: [`${path}:1:1: unknown directive "lsten"`],
  })
})

test("and what is wrong with an address", () => {
  const { status, stderr } = run("--to", "x")
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: "sluice: --to x: must be host:port, [v6]:port or unix:/path\n",
  })
})

test("the help says what is listened on where nothing is asked for", () => {
  const { stdout } = run("--help")
  expect(stdout).toContain("(default: 8080)")
  expect(stdout).not.toContain("[]")
})

test("a log of JSON lines has nothing else between them, also where the configuration has warnings", async (t) => {
  const twice = ["127.0.0.1:9", "127.0.0.1:9"]
  const config = { listeners: "127.0.0.1:0", admin: "off", clusters: { chat: twice } }
  const sluice = new SluiceProcess(t, config)
  await sluice.says('"message":"listening"')
  sluice.configure({ ...config, clusters: { chat: ["nonsense"] } })
  sluice.signal("SIGHUP")
  await sluice.says("the old one stays")
  const lines = sluice.said.trimEnd().split("\n")
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
    "the configuration has warnings",
    "listening",
    "the configuration has errors; the old one stays",
  ])
})

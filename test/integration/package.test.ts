/** The npm tarball, installed in a folder of its own: everything that it runs is in it, or named in its dependencies. */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { afterAll, beforeAll, expect, test } from "vitest"
import { fences, links, pathInRepo, readText } from "../support/markdown.ts"

const project = mkdtempSync(join(tmpdir(), "sluice-package-"))
const installed = join(project, "node_modules/sluice")
afterAll(() => rmSync(project, { recursive: true, force: true }))

/** What npm would do, without a registry: the package's own files, and beside them the dependencies that it names. */
beforeAll(() => {
  const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", project], {
    cwd: pathInRepo(""),
    encoding: "utf8",
  })
  mkdirSync(installed, { recursive: true })
  const tarball = join(project, packed.trim().split("\n").at(-1)!)
  execFileSync("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"])
  const { dependencies } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    dependencies: Record<string, string>
  }
  for (const name of Object.keys(dependencies)) provide(name)
}, 120_000)

function provide(name: string): void {
  if (existsSync(join(project, "node_modules", name))) return
  mkdirSync(dirname(join(project, "node_modules", name)), { recursive: true })
  symlinkSync(pathInRepo(`node_modules/${name}`), join(project, "node_modules", name))
}

const program = join(installed, "dist/src/cli/main.js")

function sluice(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: project,
    encoding: "utf8",
  })
  return { status, stdout, stderr }
}

test("npx finds its command, man its pages", () => {
  const { bin, directories } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    bin: { sluice: string }
    directories: { man: string }
  }
  expect(join(installed, bin.sluice)).toBe(program)
  expect(readFileSync(program, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/)
  const pages = readdirSync(join(installed, directories.man))
  expect(pages).toEqual(expect.arrayContaining(["sluice.1", "sluice-run.1", "sluice-check.1"]))
  expect(readFileSync(join(installed, directories.man, "sluice-run.1"), "utf8")).toContain(
    ".SH SIGNALS\n.nf\n  SIGTERM, SIGINT",
  )
})

test.for(["README.md", "README.zh-CN.md"])("what %s links to is in it", (name) => {
  const targets = links(readText(name)).filter((target) => !/^(https?:|#)/.test(target))
  expect(targets.length).toBeGreaterThan(10)
  expect(targets.filter((target) => !existsSync(join(installed, target.split("#")[0]!)))).toEqual([])
})

test("sluice check, in a folder without anything of the checkout's", () => {
  writeFileSync(
    join(project, "nginx.conf"),
    "server { listen 8080 http2; location / { grpc_pass grpc://127.0.0.1:3000; } }",
  )
  expect(sluice("check", "nginx.conf")).toEqual({
    status: 0,
    stdout: "nginx.conf: ok, listens on 0.0.0.0:8080; 1 cluster, 1 endpoint, 1 route\n",
    stderr: "",
  })
  expect(sluice("adapt", "nginx.conf").stdout).toContain(
    "$schema=./node_modules/sluice/dist/sluice.schema.json",
  )
})

test("sluice run, with its data thread and the process that copies its sockets", async (t) => {
  const args = [program, "run", "--json", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1"]
  const child = spawn(process.execPath, args, { cwd: project, stdio: ["ignore", "pipe", "inherit"] })
  t.onTestFinished(() => void child.kill("SIGKILL"))
  const [line] = (await once(createInterface(child.stdout), "line")) as [string]
  expect(JSON.parse(line)).toMatchObject({ event: "listening", addresses: [{ host: "127.0.0.1" }] })
  child.kill("SIGTERM")
  expect(await once(child, "exit")).toEqual([0, null])
})

test.for([
  ["nothing but the package and Node's types", {}],
  ["libraries left unchecked", { skipLibCheck: true }],
] as const)("the README's program passes TypeScript with %s, and `types` unsaid", ([, more]) => {
  const [program] = fences(readText("README.md"), "ts")
  writeFileSync(join(project, "main.mts"), program!)
  provide("@types/node")
  const compilerOptions = { strict: true, module: "nodenext", target: "es2024", noEmit: true, ...more }
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.mts"] }))
  const { stdout } = spawnSync(pathInRepo("node_modules/.bin/tsc"), ["-p", project], { encoding: "utf8" })
  expect(stdout).toBe("")
})

test("sluice demo, installed for all, says how to install what it wants for all", () => {
  const { stderr } = spawnSync(process.execPath, [program, "demo"], { cwd: tmpdir(), encoding: "utf8" })
  expect(stderr).toContain("is not installed: npm install --global @grpc/grpc-js\n")
})

test("sluice demo says what it wants, and with that runs: servers, page and all", async (t) => {
  expect(sluice("demo")).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("is not installed: npm install @grpc/grpc-js\n"),
  })
  provide("@grpc/grpc-js")
  const child = spawn(process.execPath, [program, "demo", "--port", "18180"], {
    cwd: project,
    stdio: ["ignore", "pipe", "inherit"],
  })
  t.onTestFinished(() => void child.kill("SIGKILL"))
  let said = ""
  for await (const line of createInterface(child.stdout)) {
    said += `${line}\n`
    if (line.includes("Ctrl-C ends everything.")) break
  }
  const page = /Open (\S+)/.exec(said)![1]!
  expect(await (await fetch(page)).text()).toContain('<div id="app">')
  expect(said).toContain("npx sluice demo client --server")
  child.kill("SIGINT")
  expect(await once(child, "exit")).toEqual([0, null])
})

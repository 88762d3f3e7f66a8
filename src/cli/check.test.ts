import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { loadConfig, readConfig } from "../config/load.ts"
import type { FileLook } from "../config/named-files.ts"
import { diskFiles } from "../config/nginx/include.ts"
import { loadYaml } from "../config/yaml/load.ts"
import { adapt } from "./adapt.ts"
import { check } from "./check.ts"

const directory = mkdtempSync(join(tmpdir(), "sluice-check-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const STOCK = "src/config/nginx/testdata/stock/nginx.conf"

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text)
  return join(directory, name)
}

function sink() {
  const written = { text: "", write: (text: string) => (written.text += text) }
  return written
}

/** A machine that has whatever a configuration names, whatever this one has. */
const everything: FileLook = {
  canRead: () => true,
  isDirectory: () => true,
  writeProblem: () => null,
  canMakeDirectory: () => true,
}

async function checked(path: string, { json = false, strict = false, look = everything } = {}) {
  const stdout = sink()
  const load = (asked: string) => loadConfig(asked, diskFiles, look)
  const code = await check(path, { json, strict, color: false, stdout, load })
  return { code, text: stdout.text }
}

test("a good file is one line", async () => {
  const path = file("good.conf", "server { listen 8080 http2; location / { grpc_pass 127.0.0.1:3000; } }")
  expect(await checked(path)).toEqual({
    code: 0,
    text: `${path}: ok, listens on 0.0.0.0:8080; 1 cluster, 1 endpoint, 1 route\n`,
  })
})

test("a bad one has every problem with its line and a caret, then a count", async () => {
  const path = file("bad.conf", "server {\n  lisen 80;\n  location / { grpc_pas a; }\n}\n")
  const { code, text } = await checked(path)
  expect(code).toBe(2)
  expect(text).toContain(
    `${path}:2:3: error: unknown directive "lisen"\n    2 |   lisen 80;\n      |   ^~~~~\n`,
  )
  expect(text).toContain(`${path}:3:16: error: unknown directive "grpc_pas"`)
  expect(text).toContain(`${path}: 2 errors, not usable\n`)
})

test("notes are a line per reason", async () => {
  const { code, text } = await checked(STOCK)
  expect(code).toBe(0)
  expect(text).toContain(
    "  files are read in slices as the client takes them, and directories are not listed: sendfile (line 14), types_hash_max_size (line 16)\n",
  )
  expect(text.split("\n").length).toBeLessThan(20)
})

test("--json is one object", async () => {
  const good = JSON.parse((await checked(STOCK, { json: true })).text)
  expect(good).toMatchObject({ ok: true, summary: { clusters: [{ name: "chat" }], routes: 3 } })
  expect(good.problems[0]).toMatchObject({ severity: "note", file: STOCK, line: 2, column: 1 })
  const bad = JSON.parse((await checked(file("bad.conf", "x;"), { json: true })).text)
  expect(bad).toMatchObject({
    ok: false,
    summary: null,
    problems: [{ severity: "error", message: 'unknown directive "x"' }],
  })
})

test("a missing file is a problem like any other", async () => {
  const { code, text } = await checked(join(directory, "missing.conf"))
  expect(code).toBe(2)
  expect(text).toContain("missing.conf: error: cannot read the configuration: ENOENT")
})

test.each([
  ["a.yaml", "listeners: 8080\n", true],
  ["b.yml", "x: 1\n", true],
  ["c.conf", "# yaml-language-server: $schema=x\nlisteners: 8080\n", true],
  ["d", '{"listeners": 8080}', true],
  ["e.conf", "# a comment\nevents {}\n", false],
])("%s is read as sluice.yaml or nginx.conf: %j", (name, text, isYaml) => {
  const { problems } = loadConfig(file(name, text))
  expect(problems.some(({ message }) => /directive|no server is configured/.test(message))).toBe(!isYaml)
})

test("adapt prints sluice.yaml that means the same", () => {
  const stdout = sink()
  expect(adapt(STOCK, { color: false, stdout, stderr: sink() })).toBe(0)
  expect(loadYaml(stdout.text, "sluice.yaml").config).toEqual(loadConfig(STOCK).config)
})

test("adapt prints nothing but the problems of a bad file", () => {
  const [stdout, stderr] = [sink(), sink()]
  expect(adapt(file("bad.conf", "x;"), { color: false, stdout, stderr })).toBe(2)
  expect(stdout.text).toBe("")
  expect(stderr.text).toContain('unknown directive "x"')
})

const SERVER = "server { listen 127.0.0.1:8080 http2; location / { grpc_pass 127.0.0.1:3000; } }"

test("paths are from the file's directory, in both formats", async () => {
  const inner = join(directory, "inner")
  mkdirSync(inner, { recursive: true })
  for (const name of ["here.pem", "here.key"]) writeFileSync(join(inner, name), "")
  const conf = file(
    "inner/paths.conf",
    `access_log logs/a.log; pid s.pid; server { listen 8443 ssl http2; ssl_certificate here.pem;
ssl_certificate_key gone.key; location / { grpc_pass 127.0.0.1:3000; } }`,
  )
  const yaml = file(
    "inner/paths.yaml",
    `pidFile: s.pid
accessLog: { path: logs/a.log }
listeners: [{ address: 8443, tls: { certificates: [{ cert: here.pem, key: gone.key }] } }]
clusters: { a: ["127.0.0.1:3000"] }
`,
  )
  const [first, second] = [readConfig(conf).config!, readConfig(yaml).config!]
  for (const { pidFile, servers, listeners } of [first, second]) {
    expect(pidFile).toBe(join(inner, "s.pid"))
    expect(servers[0]!.routes[0]!.settings.accessLogs[0]!.path).toBe(join(inner, "logs/a.log"))
    expect(listeners[0]!.tls!.certificates[0]!.certFile).toBe(join(inner, "here.pem"))
  }
  const told = [loadConfig(conf), loadConfig(yaml)].map(({ problems }) =>
    problems
      .filter(({ severity }) => severity === "error")
      .map(({ message, line, column }) => [message, line, column]),
  )
  expect(told).toEqual([
    [[`cannot read "${join(inner, "gone.key")}"`, 2, 21]],
    [[`cannot read "${join(inner, "gone.key")}"`, 3, 75]],
  ])
})

test("--strict: a warning is as good as an error, a note is not", async () => {
  const warned = file("warned.conf", `add_header Connection close;\n${SERVER}`)
  expect(await checked(warned)).toMatchObject({
    code: 0,
    text: expect.stringContaining(": ok with 1 warning, "),
  })
  expect(await checked(warned, { strict: true })).toMatchObject({
    code: 2,
    text: expect.stringContaining(": 1 warning (--strict), not usable\n"),
  })
  expect(JSON.parse((await checked(warned, { strict: true, json: true })).text)).toMatchObject({ ok: false })
  expect(await checked(file("noted.conf", `sendfile on; ${SERVER}`), { strict: true })).toMatchObject({
    code: 0,
  })
})

test("a machine without nginx: its directory of logs is made, and a note says so", async () => {
  const path = file(
    "logged.conf",
    `access_log /var/log/nginx/access.log;\nerror_log /var/log/nginx/error.log;\n${SERVER}`,
  )
  const look = { ...everything, isDirectory: () => false }
  const { code, text } = await checked(path, { look, strict: true })
  expect(code).toBe(0)
  expect(text).toContain(
    "its directory does not exist: sluice run makes it: /var/log/nginx/access.log (line 1), /var/log/nginx/error.log (line 2)",
  )
})

test("and where it cannot be made, the logs go without, and a warning says so", async () => {
  const path = file(
    "logged.conf",
    `access_log /var/log/nginx/access.log;\nerror_log /var/log/nginx/error.log;\n${SERVER}`,
  )
  const look = { ...everything, isDirectory: () => false, canMakeDirectory: () => false }
  const { code, text } = await checked(path, { look })
  expect(code).toBe(0)
  expect(text).toContain(
    `${path}:1:12: warning: the directory "/var/log/nginx" of the access log does not exist and cannot be made: this log is not written`,
  )
  expect(text).toContain("of the log does not exist and cannot be made: standard error is used")
  const { config } = loadConfig(path, diskFiles, look)
  expect([
    config!.log.path,
    config!.servers[0]!.routes[0]!.settings.accessLogs,
    config!.servers[0]!.fallback.accessLogs,
  ]).toEqual(["stderr", [], []])
})

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { loadConfig } from "../config/load.ts"
import { diskFiles } from "../config/nginx/include.ts"
import { loadYaml } from "../config/yaml/load.ts"
import { adapt } from "./adapt.ts"
import { check, wantsColor } from "./check.ts"

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

/** A machine that has the directories of logs which a stock nginx.conf names, whatever this one has. */
const files = { ...diskFiles, isDirectory: () => true }

function checked(path: string, json = false) {
  const stdout = sink()
  return { code: check(path, { json, color: false, stdout, files }), text: stdout.text }
}

test("a good file is one line", () => {
  const path = file("good.conf", "server { listen 8080 http2; location / { grpc_pass 127.0.0.1:3000; } }")
  expect(checked(path)).toEqual({
    code: 0,
    text: `${path}: ok, listens on 0.0.0.0:8080; 1 cluster, 1 endpoint, 1 route\n`,
  })
})

test("a bad one has every problem with its line and a caret, then a count", () => {
  const path = file("bad.conf", "server {\n  lisen 80;\n  location / { grpc_pas a; }\n}\n")
  const { code, text } = checked(path)
  expect(code).toBe(2)
  expect(text).toContain(
    `${path}:2:3: error: unknown directive "lisen"\n    2 |   lisen 80;\n      |   ^~~~~\n`,
  )
  expect(text).toContain(`${path}:3:16: error: unknown directive "grpc_pas"`)
  expect(text).toContain(`${path}: 2 errors, not usable\n`)
})

test("notes are a line per reason", () => {
  const { code, text } = checked(STOCK)
  expect(code).toBe(0)
  expect(text).toContain("  no files are served: sendfile (line 14), types_hash_max_size (line 16), ")
  expect(text.split("\n").length).toBeLessThan(20)
})

test("--json is one object", () => {
  const good = JSON.parse(checked(STOCK, true).text)
  expect(good).toMatchObject({ ok: true, summary: { clusters: [{ name: "chat" }], routes: 2 } })
  expect(good.problems[0]).toMatchObject({ severity: "note", file: STOCK, line: 2, column: 1 })
  const bad = JSON.parse(checked(file("bad.conf", "x;"), true).text)
  expect(bad).toMatchObject({
    ok: false,
    summary: null,
    problems: [{ severity: "error", message: 'unknown directive "x"' }],
  })
})

test("a missing file is a problem like any other", () => {
  const { code, text } = checked(join(directory, "missing.conf"))
  expect(code).toBe(2)
  expect(text).toContain("missing.conf: error: cannot read the configuration: ENOENT")
})

test.each([
  [{ isTTY: true }, {}, true],
  [{ isTTY: true }, { NO_COLOR: "1" }, false],
  [{ isTTY: true }, { NO_COLOR: "" }, true],
  [{ isTTY: true }, { TERM: "dumb" }, false],
  [{}, {}, false],
])("color for %j in %j: %s", (stream, environment, expected) => {
  expect(wantsColor(stream, environment)).toBe(expected)
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

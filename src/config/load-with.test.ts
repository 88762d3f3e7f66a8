import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { isYamlFile, loadWith } from "./load-with.ts"
import { diskFiles } from "./nginx/include.ts"

function file(name: string, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "load-with-"))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

test.each([
  ["nginx.conf", "events {}", false],
  ["sluice.yaml", "events {}", true],
  ["sluice.YML", "", true],
  ["sluice.json", "{}", true],
  ["some", '\ufeff  {"version": 1}', true],
  ["some", "# yaml-language-server: $schema=x", true],
  ["some", "--- \nversion: 1", true],
  ["some", "http { }", false],
])("%s with %j is read as YAML: %s", (name, text, isYaml) => {
  expect(isYamlFile(file(name, text), diskFiles)).toBe(isYaml)
})

test.each([
  ["empty lines", "\n", '{"version": 1}', true],
  ["comments", "# more\n", '{"version": 1}', false],
  ["comments", "# more\n", "events {}", false],
])("behind pages of %s %j%j is told as who runs it tells it", (_, line, rest, isYaml) => {
  const path = file("some", line.repeat(5000) + rest)
  let isRead = false
  const readYaml = () => {
    isRead = true
    return { config: null, problems: [] }
  }
  loadWith(readYaml, path)
  expect([isYamlFile(path, diskFiles), isRead]).toEqual([isYaml, isYaml])
})

test("what cannot be read is not YAML, and whoever reads it says why", () => {
  const path = "/nowhere/nginx.conf"
  expect(isYamlFile(path, diskFiles)).toBe(false)
  expect(loadWith(null, path).problems[0]!.message).toContain("cannot read the configuration")
})

test("without a reader of YAML every file is nginx.conf", () => {
  const path = file("a.conf", "http { server { listen 8080; return 200; } }")
  expect(loadWith(null, path).config!.listeners).toHaveLength(1)
})

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { isOfKind } from "./file-kind.ts"

const directory = mkdtempSync(join(tmpdir(), "sluice-kinds-"))
afterAll(() => rmSync(directory, { recursive: true }))
writeFileSync(join(directory, "plain"), "")
writeFileSync(join(directory, "program"), "", { mode: 0o755 })
writeFileSync(join(directory, "ü"), "")
writeFileSync(join(directory, "odd\u0001"), "")
mkdirSync(join(directory, "inner"))
symlinkSync("nowhere", join(directory, "dangling"))

test.each([
  ["plain", "f e"],
  ["program", "f e x"],
  ["inner", "d e x"],
  ["nothing", ""],
  ["dangling", ""],
  // As octets of UTF-8.
  ["\u00c3\u00bc", "f e"],
  ["plain\0", ""],
  ["odd\u0001", "f e"],
  ["plain/below", ""],
  ["x".repeat(5000), ""],
])("%j is %j", (name, kinds) => {
  const path = join(directory, "x").slice(0, -1) + name
  const found = (["f", "d", "e", "x"] as const).filter((kind) => isOfKind(kind, path))
  expect(found.join(" ")).toBe(kinds)
})

test("no path is nothing", () => {
  expect(isOfKind("e", "")).toBe(false)
})

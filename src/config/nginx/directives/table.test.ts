import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { withTables } from "../../../../scripts/write-nginx.ts"
import { NO_EFFECT } from "./no-effect.ts"
import { NOT_SUPPORTED } from "./not-supported.ts"
import { OTHER_PROXIES } from "./other-proxies.ts"
import { allSpecs, namesIn, specsOf } from "./table.ts"

test("docs/nginx.md has the tables of the code (else: node scripts/write-nginx.ts)", () => {
  const text = readFileSync("docs/nginx.md", "utf8")
  expect(withTables(text)).toBe(text)
})

test("every shape is well formed", () => {
  for (const { name, contexts, least, most } of allSpecs()) {
    expect(contexts, name).not.toContain(undefined)
    expect(least, name).toBeLessThanOrEqual(most)
  }
})

test("no directive has two meanings in one place", () => {
  const twice = allSpecs().filter((spec) =>
    specsOf(spec.name).some(
      (other) => other !== spec && other.contexts.some((each) => spec.contexts.includes(each)),
    ),
  )
  expect(twice.map(({ name }) => name)).toEqual([])
})

test("no name is written twice in one list", () => {
  for (const { directives } of [...NOT_SUPPORTED, ...NO_EFFECT, ...OTHER_PROXIES]) {
    for (const [shape, names] of Object.entries(directives)) {
      const list = names.trim().split(/\s+/)
      expect(new Set(list).size, shape).toBe(list.length)
    }
  }
})

test("what is honoured is suggested first", () => {
  expect(namesIn(["upstream"])[0]).toBe("include")
  expect(namesIn(["upstream"]).indexOf("keepalive")).toBeLessThan(namesIn(["upstream"]).indexOf("ntlm"))
})

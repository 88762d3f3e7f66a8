import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { testDirectory } from "../../test/support/sluice-process.ts"
import { schemaPath } from "./schema-path.ts"

test("the schema of a Sluice that is installed there is named from there", (t) => {
  const directory = testDirectory(t)
  mkdirSync(join(directory, "node_modules/sluice/dist"), { recursive: true })
  writeFileSync(join(directory, "node_modules/sluice/dist/sluice.schema.json"), "{}")
  expect(schemaPath(directory)).toBe("./node_modules/sluice/dist/sluice.schema.json")
})

test("elsewhere it is this Sluice's own, or none", (t) => {
  const path = schemaPath(testDirectory(t))
  expect(path === null || existsSync(path)).toBe(true)
})

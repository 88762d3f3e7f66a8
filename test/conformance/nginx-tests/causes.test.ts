import { expect, test } from "vitest"
import { readMeasured } from "../docs.ts"
import { causeOf, causes } from "./causes.ts"

test("each cause is one of a test that failed in the last run", async () => {
  const { nginxTests } = await readMeasured()
  const found = Object.entries(nginxTests!.files).flatMap(([file, { failed = [] }]) =>
    failed.map((name) => causeOf(file, name)),
  )
  expect(causes.filter((cause) => !found.includes(cause)).map(({ name }) => name)).toEqual([])
})

test.each([
  ["h2_headers", "all chars", "strict"],
  ["h2_headers", "field name size greater", "limits"],
  ["grpc", "response - server", "its own name"],
  ["rewrite", "valid_location reset", undefined],
])("%s: %s", (file, name, cause) => {
  expect(causeOf(file, name)?.name).toBe(cause)
})

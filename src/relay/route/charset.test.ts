import { expect, test } from "vitest"
import { makeVariableTable } from "../../record/declared/declared.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { Charset } from "./charset.ts"

test.each<[fields: string[], after: string[]]>([
  [
    ["content-type", "text/html"],
    ["content-type", "text/html; charset=utf-8"],
  ],
  [
    ["vary", "content-type", "content-type", "text/html"],
    ["vary", "content-type", "content-type", "text/html; charset=utf-8"],
  ],
  [
    ["vary", "content-type"],
    ["vary", "content-type"],
  ],
  [
    ["content-type", "text/html; charset=x"],
    ["content-type", "text/html; charset=x"],
  ],
  [
    ["content-type", "image/png"],
    ["content-type", "image/png"],
  ],
  [[], []],
])("%j", (fields, after) => {
  const charset = new Charset("utf-8", ["text/html"], makeVariableTable([], new Set(), { stepsMax: 1000 }))
  charset.applyTo(fields, 200, {} as StreamRecord, {} as TemplateEnvironment)
  expect(fields).toEqual(after)
})

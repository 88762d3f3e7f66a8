import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { toBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { talkDescriptors } from "../../../test/support/talk-backend.ts"
import { atOnce } from "../../base/steps.ts"
import { fromInput } from "../../config/yaml/normalize.ts"
import { checkCursors, cursorFieldsBy } from "./cursor-fields.ts"

let folder: string
let talk: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cursors-"))
  talk = join(folder, "talk.binpb")
  writeFileSync(talk, toBinary(FileDescriptorSetSchema, talkDescriptors))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("fields by name", () => {
  test.each<[from: string, into: string, expected: [number[], number[]] | null]>([
    ["text", "text", [[1], [1]]],
    ["number", "inner.number", [[2], [5, 2]]],
    [
      "inner.inner.octets",
      "inner.text",
      [
        [5, 5, 3],
        [5, 1],
      ],
    ],
    ["more.number", "number", [[4, 2], [2]]],
    [
      "5.number",
      "inner.2",
      [
        [5, 2],
        [5, 2],
      ],
    ],
    ["number", "more.number", null],
    ["number", "text", null],
    ["inner", "inner", null],
    ["text.number", "number", null],
    ["none", "number", null],
    ["number", "none", null],
  ])("from %s into %s", (from, into, expected) => {
    const found = cursorFieldsBy(talk)("/talk.Talk/Count", from, into)
    expect(found).toEqual(expected === null ? null : { from: expected[0], into: expected[1] })
  })

  test.each(["/talk.Talk/None", "/none.Talk/Count", "/talk.Talk/Count/more", "//talk.Talk/Count", "/", "*"])(
    "of %s there are none",
    (path) => expect(cursorFieldsBy(talk)(path, "text", "text")).toBe(null),
  )
})

describe("a configuration is held against them", () => {
  test.each<[string, object, string | null]>([
    ["by number there is nothing to hold", { from: "7", into: "9" }, null],
    ["by name", { from: "number", into: "inner.number", set: true }, null],
    ["without a descriptor set the backends are asked", { from: "4", into: "page.after" }, null],
    [
      "a field that no method has",
      { from: "numbr", into: "number", set: true },
      "/talk.Talk/Say: talk.Word has no field numbr; /talk.Talk/Look: talk.Word has no field numbr",
    ],
    [
      "a list",
      { from: "number", into: "more.number", set: true },
      "more of more.number in talk.Word is a list",
    ],
    ["other types", { from: "number", into: "text", set: true }, "of different types"],
  ])("%s", (_, { from, into, set }: { from?: string; into?: string; set?: boolean }, problem) => {
    const { config } = fromInput({
      listeners: "127.0.0.1:0",
      clusters: { talk: ["127.0.0.1:1"] },
      continuity: { mode: "cursor", from, into },
      ...(set === true && { bridge: { descriptorSet: talk } }),
    } as never)
    if (problem === null) return atOnce(checkCursors(config!))
    expect(() => atOnce(checkCursors(config!))).toThrow(problem)
  })
})

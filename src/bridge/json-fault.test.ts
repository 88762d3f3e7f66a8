import { createFileRegistry, fromJson } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { expect, test } from "vitest"
import { encodeJson, JsonFault, parseJson } from "./json-codec.ts"

const field = (name: string, number: number, type: string, more: object = {}) => {
  return { name, jsonName: name, number, type: `TYPE_${type}`, label: "LABEL_OPTIONAL", ...more }
}
const registry = createFileRegistry(
  fromJson(FileDescriptorSetSchema, {
    file: [
      {
        name: "tree.proto",
        package: "tree",
        syntax: "proto3",
        messageType: [
          {
            name: "Node",
            field: [
              field("text", 1, "STRING"),
              field("count", 2, "INT32"),
              field("child", 3, "MESSAGE", { typeName: ".tree.Node" }),
              field("many", 4, "MESSAGE", { typeName: ".tree.Node", label: "LABEL_REPEATED" }),
              field("flags", 5, "BOOL", { label: "LABEL_REPEATED" }),
            ],
          },
        ],
      },
    ],
  }),
)
const Node = registry.getMessage("tree.Node")!

function faultOf(text: string): string {
  try {
    encodeJson(Node, parseJson(text), text, registry)
    return ""
  } catch (error) {
    if (error instanceof JsonFault) return error.message
    throw error
  }
}

test.each([
  ['{"text": 5}', "text", "5"],
  ['{ "count" : 1.5 }', "count", "1.5"],
  ['{"child": {"child": {"count": true}}}', "child.child.count", "true"],
  ['{"many": [{}, {"text": "]}\\"{"}, {"count": []}]}', "many[2].count", "[]"],
  ['{"flags": [true, false, "no"]}', "flags[2]", '"no"'],
  ['{"text": "a", "nope": {"x": [1, 2]}}', "nope", '{"x"'],
  ['{"many": {"text": "x"}}', "many", '{"text"'],
  ['{"child": 7}', "child", "7"],
  ['[{"text": 5}]', "", "["],
  ["5", "", "5"],
  ["null", "", "null"],
])("%s", (text, path, value) => {
  const place = path === "" ? "tree.Node" : `field ${path} of tree.Node`
  expect(faultOf(text).startsWith(`${place}, position ${text.lastIndexOf(value)}: `)).toBe(true)
})

test.each(["{", '{"text": }', '{"text": "\u0001"}', "", "{} {}", "nul"])("%j is no JSON", (text) => {
  expect(faultOf(text)).toMatch(/^malformed JSON: /)
})

test("what is right has no fault", () => {
  expect(faultOf('{"text":"x","count":"3","many":[{}],"flags":[true],"child":null}')).toBe("")
})

test("__proto__ is a field like any other that is not known", () => {
  expect(faultOf('{"__proto__": {"text": 1}}')).toMatch(/^field __proto__ of tree\.Node, position 14: /)
})

import { createFileRegistry, fromJson, type JsonValue } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { expect, test } from "vitest"
import { encodeJson, JsonFault, parseJson } from "./codec.ts"
import { locateFault } from "./problem.ts"

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
              field("left", 6, "INT32", { oneofIndex: 0 }),
              field("right", 7, "MESSAGE", { oneofIndex: 0, typeName: ".tree.Node" }),
            ],
            oneofDecl: [{ name: "either" }],
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
  ['{"many": [{"text": "x"}, null, {}]}', "many[1]", "null"],
  ['{"child": {"many": [{"left": 1, "right": {}}]}}', "child.many[0]", '{"left"'],
  ['{"right": {"right": {"left": "x"}}, "text": ""}', "right.right.left", '"x"'],
  ['[{"text": 5}]', "", "["],
  ["5", "", "5"],
  ["null", "", "null"],
])("%s", (text, path, value) => {
  const place = path === "" ? "tree.Node" : `field ${path} of tree.Node`
  expect(faultOf(text).startsWith(`${place}, position ${text.lastIndexOf(value)}: `)).toBe(true)
})

const nested = (depth: number, inner: string): string =>
  `${'{"child":'.repeat(depth)}${inner}${"}".repeat(depth)}`

test("beyond 50 levels a fault is told where the looking ends", () => {
  const place = (depth: number): string => /^field (\S+) of/.exec(faultOf(nested(depth, '{"text":5}')))![1]!
  expect(place(49)).toBe(`${"child.".repeat(49)}text`)
  expect(place(60)).toBe("child.".repeat(50).slice(0, -1))
})

test("no value is read more than a few times, however deep it stands", () => {
  const text = nested(48, `{"many":[${'{"many":[{}]},'.repeat(100)}{}],"count":"no"}`)
  let objects = 0
  let reads = 0
  const counted = JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value
    objects++
    return new Proxy(value, {
      ownKeys: (target) => {
        reads++
        return Reflect.ownKeys(target)
      },
    })
  }) as JsonValue
  const { path } = locateFault(Node, counted, text, registry, new Error("refused"))
  expect(path).toBe(`${"child.".repeat(48)}count`)
  expect(objects).toBe(250)
  expect(reads).toBeLessThanOrEqual(3 * objects)
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

import { create, createFileRegistry, fromJson } from "@bufbuild/protobuf"
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  file_google_protobuf_struct,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt"
import { describe, expect, test } from "vitest"
import { decodeToJson, encodeJson, JsonFault, parseJson } from "./codec.ts"

const field = (name: string, number: number, type: string, more: object = {}) => {
  return { name, jsonName: name, number, type: `TYPE_${type}`, label: "LABEL_OPTIONAL", ...more }
}
const message = (name: string, number: number, typeName: string, more: object = {}) =>
  field(name, number, "MESSAGE", { typeName, ...more })
const repeated = { label: "LABEL_REPEATED" }

const wide = fromJson(FileDescriptorProtoSchema, {
  name: "wide.proto",
  package: "wide",
  syntax: "proto3",
  dependency: ["any", "struct", "wrappers"].map((name) => `google/protobuf/${name}.proto`),
  messageType: [
    {
      name: "Wide",
      field: [
        field("int", 1, "INT64"),
        field("uints", 2, "FIXED64", repeated),
        field("double", 3, "DOUBLE"),
        field("text", 4, "STRING"),
        field("small", 5, "INT32"),
        message("inner", 6, ".wide.Wide"),
        message("byName", 7, ".wide.Wide.ByNameEntry", repeated),
        message("wrapped", 8, ".google.protobuf.UInt64Value"),
        message("value", 9, ".google.protobuf.Value"),
        message("any", 10, ".google.protobuf.Any"),
        message("more", 11, ".wide.Wide", repeated),
      ],
      nestedType: [
        {
          name: "ByNameEntry",
          field: [field("key", 1, "STRING"), field("value", 2, "SINT64")],
          options: { mapEntry: true },
        },
      ],
    },
  ],
})
const files = [file_google_protobuf_any, file_google_protobuf_struct, file_google_protobuf_wrappers]
const registry = createFileRegistry(
  create(FileDescriptorSetSchema, { file: [...files.map(({ proto }) => proto), wide] }),
)
const Wide = registry.getMessage("wide.Wide")!

/** What a message says after its way through the binary. */
const through = (text: string): unknown =>
  decodeToJson(Wide, encodeJson(Wide, parseJson(text), text, registry), registry)

const BIG = "9007199254740993"

describe("an integer past 2^53 that stands as a number", () => {
  test.each([
    ["in a field", `{"int": ${BIG}}`, { int: BIG }],
    ...["Struct", "Value"].map((type): [string, string, object] => [
      `in a ${type} within an Any`,
      `{"any":{"@type":"type.googleapis.com/google.protobuf.${type}","value":{"id":${BIG}}}}`,
      { any: { "@type": `type.googleapis.com/google.protobuf.${type}`, value: { id: Number(BIG) } } },
    ]),
    ["below zero", `{"int": -${BIG}}`, { int: `-${BIG}` }],
    ["the least there is", '{"int": -9223372036854775808}', { int: "-9223372036854775808" }],
    [
      "in a list, up to the largest",
      '{"uints":[1,18446744073709551615]}',
      { uints: ["1", "18446744073709551615"] },
    ],
    ["in a map", `{"byName": {"a": ${BIG}}}`, { byName: { a: BIG } }],
    ["in messages", `{"inner": {"more": [{"int":${BIG}}]}}`, { inner: { more: [{ int: BIG }] } }],
    ["in a wrapper", `{"wrapped": ${BIG}}`, { wrapped: BIG }],
    [
      "in an Any",
      `{"any": {"@type": "type.googleapis.com/wide.Wide", "int": ${BIG}}}`,
      { any: { "@type": "type.googleapis.com/wide.Wide", int: BIG } },
    ],
  ])("is kept to the last digit %s", (_, text, kept) => {
    expect(through(text)).toEqual(kept)
  })

  test.each([
    ["a double", `{"double": ${BIG}, "int": ${BIG}}`, { double: 9007199254740992, int: BIG }],
    ["a large double", '{"double": 100000000000000000000}', { double: 1e20 }],
    [
      "google.protobuf.Value",
      `{"value": [${BIG}, {"a": ${BIG}}]}`,
      { value: [9007199254740992, { a: 9007199254740992 }] },
    ],
    [
      "a number with an exponent",
      `{"int": 1e18, "more": [{"int": ${BIG}}]}`,
      { int: "1000000000000000000", more: [{ int: BIG }] },
    ],
  ])("is a number as before for %s", (_, text, kept) => {
    expect(through(text)).toEqual(kept)
  })

  test.each([
    [
      "text",
      `{"text": ${BIG}}`,
      /^field text of wide\.Wide, position 9: expected string, got 9007199254740992$/,
    ],
    ["32 bits", `{"small": ${BIG}}`, /^field small of .* out of range$/],
    ["64 bits, when it is larger", '{"int": 9223372036854775808}', /^field int of .* out of range$/],
    ["64 bits, when it is endless", `{"int": ${"9".repeat(100_000)}}`, /^field int of /],
    ["no field", `{"nope": ${BIG}}`, /^field nope of /],
    ["a list without end", `{"value": ${"[".repeat(20_000)}${BIG}${"]".repeat(20_000)}}`, /./],
  ])("is refused for %s", (_, text, reason) => {
    expect(() => through(text)).toThrow(JsonFault)
    expect(() => through(text)).toThrow(reason)
  })

  test("is not to blame for what else is wrong", () => {
    const text = `{"double": ${BIG}, "small": "x"}`
    expect(() => through(text)).toThrow(/^field small of wide\.Wide, position 38: /)
  })
})

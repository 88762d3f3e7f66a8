/** The bridge's JSON beside the cases of protobuf's own conformance suite, and beside another implementation. */
import { readFileSync } from "node:fs"
import { fromBinary, fromJson, fromJsonString, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf"
import { describe, expect, test } from "vitest"
import { jsonRegistry, schemaOf, toBinaryOf, toJsonOf } from "../../../test/support/json-types.ts"
import { MessageFault } from "./fault.ts"

type Case = [name: string, json: string, expected: JsonValue]

/**
 * JSON in, and the JSON that comes back after the binary; null: it is refused.
 * Source: protobuf, conformance/binary_json_conformance_suite.cc at e712d27, RunJsonTests.
 */
const cases = JSON.parse(
  readFileSync(new URL("testdata/conformance.json", import.meta.url), "utf8"),
) as Case[]

const refused = (run: () => unknown): MessageFault => {
  try {
    run()
  } catch (error) {
    if (error instanceof MessageFault) return error
    throw error
  }
  throw new Error("it was not refused")
}

const All = schemaOf("all.All")

test("there are all of the suite's cases", () => expect(cases.length).toBe(329))

test.each(cases)("%s", (_name, json, expected) => {
  if (expected === null) return void refused(() => toBinaryOf("all.All", json))
  const octets = toBinaryOf("all.All", json)
  expect(JSON.parse(toJsonOf("all.All", octets))).toEqual(expected)
  // Another implementation understands the octets as it understands the JSON.
  const theirs = toBinary(All, fromJsonString(All, json, { registry: jsonRegistry }))
  expect(toJson(All, fromBinary(All, octets), { registry: jsonRegistry })).toEqual(
    toJson(All, fromBinary(All, theirs), { registry: jsonRegistry }),
  )
})

describe("cases that the suite makes by program", () => {
  const nested = (depth: number, inner: string): string =>
    `${'{"optionalStruct":{"a":'}${'{"a":'.repeat(depth)}${inner}${"}".repeat(depth)}}}`
  const any = (type: string, more: string): string =>
    `{"optionalAny":{"@type":"type.googleapis.com/${type}"${more}}}`
  const kept: [name: string, json: string, expected?: object][] = [
    ["StructDeepNesting25", nested(25, "1")],
    ["ListValueDeepNesting25", `{"optionalValue":${"[".repeat(25)}1${"]".repeat(25)}}`],
    ["Any", any("all.All", ',"optionalInt32":12345')],
    ["AnyNested", any("google.protobuf.Any", `,"value":{"@type":"a/all.All","optionalInt32":1}`)],
    ["AnyWithDuration", any("google.protobuf.Duration", ',"value":"1.500s"')],
    ["AnyWithTimestamp", any("google.protobuf.Timestamp", ',"value":"1970-01-01T00:00:00Z"')],
    ["AnyWithFieldMask", any("google.protobuf.FieldMask", ',"value":"foo,barBaz"')],
    ["AnyWithStruct", any("google.protobuf.Struct", ',"value":{"foo":1}')],
    ["AnyWithValueForJsonObject", any("google.protobuf.Value", ',"value":{"foo":1}')],
    ["AnyWithValueForInteger", any("google.protobuf.Value", ',"value":1')],
    ["AnyWithInt32ValueWrapper", any("google.protobuf.Int32Value", ',"value":12345')],
    ["AnyWithEmpty", any("google.protobuf.Empty", "")],
    [
      "AnyUnorderedTypeTag",
      '{"optionalAny":{"optionalInt32":1,"recursive":{"optionalAny":{"a":2,"@type":"x/all.All.Nested"}},"@type":"x/all.All"}}',
      {
        optionalAny: {
          "@type": "x/all.All",
          optionalInt32: 1,
          recursive: { optionalAny: { "@type": "x/all.All.Nested", a: 2 } },
        },
      },
    ],
    ["FieldNameExtension", '{"old":{"[old.extended]":1}}'],
  ]
  test.each(kept)("%s is kept", (_name, json, expected = JSON.parse(json) as object) => {
    expect(JSON.parse(toJsonOf("all.All", toBinaryOf("all.All", json)))).toEqual(expected)
  })

  const lost: [name: string, json: string][] = [
    ["StructDeepNesting200", nested(200, "1")],
    ["ListValueDeepNesting200", `{"optionalValue":${"[".repeat(200)}1${"]".repeat(200)}}`],
    ["RejectReservedFieldName", '{"reserved_field":1}'],
    ["RejectUnknownEnumStringValueInOptionalField", '{"optional_nested_enum":"UNKNOWN"}'],
    ["RejectUnknownEnumStringValueInRepeatedField", '{"repeated_nested_enum":["UNKNOWN"]}'],
    ["RejectUnknownEnumStringValueInMapValue", '{"map_string_nested_enum":{"key":"UNKNOWN"}}'],
    ["an Any without a type", '{"optionalAny":{"optionalInt32":1}}'],
    ["an Any of no known type", any("no.Such", "")],
    ["an Any with two types", any("all.All", ',"@type":"x/all.All"')],
    ["an Any of a form of its own with no value", any("google.protobuf.Duration", "")],
    [
      "an Any of a form of its own with more than a value",
      any("google.protobuf.Duration", ',"value":"1s","x":1'),
    ],
  ]
  test.each(lost)("%s is refused", (_name, json) => void refused(() => toBinaryOf("all.All", json)))
})

describe("from the binary", () => {
  /** Messages that have no JSON: the suite's ExpectSerializeFailureForJson. */
  const failures: [name: string, json: JsonValue][] = [
    ["TimestampProtoInputTooSmall", { optionalTimestamp: { seconds: "-62135596801" } }],
    ["TimestampProtoInputTooLarge", { optionalTimestamp: { seconds: "253402300800" } }],
    ["TimestampProtoNegativeNanos", { optionalTimestamp: { seconds: "5000", nanos: -1 } }],
    ["TimestampProtoNanoTooLarge", { optionalTimestamp: { seconds: "5000", nanos: 1000000000 } }],
    ["DurationProtoInputTooSmall", { optionalDuration: { seconds: "-315576000001" } }],
    ["DurationProtoInputTooLarge", { optionalDuration: { seconds: "315576000001" } }],
    ["DurationProtoNanosWrongSign", { optionalDuration: { seconds: "1", nanos: -1 } }],
    ["DurationProtoNanosWrongSignNegativeSecs", { optionalDuration: { seconds: "-1", nanos: 1 } }],
    ["DurationProtoNanosTooSmall", { optionalDuration: { seconds: "-1", nanos: -1000000000 } }],
    ["DurationProtoNanosTooLarge", { optionalDuration: { seconds: "1", nanos: 1000000000 } }],
    ["FieldMaskPathsDontRoundTrip", { optionalFieldMask: { paths: ["fooBar"] } }],
    ["FieldMaskNumbersDontRoundTrip", { optionalFieldMask: { paths: ["foo_3_bar"] } }],
    ["FieldMaskTooManyUnderscore", { optionalFieldMask: { paths: ["foo__bar"] } }],
    ["ValueWithoutKind", { optionalValue: {} }],
  ]
  /** The same fields, of types that have no form of their own. */
  const plain = schemaOf("all.All")
  test.each(failures)("%s has no JSON", (_name, json) => {
    const [field, value] = Object.entries(json as Record<string, object>)[0]!
    const octets = plainOctets(plain.fields.find((one) => one.jsonName === field)!.number, value)
    refused(() => toJsonOf("all.All", octets))
  })

  const numbers: [name: string, json: JsonValue, text: string][] = [
    ["a float", { optionalFloat: 0.1 }, '{"optionalFloat":0.1}'],
    ["a float of 7 digits", { optionalFloat: 16777216 }, '{"optionalFloat":16777216}'],
    ["a float of 9 digits", { optionalFloat: 1.00000012 }, '{"optionalFloat":1.0000001}'],
    ["the largest float", { optionalFloat: 3.4028234663852886e38 }, '{"optionalFloat":3.4028235e+38}'],
    ["the least float", { optionalFloat: 1.401298464324817e-45 }, '{"optionalFloat":1e-45}'],
    ["a double", { optionalDouble: 0.1 }, '{"optionalDouble":0.1}'],
    ["floats", { repeatedFloat: [0.3, -0.7] }, '{"repeatedFloat":[0.3,-0.7]}'],
    ["a wrapped float", { optionalFloatWrapper: 0.1 }, '{"optionalFloatWrapper":0.1}'],
    [
      "the least int64",
      { optionalInt64: "-9223372036854775808" },
      '{"optionalInt64":"-9223372036854775808"}',
    ],
    [
      "the least sint64",
      { optionalSint64: "-9223372036854775808" },
      '{"optionalSint64":"-9223372036854775808"}',
    ],
    [
      "the largest sint64",
      { optionalSint64: "9223372036854775807" },
      '{"optionalSint64":"9223372036854775807"}',
    ],
    ["a small sint64", { optionalSint64: "-3" }, '{"optionalSint64":"-3"}'],
    [
      "the largest uint64",
      { optionalUint64: "18446744073709551615" },
      '{"optionalUint64":"18446744073709551615"}',
    ],
    ["negative enums", { repeatedNestedEnum: ["NEG", -7] }, '{"repeatedNestedEnum":["NEG",-7]}'],
  ]
  test.each(numbers)("%s is the shortest text that comes back the same", (_name, json, text) => {
    const octets = toBinary(All, fromJson(All, json, { registry: jsonRegistry }))
    expect(toJsonOf("all.All", octets)).toBe(text)
    expect(Buffer.compare(toBinaryOf("all.All", text), octets)).toBe(0)
  })

  test("minus zero keeps its sign, which makes it no default", () => {
    expect(toJsonOf("all.All", toBinaryOf("all.All", '{"optionalDouble":-0,"optionalFloat":-0.0}'))).toBe(
      '{"optionalFloat":-0,"optionalDouble":-0}',
    )
  })
})

/** A message's field of another message with such fields as `seconds`, `nanos` and `paths`. */
function plainOctets(number: number, value: object): Buffer {
  const inner: number[] = []
  const varint = (of: bigint): void => {
    for (let rest = BigInt.asUintN(64, of); ; rest >>= 7n) {
      inner.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
      if (rest <= 0x7fn) return
    }
  }
  for (const [index, one] of Object.values(value).entries())
    if (Array.isArray(one)) {
      inner.push(0x0a, (one[0] as string).length, ...Buffer.from(one[0] as string))
    } else {
      inner.push((index + 1) << 3)
      varint(BigInt(one as string))
    }
  const tag = (number << 3) | 2
  return Buffer.from([(tag & 0x7f) | 0x80, tag >> 7, inner.length, ...inner])
}

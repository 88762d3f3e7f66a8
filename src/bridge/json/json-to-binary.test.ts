import { fromBinary, toJson } from "@bufbuild/protobuf"
import { describe, expect, test } from "vitest"
import {
  jsonBounds,
  jsonIndex,
  jsonRegistry,
  schemaOf,
  toBinaryOf,
  toJsonOf,
} from "../../../test/support/json-types.ts"
import { MessageFault } from "./fault.ts"
import { JsonToBinary } from "./json-to-binary.ts"

function faultOf(json: string | Buffer, type = "all.All", bounds = jsonBounds): MessageFault | null {
  try {
    toBinaryOf(type, json, bounds)
    return null
  } catch (error) {
    if (error instanceof MessageFault) return error
    throw error
  }
}

/** What a message says after its way through the binary. */
const through = (json: string): unknown => JSON.parse(toJsonOf("all.All", toBinaryOf("all.All", json)))

describe("a fault names the field and the position", () => {
  test.each([
    ['{"optionalString": 5}', "optionalString", "5"],
    ['{ "optional_int32" : 1.5 }', "optional_int32", "1.5"],
    ['{"recursive": {"recursive": {"optionalInt32": true}}}', "recursive.recursive.optionalInt32", "true"],
    [
      '{"repeatedNestedMessage": [{}, {"corecursive": {"optionalString": "]}\\"{"}}, {"a": []}]}',
      "repeatedNestedMessage[2].a",
      "[]",
    ],
    ['{"repeatedBool": [true, false, "no"]}', "repeatedBool[2]", '"no"'],
    ['{"optionalString": "a", "nope": {"x": [1, 2]}}', "nope", '{"x"'],
    ['{"repeatedNestedMessage": {"a": 1}}', "repeatedNestedMessage", '{"a"'],
    ['{"optionalNestedMessage": 7}', "optionalNestedMessage", "7"],
    ['{"repeatedNestedMessage": [{"a": 1}, null, {}]}', "repeatedNestedMessage[1]", "null"],
    ['{"recursive": {"oneofUint32": 1, "oneofString": "x"}}', "recursive.oneofString", '"x"'],
    ['{"mapStringNestedMessage": {"k": {"a": "x"}}}', "mapStringNestedMessage.k.a", '"x"'],
    ['{"mapInt32Int32": {"k": 1}}', "mapInt32Int32.k", '"k"'],
    ['{"optionalNestedEnum": "NO"}', "optionalNestedEnum", '"NO"'],
    ['{"optionalStruct": {"a": [1, {"b": 1e999}]}}', "optionalStruct.a[1].b", "1e999"],
    ['{"optionalString": "é", "optionalInt32": "x"}', "optionalInt32", '"x"'],
    ['{"optionalInt32": 1, "optional_int32": 2}', "optional_int32", "2"],
    ['{"optionalAny": {"@type": "x/all.All", "optionalBool": 0}}', "optionalAny.optionalBool", "0"],
    ['{"__proto__": {"a": 1}}', "__proto__", '{"a"'],
    ['[{"a": 5}]', "", "["],
    ["5", "", "5"],
    ["null", "", "null"],
  ])("%s", (json, path, value) => {
    const place = path === "" ? "all.All" : `field ${path} of all.All`
    expect(faultOf(json)?.message).toContain(`${place}, position ${json.lastIndexOf(value)}: `)
  })

  test.each([
    ['{"optionalInt32": 2147483648}', /int32 2147483648 is out of range$/],
    ['{"optionalInt64": "9223372036854775808"}', /out of range$/],
    [`{"optionalInt64": ${"9".repeat(4000)}}`, /out of range$/],
    ['{"optionalInt32": 1e999999999}', /out of range$/],
    ['{"optionalBytes": "!"}', /expected base64, got "!"$/],
    ['{"optionalBytes": "A"}', /expected base64/],
    ['{"optionalBytes": "AA="}', /expected base64/],
    ['{"optionalNestedEnum": "NO"}', /all\.All\.Kind has no value "NO"$/],
    ['{"optionalFloat": 3.5e38}', /expected a float/],
    ['{"optionalInt32": 1, "optionalInt32": 1}', /it is set twice$/],
    ['{"oneofUint32": 1, "oneofString": ""}', /another field of its oneof is set too$/],
  ])("%s", (json, reason) => expect(faultOf(json)?.message).toMatch(reason))
})

describe("what is no JSON", () => {
  test.each([
    ...[
      "{",
      '{"optionalString": }',
      '{"optionalString": "\u0001"}',
      "",
      "{} {}",
      "nul",
      "{,}",
      "{]",
      '{"a"}',
    ],
    ...['{"optionalString":"\\x"}', '{"optionalString":"\\ud800"}', '{"optionalString":"\\ud800\\u0041"}'],
    ...['{"optionalString":"\\udc00\\ud800"}', '{"optionalString":"\\u12"}', '{"optionalString":"a'],
    ...['{"optionalInt32":-}', '{"optionalInt32":1.}', '{"optionalInt32":00}', '{"\\ud800":1}', "\ufeff{}"],
  ])("%j", (json) => {
    const fault = faultOf(json)
    expect([fault?.kind, fault?.message]).toEqual([
      "malformed",
      expect.stringMatching(/^malformed JSON: /) as string,
    ])
  })

  test.each([
    ["a lone continuation", [0x80]],
    ["half a character", [0xe4, 0xb8]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["half a surrogate pair", [0xed, 0xa0, 0x80]],
    ["past the last character", [0xf5, 0x80, 0x80, 0x80]],
  ])("%s, which is no UTF-8", (_name, octets) => {
    const json = Buffer.concat([Buffer.from('{"optionalString":"é'), Buffer.from(octets), Buffer.from('"}')])
    expect(faultOf(json)?.message).toBe("malformed JSON: octets that are no UTF-8 at position 20")
  })
})

describe("integers", () => {
  const BIG = "9007199254740993"
  test.each([
    [`{"optionalInt64": ${BIG}}`, { optionalInt64: BIG }],
    [`{"optionalInt64": -${BIG}}`, { optionalInt64: `-${BIG}` }],
    [`{"optionalInt64": 9007199254740993.0}`, { optionalInt64: BIG }],
    ['{"optionalInt64": 9.007199254740993e15}', { optionalInt64: BIG }],
    ['{"repeatedFixed64": [1, 18446744073709551615]}', { repeatedFixed64: ["1", "18446744073709551615"] }],
    [`{"mapInt64Int64": {"${BIG}": ${BIG}}}`, { mapInt64Int64: { [BIG]: BIG } }],
    [`{"optionalUint64Wrapper": ${BIG}}`, { optionalUint64Wrapper: BIG }],
    [`{"optionalDouble": ${BIG}}`, { optionalDouble: 9007199254740992 }],
    [`{"optionalValue": [${BIG}]}`, { optionalValue: [9007199254740992] }],
    ['{"optionalInt32": 0e999999999}', {}],
    ['{"optionalUint32": -0}', {}],
  ])("%s is exact where a field has 64 bits", (json, kept) => expect(through(json)).toEqual(kept))
})

describe("what a message becomes is bounded", () => {
  const bounds = { valuesMax: 1000, depthMax: 20, octetsMax: 20_000 }
  const limitOf = (json: string, octetsMax = bounds.octetsMax): unknown => {
    const fault = faultOf(json, "all.All", { ...bounds, octetsMax })
    return fault === null ? null : [fault.kind, fault.limit]
  }
  const many = (text: string, times: number): string => Array<string>(times).fill(text).join(",")
  const inside = (open: string, inner: string, close: string, depth: number): string =>
    `${open.repeat(depth)}${inner}${close.repeat(depth)}`
  test.each([
    ["messages", (n: number) => `{"repeatedNestedMessage":[${many("{}", n)}]}`, 998],
    ["numbers", (n: number) => `{"repeatedInt32":[${many("1", n)}]}`, 998],
    ["a Struct's values", (n: number) => `{"optionalStruct":{"a":[${many("1", n)}]}}`, 997],
    ["a map's entries", (n: number) => `{"mapStringString":{${many('"a":""', n)}}}`, 998],
    ["paths of a FieldMask", (n: number) => `{"optionalFieldMask":"${many("a", n)}"}`, 998],
    ["Anys", (n: number) => `{"repeatedAny":[${many("{}", n)}]}`, 998],
  ])("%s are counted", (_name, json, most) => {
    expect(limitOf(json(most))).toBe(null)
    expect(limitOf(json(most + 1))).toEqual(["limit", "messageValuesMax"])
  })

  test.each([
    ["messages", (n: number) => inside('{"recursive":', "{}", "}", n - 1), 20],
    [
      "lists of messages",
      (n: number) => inside('{"repeatedNestedMessage":[{"corecursive":', "{}", "}]}", n),
      9,
    ],
    ["lists", (n: number) => `{"optionalValue":${inside("[", "1", "]", n)}}`, 19],
    ["objects", (n: number) => `{"optionalStruct":${inside('{"a":', "1", "}", n)}}`, 19],
    ["Anys", (n: number) => inside('{"optionalAny":{"@type":"x/all.All","recursive":', "{}", "}}", n), 9],
  ])("the depth of %s is", (_name, json, most) => {
    expect(limitOf(json(most))).toBe(null)
    expect(limitOf(json(most + 1))).toEqual(["limit", "messageDepthMax"])
  })

  test.each([
    ["an unknown field", `{"nope":${inside("[", "", "]", 50_000)}}`, "unknown"],
    ["an array where none may be", inside("[", "", "]", 50_000), "mistyped"],
    [
      "an Any whose type comes last",
      `{"optionalAny":{"a":${inside("[", "", "]", 5000)},"@type":"x/all.All"}}`,
      "limit",
    ],
  ])("nesting without end in %s costs nothing", (_name, json, kind) => {
    expect(faultOf(json, "all.All", bounds)?.kind).toBe(kind)
  })

  test("octets are", () => {
    const json = (n: number): string => `{"optionalString":"${"x".repeat(n)}"}`
    expect(limitOf(json(19_990))).toBe(null)
    expect(limitOf(json(20_001))).toEqual(["limit", "messageGrowthMax"])
    const short = `{"repeatedSint64":[${many("-9223372036854775808", 990)}]}`
    expect(limitOf(short, 9000)).toEqual(["limit", "messageGrowthMax"])
  })

  test("the fault names the limit", () => {
    expect(faultOf('{"recursive":{}}', "all.All", { ...bounds, depthMax: 1 })?.message).toBe(
      "the JSON of all.All: deeper than messageDepthMax (1 levels)",
    )
  })
})

test("steps of any size come to the same", () => {
  const text = "a\\n\\ud83d\\ude00é".repeat(50)
  const nested =
    '{"optionalNestedMessage":{"a":1},"repeatedString":["x","y"],"optionalStruct":{"k":[1,"z",null]}}'
  const json = Buffer.from(
    `{ "recursive" : ${nested}, "optionalString":"${text}", "optionalBytes":"AP8\\/AP8/", "mapStringString":{"${text}":"v"},
     "optionalAny":{"optionalString":"${"long ".repeat(1000)}","@type":"x/all.All"}, "repeatedInt32":[1,2,${"3,".repeat(200)}4]}`,
  )
  const expected = toBinaryOf("all.All", json)
  expect(
    toJson(schemaOf("all.All"), fromBinary(schemaOf("all.All"), expected), { registry: jsonRegistry }),
  ).toMatchObject({
    optionalBytes: "AP8/AP8/",
    optionalString: JSON.parse(`"${text}"`) as string,
  })
  for (const octets of [1, 2, 7, 100, 1000]) {
    const translation = new JsonToBinary(jsonIndex.message("all.All")!, json, jsonIndex, jsonBounds)
    let steps = 1
    while (!translation.step(octets)) steps++
    expect(translation.finish().equals(expected)).toBe(true)
    // A step does what it was given, and little more.
    expect(steps).toBeGreaterThan(json.length / octets / 20)
  }
})

test("editions say what is packed, delimited and present", () => {
  const octets = toBinaryOf(
    "edition.Edition",
    '{"implicit":0,"explicit":0,"delimited":{"explicit":1},"expanded":[1,2]}',
  )
  expect(octets.toString("hex")).toBe("1000" + "1b1001" + "1c" + "20012002")
  expect(toJsonOf("edition.Edition", octets)).toBe(
    '{"explicit":0,"delimited":{"explicit":1},"expanded":[1,2]}',
  )
})

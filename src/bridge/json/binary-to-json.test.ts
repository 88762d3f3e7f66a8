import { describe, expect, test } from "vitest"
import { jsonBounds, jsonIndex, toBinaryOf, toJsonOf } from "../../../test/support/json-types.ts"
import { BinaryToJson } from "./binary-to-json.ts"
import { MessageFault } from "./fault.ts"

const All = jsonIndex.message("all.All")!
const numberOf = (name: string, type = All): number => type.byKey.get(name)!.number

function varint(value: number): number[] {
  return value > 0x7f ? [(value & 0x7f) | 0x80, ...varint(value >>> 7)] : [value]
}
const tag = (field: string | number, wireType: number): number[] =>
  varint(((typeof field === "number" ? field : numberOf(field)) << 3) | wireType)
/** A field with a length. */
const field = (name: string | number, ...octets: number[]): number[] => [
  ...tag(name, 2),
  ...varint(octets.length),
  ...octets,
]
const text = (name: string | number, value: string): number[] => field(name, ...Buffer.from(value, "latin1"))
const json = (...octets: number[]): string => toJsonOf("all.All", Buffer.from(octets))

function faultOf(octets: Uint8Array, bounds = jsonBounds, type = "all.All"): MessageFault | null {
  try {
    toJsonOf(type, octets, bounds)
    return null
  } catch (error) {
    if (error instanceof MessageFault) return error
    throw error
  }
}

describe("octets that the wire format allows", () => {
  const a = (value: number): number[] => [0x08, value]
  const nested = (name: string, ...octets: number[]): number[] => field(name, ...octets)
  test.each<[string, number[], string]>([
    [
      "a field that comes twice: the last counts",
      [...tag("optionalInt32", 0), 1, ...tag("optionalInt32", 0), 2],
      '{"optionalInt32":2}',
    ],
    [
      "a message that comes in pieces: they are one",
      [
        ...nested(
          "recursive",
          ...text("optionalString", "x"),
          ...nested("recursive", ...tag("optionalInt32", 0), 7),
        ),
        ...tag("optionalInt32", 0),
        1,
        ...nested("recursive", ...nested("recursive", ...text("optionalString", "y"))),
      ],
      '{"optionalInt32":1,"recursive":{"optionalString":"x","recursive":{"optionalInt32":7,"optionalString":"y"}}}',
    ],
    [
      "a list in pieces, packed and not",
      [
        ...tag("repeatedInt32", 0),
        1,
        ...tag("optionalInt32", 0),
        9,
        ...field("repeatedInt32", 2, 3),
        ...field("repeatedInt32"),
      ],
      '{"optionalInt32":9,"repeatedInt32":[1,2,3]}',
    ],
    ["a list that is packed and empty", field("repeatedInt32"), "{}"],
    [
      "a oneof that is set again: the last counts, and nothing of what it was before",
      [
        ...nested("oneofNestedMessage", ...a(1)),
        ...tag("oneofUint32", 0),
        5,
        ...nested("oneofNestedMessage"),
      ],
      '{"oneofNestedMessage":{}}',
    ],
    [
      "a key that comes twice: the last entry counts",
      [
        ...field("mapStringString", ...text(1, "k"), ...text(2, "old")),
        ...field("mapStringString", ...text(1, "l"), ...text(2, "v")),
        ...field("mapStringString", ...text(2, "new"), ...text(1, "k")),
      ],
      '{"mapStringString":{"l":"v","k":"new"}}',
    ],
    ["an entry without key and value", field("mapStringNestedMessage"), '{"mapStringNestedMessage":{"":{}}}'],
    ["an entry of integers without them", field("mapInt64Int64"), '{"mapInt64Int64":{"0":"0"}}'],
    ["a key of truth", field("mapBoolBool", 0x08, 1), '{"mapBoolBool":{"true":false}}'],
    [
      "a key that JSON must escape",
      field("mapStringString", ...text(1, 'a"\n')),
      '{"mapStringString":{"a\\"\\n":""}}',
    ],
    [
      "a field of another wire type: it is as if it were not there",
      [...text("optionalInt32", "xx"), ...tag("optionalString", 0), 1, ...tag("optionalBool", 0), 1],
      '{"optionalBool":true}',
    ],
    [
      "unknown fields of every wire type, and groups within groups",
      [
        ...[...tag(3000, 0), 0xff, 1, ...tag(3000, 1), 1, 2, 3, 4, 5, 6, 7, 8, ...text(3000, "x")],
        ...[...tag(3000, 5), 1, 2, 3, 4, ...tag(3000, 3), ...tag(1, 3), ...tag(1, 4), ...tag(3000, 4)],
        ...[...tag("optionalBool", 0), 1],
      ],
      '{"optionalBool":true}',
    ],
    [
      "an int32 of ten octets",
      [...tag("optionalInt32", 0), 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
      '{"optionalInt32":-1}',
    ],
    ["a Value of null", nested("optionalValue", 0x08, 0), '{"optionalValue":null}'],
    [
      "an empty Struct and an empty list",
      [...nested("optionalStruct"), ...nested("optionalListValue")],
      '{"optionalStruct":{},"optionalListValue":[]}',
    ],
    ["an empty Any", nested("optionalAny"), '{"optionalAny":{}}'],
    [
      "an empty Timestamp and a wrapper",
      [...nested("optionalTimestamp"), ...nested("optionalInt64Wrapper")],
      '{"optionalTimestamp":"1970-01-01T00:00:00Z","optionalInt64Wrapper":"0"}',
    ],
    [
      "text that JSON must escape",
      text("optionalString", '\u0000"\\/\u001f\u007f'),
      '{"optionalString":"\\u0000\\"\\\\/\\u001f\u007f"}',
    ],
    ["octets", field("optionalBytes", 0xfb, 0xff), '{"optionalBytes":"+/8="}'],
    [
      "a default that is present, and one that is not",
      [...tag("presentInt32", 0), 0, ...tag("optionalInt32", 0), 0],
      '{"presentInt32":0}',
    ],
  ])("%s", (_name, octets, expected) => expect(json(...octets)).toBe(expected))

  test("proto2: groups, closed enums, extensions, text of any octets", () => {
    const old = (...octets: number[]): string => toJsonOf("old.Old", Buffer.from(octets))
    expect(
      toJsonOf(
        "old.Old",
        toBinaryOf("old.Old", '{"data":{"groupInt32":5},"many":[{},{"deep":{"number":0}}]}'),
      ),
    ).toBe('{"data":{"groupInt32":5},"many":[{},{"deep":{"number":0}}]}')
    expect(old(0x28, 1, 0x28, 9)).toBe('{"closed":"ONE"}')
    expect(old(0x30, 1, 0x30, 9, ...field(6, 2, 9, 1))).toBe('{"closeds":["ONE","TWO","ONE"]}')
    expect(old(...field(7, ...text(1, "a"), 0x10, 9), ...field(7, ...text(1, "b"), 0x10, 2))).toBe(
      '{"mapClosed":{"b":"TWO"}}',
    )
    expect(old(...field(7, ...text(1, "a")))).toBe('{"mapClosed":{"a":"ONE"}}')
    expect(old(...text(2, "a\u00ff"))).toBe('{"text":"a\ufffd"}')
    expect(old(...tag(120, 0), 3)).toBe('{"[old.extended]":3}')
  })
})

describe("octets that it does not allow", () => {
  test.each<[string, number[]]>([
    ["an illegal tag", [0x00]],
    ["wire type 7", [0x0f]],
    ["half a varint", [...tag("optionalInt32", 0), 0x80]],
    ["a varint of 11 octets", [...tag("optionalInt64", 0), ...Array<number>(11).fill(0x80), 0]],
    ["a length past the end", [...tag("optionalString", 2), 5, 0x61]],
    ["a length of 4 GiB", [...tag("optionalString", 2), 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["half a double", [...tag("optionalDouble", 1), 1, 2]],
    ["half a packed double", field("repeatedDouble", 1, 2, 3)],
    ["a group that ends where none began", tag(3000, 4)],
    ["a group without an end", tag(3000, 3)],
    ["a group that ends as another", [...tag(3000, 3), ...tag(3001, 4)]],
    ["text that is no UTF-8", text("optionalString", "\u00ff")],
    ["a key that is no UTF-8", field("mapStringString", ...text(1, "\u00ff"))],
    ["half a message within a message", field("recursive", ...tag("optionalInt32", 0))],
  ])("%s", (_name, octets) => expect(faultOf(Buffer.from(octets))?.kind).toBe("malformed"))

  test.each([
    ["a Value of NaN", field("optionalValue", 0x11, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f), "mistyped"],
    ["an Any with a value and no type", field("optionalAny", ...field(2, 1)), "mistyped"],
    ["an Any of no known type", field("optionalAny", ...text(1, "x/no.Such")), "unknown"],
  ])("%s", (_name, octets, kind) => expect(faultOf(Buffer.from(octets))?.kind).toBe(kind))
})

test("a field that the types do not have is told of", () => {
  const unknownOf = (...octets: number[]): string | null => {
    const translation = new BinaryToJson(All, Buffer.from(octets), jsonIndex, jsonBounds)
    translation.step(1_000_000)
    return translation.unknownField
  }
  expect(unknownOf(...tag("optionalInt32", 0), 1)).toBe(null)
  expect(unknownOf(...tag(3000, 0), 1)).toBe("field 3000 of all.All")
  expect(unknownOf(...field("recursive", ...tag(3001, 0), 1))).toBe("field 3001 of all.All")
  expect(unknownOf(...field("optionalTimestamp", ...tag(9, 0), 1))).toBe(null)
})

describe("what a message becomes is bounded", () => {
  const bounds = { valuesMax: 1000, depthMax: 20, octetsMax: 10_000 }
  const repeat = (times: number, octets: number[]): number[] => Array<number[]>(times).fill(octets).flat()
  const limitOf = (octets: number[]): unknown => {
    const fault = faultOf(Buffer.from(octets), bounds)
    return fault === null ? null : [fault.kind, fault.limit]
  }
  test.each<[string, (n: number) => number[], number]>([
    ["empty messages", (n) => repeat(n, field("repeatedNestedMessage")), 1000],
    ["unknown fields", (n) => repeat(n, [...tag(3000, 0), 1]), 1000],
    ["fields of unknown groups", (n) => [...tag(3000, 3), ...repeat(n, [0x08, 1]), ...tag(3000, 4)], 999],
    ["packed elements", (n) => field("repeatedInt32", ...Array<number>(n).fill(1)), 999],
    ["values that are written over", (n) => repeat(n, [...tag("optionalInt32", 0), 1]), 1000],
    ["junk in a Timestamp", (n) => field("optionalTimestamp", ...repeat(n, [0x48, 1])), 999],
    ["paths of a FieldMask", (n) => field("optionalFieldMask", ...repeat(n, text(1, "a"))), 999],
    ["values of a Struct", (n) => field("optionalListValue", ...repeat(n, field(1, 0x20, 1))), 499],
  ])("%s are counted", (_name, octets, most) => {
    expect(limitOf(octets(most))).toBe(null)
    expect(limitOf(octets(most + 1))).toEqual(["limit", "messageValuesMax"])
  })

  const inside = (depth: number, wrap: (octets: number[]) => number[]): number[] =>
    depth === 0 ? [] : wrap(inside(depth - 1, wrap))
  test.each<[string, (n: number) => number[], number]>([
    ["messages", (n) => inside(n - 1, (octets) => field("recursive", ...octets)), 20],
    [
      "lists",
      (n) => field("optionalListValue", ...inside(n - 1, (octets) => field(1, ...field(6, ...octets)))),
      19,
    ],
    [
      "Anys",
      (n) => inside(n, (octets) => field("optionalAny", ...text(1, "x/all.All"), ...field(2, ...octets))),
      19,
    ],
  ])("the depth of %s is", (_name, octets, most) => {
    expect(limitOf(octets(most))).toBe(null)
    expect(limitOf(octets(most + 1))).toEqual(["limit", "messageDepthMax"])
  })

  test.each<[string, number[]]>([
    ["control characters", text("optionalString", "\u0001".repeat(1700))],
    [
      "enums, whose names are long",
      field(
        "repeatedNestedEnum",
        ...Array<number>(900).fill(2),
        ...repeat(99, [0x80, 0x80, 0x80, 0x80, 0x10]),
      ),
    ],
    ["octets", field("optionalBytes", ...Array<number>(7600).fill(0))],
  ])("the length of %s is", (name, octets) => {
    const most = name.startsWith("enums") ? { ...bounds, octetsMax: 3000 } : bounds
    expect(faultOf(Buffer.from(octets), most)?.limit).toBe("messageGrowthMax")
  })
})

test("steps of any size come to the same", () => {
  const value = '"optionalBytes":"AAECAwQF","optionalString":"a\\nb","optionalStruct":{"k":[1,"z",null,{}]}'
  const octets = toBinaryOf(
    "all.All",
    `{${value},"recursive":{${value}},"repeatedInt32":[${"3,".repeat(300)}4],"repeatedNestedMessage":[${"{},".repeat(50)}{"a":1}],
      "mapStringNestedMessage":{"a":{"a":1},"b":{}},"repeatedFieldMask":["a,b","cD"],"optionalAny":{"@type":"x/all.All",${value}},
      "repeatedAny":[{"@type":"x/google.protobuf.Value","value":[1]}],"repeatedString":["${"é\\n".repeat(5000)}"]}`,
  )
  const expected = toJsonOf("all.All", octets)
  for (const size of [1, 2, 7, 100, 1000]) {
    const translation = new BinaryToJson(All, octets, jsonIndex, jsonBounds)
    let steps = 1
    while (!translation.step(size)) steps++
    expect(translation.finish().toString()).toBe(expected)
    expect(steps).toBeGreaterThan(octets.length / size / 20)
  }
})

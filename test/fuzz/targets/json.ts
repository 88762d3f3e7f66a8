import assert from "node:assert/strict"
import { isDeepStrictEqual } from "node:util"
import { fromBinary, fromJsonString, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf"
import { BinaryToJson } from "../../../src/bridge/json/binary-to-json.ts"
import { DescriptorIndex } from "../../../src/bridge/json/descriptor-index.ts"
import { MessageFault } from "../../../src/bridge/json/fault.ts"
import { JsonToBinary } from "../../../src/bridge/json/json-to-binary.ts"
import type { Translation } from "../../../src/bridge/json/translation.ts"
import { ValueCounter } from "../../../src/bridge/json/value-counter.ts"
import { jsonIndex, jsonRegistry, schemaOf } from "../../support/json-types.ts"
import type { Target } from "../engine/target.ts"

const BOUNDS = { valuesMax: 500, depthMax: 30, octetsMax: 16_384 }
/** What the first octet says: which way, then how large the steps are. */
const Way = { JSON: 0, BINARY: 1, DESCRIPTOR: 2 } as const
const TYPES = ["all.All", "old.Old", "edition.Edition", "google.protobuf.Struct"] as const

const seeds: readonly string[] = [
  '{"optionalInt32":-1,"optionalInt64":"9223372036854775807","optionalDouble":1e-7,"optionalFloat":"NaN"}',
  '{"optionalString":"a\\n\\ud83d\\ude00é","optionalBytes":"AP8=","optionalBool":true,"optionalNestedEnum":"BAR"}',
  '{"repeatedInt32":[1,2,3],"repeatedNestedMessage":[{},{"a":1}],"mapStringNestedMessage":{"k":{"a":1}}}',
  '{"optionalStruct":{"a":[1,"z",null,{"b":true}]},"optionalValue":null,"optionalListValue":[[]]}',
  '{"optionalAny":{"@type":"x/all.All","optionalInt32":1},"optionalTimestamp":"1970-01-01T00:00:00.5Z"}',
  '{"optionalAny":{"value":"1.5s","@type":"x/google.protobuf.Duration"},"optionalFieldMask":"a,bC"}',
  '{"optionalInt32Wrapper":0,"mapInt32Int32":{"1":2},"mapBoolBool":{"true":false},"oneofString":""}',
  '{"old":{"data":{"groupInt32":1},"closeds":["ONE"],"[old.extended]":3,"mapClosed":{"a":"TWO"}}}',
]

/** One translation, in steps. Null: it was refused. */
function translated(make: () => Translation, stepOctets: number): Buffer | null {
  try {
    const translation = make()
    let steps = 0
    while (!translation.step(stepOctets)) assert(++steps < 1_000_000, "it does not end")
    const result = translation.finish()
    assert(result.length <= BOUNDS.octetsMax, "it grew past its bound")
    return result
  } catch (error) {
    if (error instanceof MessageFault) return null
    throw error
  }
}

/** JSON and protobuf, each translated into the other, beside protobuf-es. */
export const json: Target = {
  steps: { base: 20_000, perOctet: 4000 },
  words: [
    '"@type":',
    "type.googleapis.com/",
    "null",
    '"NaN"',
    "\\u0000",
    "1e308",
    "all.All",
    "[old.extended]",
  ],
  *seeds() {
    for (const [index, text] of seeds.entries()) {
      yield Buffer.concat([Buffer.from([index * 16]), Buffer.from(text)])
      const octets = toBinary(
        schemaOf("all.All"),
        fromJsonString(schemaOf("all.All"), text, { registry: jsonRegistry }),
      )
      yield Buffer.concat([Buffer.from([index * 16 + 1]), octets])
    }
  },
  run(input) {
    const octets = input.subarray(1)
    const way = (input[0] ?? 0) % 4
    const stepOctets = 2 ** ((input[0] ?? 0) >> 4)
    if (way === Way.JSON) fromText(octets, stepOctets)
    else if (way === Way.BINARY) for (const name of TYPES) fromOctets(name, octets, stepOctets)
    else if (way === Way.DESCRIPTOR) descriptors(octets)
  },
}

function fromText(text: Buffer, stepOctets: number): void {
  const type = jsonIndex.message("all.All")!
  const make = (): Translation => new JsonToBinary(type, text, jsonIndex, BOUNDS)
  const result = translated(make, stepOctets)
  const whole = translated(make, Number.MAX_SAFE_INTEGER)
  assert.deepEqual(result, whole, "the size of steps makes a difference")
  if (result === null) return
  new ValueCounter(BOUNDS).push(text, 0, text.length)
  // What is taken is JSON, and means to another implementation what it means to us.
  JSON.parse(text.toString())
  // It rounds what we do not.
  if (/\d{16}/.test(text.toString())) return
  const schema = schemaOf("all.All")
  let theirs: Uint8Array
  try {
    theirs = toBinary(schema, fromJsonString(schema, text.toString(), { registry: jsonRegistry }))
  } catch {
    // It is stricter in places: a key of a map that comes twice, base64 of either alphabet.
    return
  }
  const shown = (message: Uint8Array): JsonValue | null => {
    try {
      const text = JSON.stringify(toJson(schema, fromBinary(schema, message), { registry: jsonRegistry }))
      // It writes an Any's type its own way.
      return JSON.parse(text.replace(/"@type":"[^"]*\//g, '"@type":"')) as JsonValue
    } catch {
      return null
    }
  }
  assert(isDeepStrictEqual(shown(result), shown(theirs)), "it means something else")
}

function fromOctets(name: string, octets: Buffer, stepOctets: number): void {
  const type = jsonIndex.message(name)!
  const make = (): Translation => new BinaryToJson(type, octets, jsonIndex, BOUNDS)
  const result = translated(make, stepOctets)
  assert.deepEqual(result, translated(make, Number.MAX_SAFE_INTEGER), "the size of steps makes a difference")
  if (result === null) return
  // It is JSON, and comes back as what it was.
  JSON.parse(result.toString())
  const bounds = { ...BOUNDS, valuesMax: 100_000, depthMax: 1000, octetsMax: 1_000_000 }
  const back = new JsonToBinary(type, result, jsonIndex, bounds)
  back.step(Number.MAX_SAFE_INTEGER)
  const again = new BinaryToJson(type, back.finish(), jsonIndex, bounds)
  again.step(Number.MAX_SAFE_INTEGER)
  // Null is the default there, and not shown when it comes back.
  const known = (json: Buffer): unknown =>
    JSON.parse(json.toString(), (key, value: unknown) => (key === "optionalNullValue" ? undefined : value))
  assert.deepEqual(known(again.finish()), known(result), "it does not come back")
}

function descriptors(octets: Buffer): void {
  try {
    DescriptorIndex.of([octets]).verify()
  } catch (error) {
    if (!(error instanceof MessageFault)) throw error
  }
}

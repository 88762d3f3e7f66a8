import { toBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import { expect, test } from "vitest"
import { jsonFiles, jsonIndex } from "../../../test/support/json-types.ts"
import { shopFile } from "../../../test/support/typed-backend.ts"
import { DescriptorIndex, readFileHead } from "./descriptor-index.ts"
import { MessageFault } from "./fault.ts"

const octetsOf = (file: Parameters<typeof toBinary<typeof FileDescriptorProtoSchema>>[1]): Buffer =>
  Buffer.from(toBinary(FileDescriptorProtoSchema, file))

test("every type of the files is found, and none else", () => {
  jsonIndex.verify()
  expect(jsonIndex.message("all.All.Nested")?.fields.map(({ name }) => name)).toEqual(["a", "corecursive"])
  expect(jsonIndex.enum("all.All.Kind")?.names.get(2)).toBe("BAZ")
  for (const name of ["all.All.Kind", "all.Nope", "All", "", "__proto__"])
    expect(jsonIndex.message(name)).toBe(undefined)
  expect(jsonIndex.enum("all.All")).toBe(undefined)
})

test("a file's name and imports are its head", () => {
  expect(readFileHead(octetsOf(jsonFiles.at(-1)!))).toMatchObject({
    name: "all.proto",
    dependencies: { length: 8 },
  })
})

test("a method has its types and kind", () => {
  const index = DescriptorIndex.of([octetsOf(shopFile({ name: "STRING" }))])
  expect(index.hasService("shop.Shop")).toBe(true)
  expect(index.method("shop.Shop", "Chat")).toMatchObject({
    input: { name: "shop.Item" },
    isClientStreaming: true,
    isServerStreaming: true,
    hasNoSideEffects: false,
  })
  expect([index.method("shop.Shop", "Nope"), index.method("shop.Nope", "Get")]).toEqual([
    undefined,
    undefined,
  ])
})

test("names that follow from the field's are made up", () => {
  const item = DescriptorIndex.of([octetsOf(shopFile({ some_name_1: "STRING" }))]).message("shop.Item")!
  expect(item.fields[0]!.jsonName).toBe("someName1")
})

test("what is missing is a fault when it is asked for, by name", () => {
  const index = DescriptorIndex.of([octetsOf(shopFile({ other: ".other.Type" }))])
  const item = index.message("shop.Item")!
  expect(() => item.fields[0]!.message).toThrow(/^type other\.Type of field other is not in the descriptors$/)
  expect(() => index.verify()).toThrow(MessageFault)
})

test("octets cut anywhere are a fault or a smaller file, never a bug", () => {
  const octets = octetsOf(jsonFiles.at(-1)!)
  for (let end = 0; end < octets.length; end += 7)
    try {
      DescriptorIndex.of([octets.subarray(0, end)]).verify()
    } catch (error) {
      expect(error).toBeInstanceOf(MessageFault)
    }
})

test("it is gone through in pieces", () => {
  const building = DescriptorIndex.build(
    Array.from({ length: 500 }, () => octetsOf(shopFile({ name: "STRING" }))),
  )
  let steps = 0
  while (building.next().done !== true) steps++
  expect(steps).toBeGreaterThan(10)
})

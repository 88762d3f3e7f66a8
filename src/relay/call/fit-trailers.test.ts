import { expect, test } from "vitest"
import { HeaderList } from "../../http2/header-list.ts"
import { fitTrailers } from "./fit-trailers.ts"

const details = ["grpc-status-details-bin", "A".repeat(20_000)]
const status = ["grpc-status", "5"]

test("trailers that fit are the very same list", () => {
  const list = new HeaderList([...status, "grpc-message", "no"])
  expect(fitTrailers(list, list.octets)).toBe(list)
})

test.for([
  [
    "the details go",
    [...status, "grpc-message", "no", ...details, "x-a", "1"],
    "grpc-status 5 grpc-message no x-a 1",
  ],
  ["whatever their order", [...details, "x-a", "1", ...status], "x-a 1 grpc-status 5"],
  ["pseudo-headers stay", [":status", "200", ...details, ...status], ":status 200 grpc-status 5"],
  ["trailers without a status too", ["x-a", "1", "x-b", "b".repeat(9000)], "x-a 1"],
  [
    "the small stay before the large",
    ["x-b", "b".repeat(8000), "x-c", "c".repeat(200), ...status],
    `x-c ${"c".repeat(200)} grpc-status 5`,
  ],
] as const)("%s", ([, fields, expected]) => {
  const fitted = fitTrailers(new HeaderList(fields), 8000)
  expect([fitted.fields.join(" "), fitted.octets <= 8000]).toEqual([expected, true])
})

test.for([
  [8192, 1024],
  [500, 500 - (43 + 1) - (12 + 32)],
  [89, 1],
] as const)("for a client that takes %i octets, %i of a long message stay", ([most, octets]) => {
  const fitted = fitTrailers(new HeaderList([...status, "grpc-message", "m".repeat(70_000)]), most)
  expect(fitted.fields).toEqual([...status, "grpc-message", "m".repeat(octets)])
  expect(fitted.octets).toBeLessThanOrEqual(most)
})

test("a message is cut between two characters of it", () => {
  const message = encodeURIComponent("没".repeat(1000))
  const fitted = fitTrailers(new HeaderList([...status, "grpc-message", message]), 8192)
  expect(decodeURIComponent(fitted.get("grpc-message")!)).toMatch(/^没{113}$/)
})

test("where there is room for the status alone, that is it; where there is none, it stays all the same", () => {
  for (const most of [44, 10, 0])
    expect(fitTrailers(new HeaderList([...status, "grpc-message", "m"]), most).fields).toEqual(status)
})

test("fields that must not be indexed stay so", () => {
  const list = new HeaderList([...details, "x-a", "1", ...status, "x-token", "t"], new Set([3]))
  const fitted = fitTrailers(list, 8000)
  expect([fitted.fields, [...fitted.neverIndexed!]]).toEqual([["x-a", "1", ...status, "x-token", "t"], [2]])
})

import { expect, test } from "vitest"
import { SharedRouteNumbers } from "../balancer/thread/route-memory.ts"
import { fromInput } from "../config/yaml/normalize.ts"
import type { NewStreamRecord } from "../record/stream-record.ts"
import { RouteColumn } from "../relay/route/route-meter.ts"
import { RouteSlots } from "./route-slots.ts"

const of = (...paths: string[]) =>
  fromInput({
    listeners: "127.0.0.1:1",
    clusters: { chat: ["127.0.0.1:2"] },
    servers: [{ names: ["a"], routes: paths.map((path) => ({ prefix: path, cluster: "chat" })) }],
  }).config!

const record = { grpcStatus: 0, status: 200 } as unknown as NewStreamRecord

function bed(most: number) {
  let refused = 0
  const slots = new RouteSlots(2, most, () => refused++)
  const names = () => slots.routes.map(({ route }) => route)
  const openOf = (route: string) =>
    slots.at(slots.routes.find((one) => one.route === route)!.slot)[RouteColumn.open]
  const thread = (index: number) => new SharedRouteNumbers(slots.memory, index)
  return { slots, names, openOf, thread, refused: () => refused }
}

test("each route has a row, and what matches none", () => {
  const { slots, names, openOf, thread } = bed(10)
  slots.add(of("/a", "/b"))
  expect(names()).toEqual(["/a", "/b", "", "(others)"])
  thread(0).meterOf("a", "/a").began()
  thread(1).meterOf("a", "/a").began()
  thread(1).meterOf("a", "/b").began()
  expect([openOf("/a"), openOf("/b"), openOf("(others)")]).toEqual([2, 1, 0])
})

test("past the limit, and where they are not known, routes share a row", () => {
  const { slots, names, openOf, thread, refused } = bed(2)
  slots.add(of("/a", "/b", "/c"))
  expect(names()).toEqual(["/a", "/b", "(others)"])
  expect(refused()).toBe(2)
  thread(0).meterOf("a", "/c").began()
  thread(0).meterOf("a", "").began()
  expect(openOf("(others)")).toBe(2)
})

test("the row of a route that is gone is another's once its last stream is over", () => {
  const { slots, names, openOf, thread } = bed(2)
  slots.add(of("/a"))
  const meter = thread(0).meterOf("a", "/a")
  meter.began()
  slots.add(of("/b"))
  slots.retain(of("/b"))
  slots.add(of("/c"))
  expect(names()).toEqual(["", "(others)"])
  meter.ended(record)
  slots.add(of("/c"))
  expect(names()).toEqual(["", "/c", "(others)"])
  expect(openOf("/c")).toBe(0)
  expect(slots.at(slots.routes[1]!.slot).every((number) => number === 0)).toBe(true)
})

test("a route that is back has its row again", () => {
  const { slots, thread, openOf } = bed(10)
  slots.add(of("/a"))
  thread(0).meterOf("a", "/a").began()
  slots.retain(of("/b"))
  slots.add(of("/a"))
  expect(openOf("/a")).toBe(1)
})

test("the streams of a thread that died are not open", () => {
  const { slots, thread, openOf } = bed(10)
  slots.add(of("/a"))
  for (const index of [0, 1]) thread(index).meterOf("a", "/a").began()
  slots.subtract(1)
  expect(openOf("/a")).toBe(1)
})

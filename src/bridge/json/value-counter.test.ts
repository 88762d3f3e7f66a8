import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { jsonBounds, toBinaryOf } from "../../../test/support/json-types.ts"
import { MessageFault } from "./fault.ts"
import { ValueCounter } from "./value-counter.ts"

function limitOf(json: string, bounds = jsonBounds, piece = json.length): string | null {
  const octets = Buffer.from(json)
  const counter = new ValueCounter(bounds)
  try {
    for (let at = 0; at < octets.length; at += piece)
      counter.push(octets, at, Math.min(at + piece, octets.length))
    return null
  } catch (error) {
    if (error instanceof MessageFault) return error.limit
    throw error
  }
}

describe("values and depth are counted before anything is made of them", () => {
  const bounds = { ...jsonBounds, valuesMax: 100, depthMax: 10 }
  test.each([
    [`[${"{},".repeat(99)}{}]`, null],
    [`[${"{},".repeat(100)}{}]`, "messageValuesMax"],
    [`{"a":"${",".repeat(1000)}"}`, null],
    [`{"a":"\\"${",".repeat(1000)}"}`, null],
    [`{"a":"\\\\",${'"b":1,'.repeat(100)}"c":1}`, "messageValuesMax"],
    ["[".repeat(22), null],
    ["[".repeat(23), "messageDepthMax"],
    ["[]".repeat(1000), null],
    [`"${"[".repeat(1000)}"`, null],
  ])("%s", (json, limit) => {
    for (const piece of [json.length, 1, 2, 7]) expect(limitOf(json, bounds, piece)).toBe(limit)
  })
})

test("nothing is refused that could be translated", () => {
  const bounds = { ...jsonBounds, valuesMax: 30, depthMax: 4 }
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const json = JSON.stringify({ optionalValue: value })
      try {
        toBinaryOf("all.All", json, bounds)
      } catch {
        return
      }
      expect(limitOf(json, bounds)).toBe(null)
    }),
  )
})

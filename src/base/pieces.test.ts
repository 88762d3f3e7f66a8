import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { cutInParts, joinPart } from "./pieces.ts"

/** As it comes over to another thread, a part at a time. */
function brought(value: unknown, valuesMost: number) {
  const { head, parts } = cutInParts(value, valuesMost)
  const taken = structuredClone(head)
  for (const part of parts) joinPart(taken, structuredClone(part))
  return { taken, parts }
}

const numbers = (many: number): number[] => Array.from({ length: many }, (_, at) => at)
const weightOf = (value: unknown): number =>
  typeof value !== "object" || value === null
    ? 1
    : Object.values(value).reduce<number>((sum, each) => sum + weightOf(each), 1)

describe("plain data in parts", () => {
  test("what is small is not cut", () => {
    const value = { a: numbers(50), b: "x" }
    const { head, parts } = cutInParts(value, 100)
    expect(head).toBe(value)
    expect(parts).toEqual([])
  })

  test("a long list of small items: as many in a part as are allowed; the value stays as it was", () => {
    const value = { name: "x", list: numbers(1000) }
    const { taken, parts } = brought(value, 100)
    expect(taken).toEqual(value)
    expect(value.list).toHaveLength(1000)
    const lengths = parts.map((part) => part.flatMap(({ items }) => items).length)
    expect(lengths).toEqual(new Array(10).fill(100))
  })

  test("long lists within the items of long lists, and within short ones", () => {
    const value = {
      servers: [
        { names: ["a"], routes: numbers(40).map((id) => ({ id, hosts: numbers(30) })) },
        { names: [] },
      ],
      clusters: numbers(30).map((id) => ({ name: `c${id}`, endpoints: numbers(200) })),
    }
    const { taken, parts } = brought(value, 400)
    expect(taken).toEqual(value)
    expect(parts.length).toBeGreaterThan(15)
    for (const part of parts) expect(weightOf(part.map(({ items }) => items))).toBeLessThan(600)
  })

  test("a long map goes in parts too, whatever its keys are", () => {
    const entries = numbers(300).map((at): [string, number] => [`key ${at}`, at])
    const map = Object.fromEntries([...entries, ["__proto__", 7]])
    const { taken, parts } = brought({ map, short: { a: 1 } }, 100)
    expect(taken).toEqual({ map, short: { a: 1 } })
    expect(Object.keys((taken as { map: object }).map)).toEqual(Object.keys(map))
    expect(parts.length).toBeGreaterThan(7)
  })

  test("what many items share counts once in a part, and is one value there", () => {
    const shared = { of: numbers(50) }
    const value = { list: numbers(100).map((id) => ({ id, shared })) }
    const { taken, parts } = brought(value, 1000)
    expect(taken).toEqual(value)
    expect(parts).toHaveLength(1)
    const { list } = taken as typeof value
    expect(list[0]!.shared).toBe(list[99]!.shared)
  })

  test("what many items share is one value in each part, also where it is no small one", () => {
    const shared = { lines: numbers(100).map((at) => ({ of: at, allow: true })) }
    const value = { list: numbers(1000).map((id) => ({ id, settings: { shared } })) }
    const { head, parts } = cutInParts(value, 4000)
    const taken = structuredClone(head)
    const places = parts.map((part) => {
      const before = taken.list.length
      joinPart(taken, structuredClone(part))
      return new Set(taken.list.slice(before).map(({ settings }) => settings.shared)).size
    })
    expect(taken).toEqual(value)
    expect(places).toEqual([1, 1])
  })

  test("what is no plain data goes as it is", () => {
    const value = { list: numbers(300), octets: new Uint8Array(2000), map: new Map([["a", numbers(200)]]) }
    expect(brought(value, 100).taken).toEqual(value)
  })

  test("whatever it is, it comes over whole", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 6 }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 300 }),
        (value, valuesMost, many) => {
          const whole = { list: new Array(many).fill(value), value }
          expect(brought(whole, valuesMost).taken).toEqual(structuredClone(whole))
        },
      ),
    )
  })
})

import { describe, expect, test } from "vitest"
import { HeaderList } from "../header-list.ts"
import { HpackDecoder, HpackEncoder, KnownLists } from "./index.ts"

const listOf = (...fields: string[]) => new HeaderList(fields)

describe("lists that connections send alike", () => {
  test.each([
    ["the same fields", listOf(":path", "/a", "x", "1"), true],
    ["another value of the same length", listOf(":path", "/a", "x", "2"), false],
    ["another name of the same length", listOf(":path", "/a", "y", "1"), false],
    ["another order", listOf("x", "1", ":path", "/a"), false],
    ["as many octets in fewer fields", listOf(":path", "/a".padEnd(2 + 34, "-")), false],
    ["a field that may not be indexed", new HeaderList([":path", "/a", "x", "1"], new Set([1])), false],
  ])("%s: one object is %s", (_what, other, isShared) => {
    const lists = new KnownLists()
    const first = listOf(":path", "/a", "x", "1")
    expect(lists.share(first)).toBe(first)
    expect(lists.share(other)).toBe(isShared ? first : other)
  })

  test("the last that came is known of those that share a place", () => {
    const lists = new KnownLists()
    const one = lists.share(listOf("x", "1"))
    const two = lists.share(listOf("x", "2"))
    expect(lists.share(listOf("x", "2"))).toBe(two)
    expect(lists.share(listOf("x", "1"))).not.toBe(one)
  })

  test("a large one stays its connection's own", () => {
    const lists = new KnownLists()
    const large = () => listOf("x", "1".repeat(5000))
    lists.share(large())
    const again = large()
    expect(lists.share(again)).toBe(again)
  })

  test("of two decoders that remember a block, both give one object; without the lists each its own", () => {
    const limits = { maxFields: 100, maxOctets: 10_000 }
    const decoded = (lists: KnownLists | null) => {
      const block = Buffer.from(
        new HpackEncoder(4096, 1).encode(listOf(":path", "/known", "x-kind", "alike")),
      )
      const decoders = [new HpackDecoder(4096, null, lists), new HpackDecoder(4096, null, lists)]
      const lastOf = (decoder: HpackDecoder) => {
        let last: HeaderList | null = null
        for (let i = 0; i < 3; i++) last = decoder.decode(block, 0, block.length, limits)
        return last
      }
      return decoders.map(lastOf)
    }
    const [one, other] = decoded(new KnownLists())
    expect(one!.fields).toEqual([":path", "/known", "x-kind", "alike"])
    expect(one).toBe(other)
    const [own, others] = decoded(null)
    expect(own!.fields).toEqual(others!.fields)
    expect(own).not.toBe(others)
  })
})

import { describe, expect, test } from "vitest"
import { HeaderList } from "../header-list.ts"
import { BlockMemory, hashOctets, MAX_BLOCK_OCTETS, sameOctets, seenKeys } from "./block-memory.ts"

const list = new HeaderList(["a", "b"])
const octets = (many: number, first = 0): Buffer =>
  Buffer.from(Array.from({ length: many }, (_, at) => (first + at) & 0xff))

/** A memory that remembers what it is offered at once, as if each had come before. */
class Eager {
  readonly memory: BlockMemory
  readonly #seen = seenKeys()
  constructor() {
    this.memory = new BlockMemory(this.#seen)
  }
  offer(key: number, size: number): void {
    this.#seen[key & 255] = key
    this.memory.offer(key, octets(size, key), 0, size, list)
  }
  /** The keys below `end` that are remembered. */
  known(end: number): number[] {
    return Array.from({ length: end }, (_, key) => key).filter((key) => this.memory.get(key) !== undefined)
  }
}

const range = (start: number, end: number): number[] =>
  Array.from({ length: end - start }, (_, at) => start + at)

describe("what comes twice is remembered", () => {
  test("from the second time on, as a copy", () => {
    const memory = new BlockMemory(seenKeys())
    const source = octets(10)
    memory.offer(7, source, 2, 6, list)
    expect(memory.get(7)).toBeUndefined()
    memory.offer(7, source, 2, 6, list)
    source.fill(0xff)
    expect(memory.get(7)).toEqual({ block: octets(4, 2), list })
    expect(memory.get(8)).toBeUndefined()
  })

  test("unless another key of the same low bits came between", () => {
    const memory = new BlockMemory(seenKeys())
    for (const key of [1, 257, 1, 257]) memory.offer(key, octets(1), 0, 1, list)
    expect([memory.get(1), memory.get(257)]).toEqual([undefined, undefined])
    for (const key of [1, 256, 2, 257, 257]) memory.offer(key, octets(1), 0, 1, list)
    expect([memory.get(1) === undefined, memory.get(257) === undefined]).toEqual([true, false])
  })

  test("keys of more than 31 bits as well", () => {
    const memory = new BlockMemory(seenKeys())
    for (let round = 0; round < 2; round++) memory.offer(2 ** 31 + 5, octets(1), 0, 1, list)
    expect(memory.get(2 ** 31 + 5)).toBeDefined()
  })

  test("all memories of a kind share what came once", () => {
    const seen = seenKeys()
    const [first, second] = [new BlockMemory(seen), new BlockMemory(seen)]
    first.offer(7, octets(1), 0, 1, list)
    second.offer(7, octets(1), 0, 1, list)
    expect([first.get(7) === undefined, second.get(7) === undefined]).toEqual([true, false])
  })

  test("a key that comes again has its latest block", () => {
    const eager = new Eager()
    eager.offer(3, 10)
    eager.offer(3, 20)
    expect(eager.memory.get(3)!.block.length).toBe(20)
  })
})

describe("bounds", () => {
  test("a block of 2,048 octets is worth its place, a longer one is not", () => {
    expect(MAX_BLOCK_OCTETS).toBe(2048)
    const eager = new Eager()
    eager.offer(1, 2048)
    eager.offer(2, 2049)
    expect(eager.known(5)).toEqual([1])
  })

  test("32 blocks; then each sixteenth offer takes the place of the oldest", () => {
    const eager = new Eager()
    for (const key of range(0, 32)) eager.offer(key, 1)
    expect(eager.known(200)).toEqual(range(0, 32))
    for (const key of range(100, 115)) eager.offer(key, 1)
    expect(eager.known(200)).toEqual(range(0, 32))
    eager.offer(115, 1)
    expect(eager.known(200)).toEqual([...range(1, 32), 115])
    for (const key of range(120, 135)) eager.offer(key, 1)
    expect(eager.known(200)).toEqual([...range(1, 32), 115])
    eager.offer(135, 1)
    expect(eager.known(200)).toEqual([...range(2, 32), 115, 135])
  })

  test("8,192 octets; as many of the oldest go as it takes", () => {
    const eager = new Eager()
    for (const key of [0, 1, 2, 3]) eager.offer(key, 2048)
    expect(eager.known(10)).toEqual([0, 1, 2, 3])
    for (let at = 0; at < 15; at++) eager.offer(4, 2)
    expect(eager.known(10)).toEqual([0, 1, 2, 3])
    eager.offer(4, 2)
    expect(eager.known(10)).toEqual([1, 2, 3, 4])
    // 6,146 are held: there is room for 2,046 more.
    eager.offer(5, 2046)
    expect(eager.known(10)).toEqual([1, 2, 3, 4, 5])
    for (let at = 0; at < 16; at++) eager.offer(6, 1)
    expect(eager.known(10)).toEqual([2, 3, 4, 5, 6])
  })

  test("a block that comes again counts once", () => {
    const eager = new Eager()
    for (let round = 0; round < 4; round++) for (const key of [0, 1]) eager.offer(key, 2048)
    eager.offer(2, 2048)
    eager.offer(3, 2048)
    expect(eager.known(10)).toEqual([0, 1, 2, 3])
  })

  test("once all is forgotten there is room for all again", () => {
    const eager = new Eager()
    for (let round = 0; round < 3; round++) {
      for (const key of [0, 1, 2, 3]) eager.offer(key, 2048)
      expect(eager.known(10)).toEqual([0, 1, 2, 3])
      eager.memory.forget()
      expect(eager.known(10)).toEqual([])
    }
  })
})

describe("octets are compared", () => {
  test.each([
    ["equal", "abcd", "xabcdx", 1, 5, true],
    ["shorter", "abc", "xabcdx", 1, 5, false],
    ["longer", "abcde", "xabcdx", 1, 5, false],
    ["other at the start", "bbcd", "xabcdx", 1, 5, false],
    ["other at the end", "abcc", "xabcdx", 1, 5, false],
    ["both empty", "", "x", 1, 1, true],
  ])("%s", (_, block, source, start, end, isSame) => {
    expect(sameOctets(Buffer.from(block), Buffer.from(source), start, end)).toBe(isSame)
  })

  test("a hash is of 30 bits and of the octets alone, wherever they lie", () => {
    for (const size of [0, 1, 3, 4, 5, 8, 100]) {
      const source = Buffer.concat([octets(3), octets(size, 9), octets(3)])
      const hash = hashOctets(source, 3, 3 + size)
      expect(hash).toBe(hashOctets(octets(size, 9), 0, size))
      expect([hash >= 0, hash < 2 ** 30, Number.isInteger(hash)]).toEqual([true, true, true])
    }
  })

  test("a hash depends on each octet, and on their order", () => {
    for (const size of [1, 2, 3, 4, 5, 7, 8, 9, 13]) {
      const base = hashOctets(octets(size, 50), 0, size)
      for (let at = 0; at < size; at++) {
        const other = octets(size, 50)
        other[at]! ^= 1
        expect(hashOctets(other, 0, size)).not.toBe(base)
      }
      if (size > 1) expect(hashOctets(octets(size, 50).reverse(), 0, size)).not.toBe(base)
    }
  })

  test("blocks that differ in one octet seldom share one", () => {
    const hashes = new Set<number>()
    for (let value = 0; value < 256; value++)
      for (let at = 0; at < 40; at++) {
        const block = octets(40)
        block[at] = value
        hashes.add(hashOctets(block, 0, 40))
      }
    // Of 10,201 different ones.
    expect(hashes.size).toBeGreaterThan(10_190)
  })
})

import { describe, expect, test } from "vitest"
import { seededRandom } from "../../base/random.ts"
import { HeaderList } from "../header-list.ts"
import { hashOctets } from "./block-memory.ts"
import { HpackDecoder } from "./decoder.ts"
import { DynamicTable } from "./dynamic-table.ts"
import { HpackEncoder } from "./encoder.ts"
import { decodeHuffman, encodeHuffman, mostHuffmanSymbols } from "./huffman.ts"
import { isVolatile } from "./indexing.ts"
import { readInteger, writeInteger } from "./integer.ts"
import { latin1 } from "./latin1.ts"
import { STATIC_LENGTH, STATIC_NAMES, STATIC_VALUES } from "./static-table.ts"

/** Sizes, indices and limits of HPACK, to the one. */

const LIMITS = { maxFields: 1000, maxOctets: 1_000_000 }

function decode(
  decoder: HpackDecoder,
  octets: readonly number[] | Buffer,
  limits = LIMITS,
): readonly string[] | string {
  const block = Buffer.from([0xee, ...octets, 0xee])
  const list = decoder.decode(block, 1, 1 + octets.length, limits)
  return list === null ? decoder.fault : list.fields
}

const literal = (name: string, value: string): number[] => [
  0x00,
  ...string(Buffer.from(name, "latin1")),
  ...string(Buffer.from(value, "latin1")),
]

function string(octets: Buffer): number[] {
  const length = Buffer.alloc(6)
  const end = writeInteger(length, 0, 0, 0x7f, octets.length)
  return [...length.subarray(0, end), ...octets]
}

function huffman(text: string): number[] {
  const code = Buffer.alloc(text.length * 4 + 16)
  const end = encodeHuffman(text, code, 0, text.length * 4)
  const length = Buffer.alloc(6)
  return [...length.subarray(0, writeInteger(length, 0, 0x80, 0x7f, end)), ...code.subarray(0, end)]
}

describe("indices", () => {
  test("each of the static table, alone and in a row", () => {
    const all = Array.from({ length: STATIC_LENGTH }, (_, at) => at + 1)
    expect([STATIC_LENGTH, STATIC_NAMES.length, STATIC_VALUES.length]).toEqual([61, 62, 62])
    const expected = all.flatMap((index) => [STATIC_NAMES[index]!, STATIC_VALUES[index]!])
    expect(
      decode(
        new HpackDecoder(),
        all.map((index) => 0x80 | index),
      ),
    ).toEqual(expected)
    for (const index of all)
      expect(decode(new HpackDecoder(), [0x80 | index])).toEqual([STATIC_NAMES[index], STATIC_VALUES[index]])
  })

  test("each of the static table as a name", () => {
    for (let index = 1; index <= STATIC_LENGTH; index++) {
      const block = [...(index < 15 ? [index] : [0x0f, index - 15]), 1, 0x78]
      expect(decode(new HpackDecoder(), block)).toEqual([STATIC_NAMES[index], "x"])
    }
  })

  test.each([
    ["0 alone", [0x80], "index 0"],
    ["0 in a row", [0x82, 0x80, 0x84], "index 0"],
    ["62 of an empty table", [0xbe], "index past the table"],
    ["62 in a row", [0x82, 0xbe], "index past the table"],
    ["62 as a name", [0x0f, 47, 1, 0x78], "index past the table"],
    ["a name's index that is cut off", [0x0f], "block ends inside an integer"],
    [
      "a name's index that is too large",
      [0x0f, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x01, 0x78],
      "integer too large",
    ],
    ["an index that is cut off", [0xff], "block ends inside an integer"],
    ["a string that is cut off", [0x00, 2, 0x61], "block ends inside a string"],
    ["a value that is not there", [0x00, 1, 0x61], "block ends inside an integer"],
    ["a size update behind a field", [0x82, 0x20], "table size update after the first field"],
  ])("%s: refused", (_, block, fault) => {
    expect(decode(new HpackDecoder(), block)).toBe(fault)
  })

  test("a fault is of the last block alone", () => {
    const decoder = new HpackDecoder()
    decode(decoder, [0x80])
    decode(decoder, [0x82])
    expect(decoder.fault).toBe("")
  })

  test("the newest of the dynamic table is 62, up to the oldest", () => {
    const decoder = new HpackDecoder()
    for (const letter of ["a", "b", "c"]) decode(decoder, [0x40, 1, letter.charCodeAt(0), 1, 0x31])
    expect(decode(decoder, [0xbe, 0xbf, 0xc0])).toEqual(["c", "1", "b", "1", "a", "1"])
    expect(decode(decoder, [0x82, 0xc1])).toBe("index past the table")
  })

  test("an index of more than an octet is no literal", () => {
    const decoder = new HpackDecoder()
    for (let at = 0; at < 70; at++)
      decode(decoder, [0x40, 2, 0x30 + Math.floor(at / 10), 0x30 + (at % 10), 1, 0x31])
    const list = decoder.decode(Buffer.from([0xff, 0x00]), 0, 2, LIMITS)!
    // 127 is the 66th newest.
    expect([list.fields, list.neverIndexed]).toEqual([["04", "1"], null])
  })

  test("only literals may be never indexed", () => {
    const decoder = new HpackDecoder()
    const read = (octets: number[]): ReadonlySet<number> | null =>
      decoder.decode(Buffer.from(octets), 0, octets.length, LIMITS)!.neverIndexed
    expect(read([0x82])).toBeNull()
    expect(read([0x82, 0x84, ...literal("a", "b")])).toBeNull()
    expect(read([0x82, 0x10, 1, 0x61, 1, 0x62, 0x84, 0x11, 1, 0x63])).toEqual(new Set([1, 3]))
  })
})

describe("limits of a list", () => {
  // ":method GET" is 7 + 3 + 32, ":path /" 5 + 1 + 32 octets.
  test.each([
    ["as large as the list", [0x82, 0x84], 42 + 38, 2, false],
    ["an octet less", [0x82, 0x84], 42 + 37, 2, true],
    ["one field less", [0x82, 0x84], 1000, 1, true],
    ["literals: as large as the list", [...literal("abc", "de")], 37, 1, false],
    ["literals: an octet less", [...literal("abc", "de")], 36, 1, true],
    ["literals: one field less", [...literal("abc", "de"), ...literal("f", "g")], 1000, 1, true],
    ["Huffman code: as large as the list", [0x00, ...huffman("abc"), ...huffman("de")], 37, 1, false],
    ["Huffman code: an octet less", [0x00, ...huffman("abc"), ...huffman("de")], 36, 1, true],
    ["nothing", [], 0, 0, false],
  ])("%s", (_, block, maxOctets, maxFields, overflows) => {
    const decoder = new HpackDecoder()
    decode(decoder, block, { maxOctets, maxFields })
    expect(decoder.overflowed).toBe(overflows)
  })

  test("hold for a block that is remembered as well", () => {
    for (const limits of [
      { maxOctets: 79, maxFields: 2 },
      { maxOctets: 80, maxFields: 1 },
    ]) {
      const decoder = new HpackDecoder()
      for (let round = 0; round < 3; round++) decode(decoder, [0x82, 0x84])
      decode(decoder, [0x82, 0x84], limits)
      expect(decoder.overflowed).toBe(true)
    }
    const three = new HpackDecoder()
    for (let round = 0; round < 3; round++) decode(three, [0x82, 0x84, 0x86])
    decode(three, [0x82, 0x84, 0x86], { maxOctets: 1000, maxFields: 2 })
    expect(three.overflowed).toBe(true)
    const decoder = new HpackDecoder()
    for (let round = 0; round < 3; round++) decode(decoder, [0x82, 0x84], { maxOctets: 80, maxFields: 2 })
    expect(decoder.overflowed).toBe(false)
  })

  test("a long Huffman string that just fits is decoded", () => {
    // Codes of 30 bits, so that as many octets stand for as few symbols as may be.
    const value = "\n".repeat(5000)
    const block = [0x00, ...string(Buffer.from("x")), ...huffman(value)]
    expect(decode(new HpackDecoder(), block, { maxFields: 9, maxOctets: 5000 + 1 + 32 })).toEqual([
      "x",
      value,
    ])
    const decoder = new HpackDecoder()
    decode(decoder, block, { maxFields: 9, maxOctets: 5000 + 32 })
    expect(decoder.overflowed).toBe(true)
  })

  test("a literal that is too large for the list leaves the table alone, unless it is one for the table", () => {
    const large = literal("x", "y".repeat(5000))
    for (const [first, known] of [
      [0x00, ["a", "b"]],
      [0x10, ["a", "b"]],
      [0x40, "index past the table"],
    ] as const) {
      const decoder = new HpackDecoder()
      decode(decoder, [0x40, 1, 0x61, 1, 0x62])
      decode(decoder, [first, ...large.slice(1)], { maxFields: 9, maxOctets: 100 })
      expect([decoder.overflowed, decode(decoder, [0xbe])]).toEqual([true, known])
    }
  })

  test("of what matters in a list that overflows the first of each name is told", () => {
    const decoder = new HpackDecoder()
    const fields: [string, string][] = [
      ["x", "y".repeat(200)],
      ["content-type", "a"],
      ["grpc-status", "1"],
      ["grpc-status", "2"],
      ["content-type", "b"],
      ["grpc-message", "c"],
      ["grpc-message", "d"],
    ]
    decode(
      decoder,
      fields.flatMap(([name, value]) => literal(name, value)),
      { maxFields: 99, maxOctets: 100 },
    )
    expect(decoder.late).toEqual(["content-type", "a", "grpc-status", "1", "grpc-message", "c"])
  })

  test("what overflows one block does not the next", () => {
    const decoder = new HpackDecoder()
    decode(decoder, [0x82, 0x84], { maxOctets: 50, maxFields: 9 })
    expect(decode(decoder, [0x82, 0x84], { maxOctets: 80, maxFields: 2 })).toEqual([
      ":method",
      "GET",
      ":path",
      "/",
    ])
    expect(decoder.overflowed).toBe(false)
  })
})

describe("a block that is remembered", () => {
  test("is the very same list, until the table changes", () => {
    const decoder = new HpackDecoder()
    const around = Buffer.concat([Buffer.alloc(3000), Buffer.from([0x82, 0x84]), Buffer.alloc(3)])
    const read = (): HeaderList => decoder.decode(around, 3000, 3002, LIMITS)!
    read()
    const second = read()
    expect(read()).toBe(second)
    decode(decoder, [0x40, 1, 0x61, 1, 0x62])
    expect(read()).not.toBe(second)
  })

  test("is told from another of the same hash", () => {
    // Literals of the same length, drawn until two hashes are the same.
    const random = seededRandom(7)
    const seen = new Map<number, Buffer>()
    let pair: readonly [Buffer, Buffer] | null = null
    for (let tries = 0; tries < 200_000 && pair === null; tries++) {
      const value = Buffer.from(Array.from({ length: 6 }, () => 0x61 + Math.floor(random() * 26)))
      const block = Buffer.from(literal("x", value.toString()))
      const hash = hashOctets(block, 0, block.length)
      const other = seen.get(hash)
      if (other !== undefined && !other.equals(block)) pair = [other, block]
      seen.set(hash, block)
    }
    const [first, second] = pair!
    const decoder = new HpackDecoder()
    const value = (block: Buffer): string => decoder.decode(block, 0, block.length, LIMITS)!.fields[1]!
    for (let round = 0; round < 3; round++) value(first)
    expect(value(second)).toBe(second.toString("latin1", 4))
  })

  test("of up to 2,048 octets", () => {
    for (const [octets, isSame] of [
      [2048, true],
      [2049, false],
    ] as const) {
      const decoder = new HpackDecoder()
      const block = Buffer.from(literal("x", "y".repeat(octets - 6)))
      expect(block.length).toBe(octets)
      const read = (): HeaderList | null => decoder.decode(block, 0, block.length, LIMITS)
      read()
      const second = read()
      expect(read() === second).toBe(isSame)
    }
  })
})

describe("strings of any length", () => {
  const sizes = [
    0, 1, 12, 13, 126, 127, 128, 8191, 8192, 8193, 13_000, 13_108, 13_200, 262_144, 262_145, 500_000,
  ]
  test.each(sizes)("%i octets, as they are and in Huffman code", (size) => {
    for (const letter of ["a", "~", "\xff"]) {
      const value = letter.repeat(size)
      expect(decode(new HpackDecoder(), literal("x", value))).toEqual(["x", value])
      expect(decode(new HpackDecoder(), [0x00, ...string(Buffer.from("x")), ...huffman(value)])).toEqual([
        "x",
        value,
      ])
    }
  })

  test.each(sizes)("encoded and decoded: %i octets", (size) => {
    for (const letter of ["a", "~", "\xff"]) {
      for (const more of [[], ["y", "z"]]) {
        const list = new HeaderList(["x", letter.repeat(size), ...more])
        const block = Buffer.from(new HpackEncoder().encode(list))
        expect(decode(new HpackDecoder(), block)).toEqual(list.fields)
      }
    }
  })

  test("blocks around the size of the scratch room", () => {
    for (let size = 8000; size < 8300; size += 7) {
      const list = new HeaderList(["x", "\xff".repeat(size)])
      const block = Buffer.from(new HpackEncoder().encode(list))
      expect(decode(new HpackDecoder(), block)).toEqual(list.fields)
      const empty = new HeaderList(Array.from({ length: Math.floor(size / 32) * 2 }, () => ""))
      expect(decode(new HpackDecoder(), Buffer.from(new HpackEncoder().encode(empty)))).toEqual(empty.fields)
    }
  })

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 40])("latin1 of %i octets", (size) => {
    const octets = Buffer.from(Array.from({ length: size + 4 }, (_, at) => 0xf0 ^ at))
    expect(latin1(octets, 2, 2 + size)).toBe(octets.toString("latin1", 2, 2 + size))
  })

  test("the end of one list is not the end of another", () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    for (const size of [1, 400, 10, 600, 511, 512, 513, 2, 300]) {
      const list = new HeaderList(["content-length", "1".repeat(size)])
      expect(decode(decoder, Buffer.from(encoder.encode(list)))).toEqual(list.fields)
    }
  })
})

describe("Huffman code", () => {
  const code = (text: string): Buffer => {
    const target = Buffer.alloc(text.length * 4 + 16, 0xaa)
    return target.subarray(0, encodeHuffman(text, target, 0, text.length * 4))
  }
  const decoded = (octets: Buffer): string | number => {
    const target = Buffer.alloc(mostHuffmanSymbols(octets.length) + 1)
    const around = Buffer.concat([Buffer.from([0]), octets, Buffer.from([0])])
    const length = decodeHuffman(around, 1, 1 + octets.length, target)
    return length < 0 ? length : target.toString("latin1", 0, length)
  }

  test("each octet, behind and before each length of code", () => {
    // Codes of 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 19 and more bits.
    const kinds = ["a", " ", ":", "&", "!", "'", "#", "$", "^", "<", "\\", "\x80", "\x99", "\x01", "\n"]
    const wrong: string[] = []
    for (let octet = 0; octet < 256; octet++)
      for (const kind of kinds) {
        const one = String.fromCharCode(octet)
        for (const text of [
          one,
          kind + one,
          one + kind,
          kind + one + kind,
          one + one + one + kind,
          `${one}000000`,
        ])
          if (decoded(code(text)) !== text) wrong.push(text)
      }
    expect(wrong).toEqual([])
  })

  test("room for as many symbols as there may be", () => {
    expect([0, 1, 4, 5, 8].map(mostHuffmanSymbols)).toEqual([0, 1, 6, 8, 12])
    for (let octets = 1; octets < 20; octets++) {
      const most = "a".repeat(Math.floor((octets * 8) / 5))
      expect([code(most).length, mostHuffmanSymbols(octets)]).toEqual([octets, most.length])
    }
  })

  test("padding of up to 7 ones, and no more or other", () => {
    expect(decoded(Buffer.from([0x1f]))).toBe("a")
    expect(decoded(Buffer.from([0x1e]))).toBe(-1)
    expect(decoded(Buffer.from([0x18]))).toBe(-1)
    expect(decoded(Buffer.from([0xff]))).toBe(-1)
    expect(decoded(Buffer.from([0x1f, 0xff]))).toBe(-1)
    expect(decoded(Buffer.from([0xff, 0xff, 0xff, 0xff]))).toBe(-2)
    expect(decoded(Buffer.alloc(0))).toBe("")
  })

  test("is given up where it takes more than was asked for", () => {
    const target = Buffer.alloc(64)
    for (const text of ["aaaaaaaa", "~~~~", "\x01\x01\x01", "a~a~a~"]) {
      const { length } = code(text)
      expect(encodeHuffman(text, target, 3, length)).toBe(3 + length)
      expect(encodeHuffman(text, target, 3, length - 1)).toBe(-1)
    }
  })
})

test("a character that is no octet becomes a question mark, not what its low octet says", () => {
  for (const [value, expected] of [
    ["\u00ff", "\u00ff"],
    ["\u0100", "?"],
    ["a\u010ab", "a?b"],
    ["\u010d\uffff", "??"],
  ] as const) {
    const block = Buffer.from(new HpackEncoder().encode(new HeaderList(["x", value])))
    expect(decode(new HpackDecoder(), block)).toEqual(["x", expected])
  }
})

describe("integers (RFC 7541 §5.1)", () => {
  test.each([0x0f, 0x1f, 0x3f, 0x7f])("under a prefix of %i", (mask) => {
    for (const value of [
      0,
      1,
      mask - 1,
      mask,
      mask + 1,
      mask + 127,
      mask + 128,
      mask + 129,
      16_383,
      16_384,
      2 ** 21,
      2 ** 28 - 1,
    ]) {
      const target = Buffer.alloc(10, 0)
      const end = writeInteger(target, 1, 0, mask, value)
      const read = readInteger(target, 1, end, mask)
      expect([read >>> 3, read & 7]).toEqual([value, end - 1])
      // No octet too many: the last one ends it, and without it the integer is cut off.
      expect(readInteger(target, 1, end - 1, mask)).toBe(-1)
    }
  })

  test("the most that is read, and one more", () => {
    const of = (octets: number[]): number => readInteger(Buffer.from(octets), 0, octets.length, 0x7f)
    // 127 + 2^28 - 128, and an octet more.
    expect(of([0x7f, 0x80, 0xff, 0xff, 0x7f]) >>> 3).toBe(2 ** 28 - 1)
    expect(of([0x7f, 0x81, 0xff, 0xff, 0x7f])).toBe(-2)
    expect(of([0x7f, 0x80, 0x80, 0x80, 0x80, 0x00]) >>> 3).toBe(127)
    expect(of([0x7f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00])).toBe(-2)
  })
})

describe("the dynamic table", () => {
  const names = (table: DynamicTable): string[] =>
    Array.from({ length: table.length }, (_, at) => table.nameAt(at + 1))

  test("takes a field that fills it, and none that is an octet larger", () => {
    const table = new DynamicTable(40)
    table.insert("a", "1234567")
    expect([names(table), table.octets]).toEqual([["a"], 40])
    table.insert("b", "12345678")
    expect([names(table), table.octets]).toEqual([[], 0])
  })

  test("evicts just as many as it takes", () => {
    const table = new DynamicTable(3 * 34)
    for (const name of ["a", "b", "c"]) table.insert(name, "1")
    table.setMaxOctets(2 * 34)
    expect(names(table)).toEqual(["c", "b"])
    table.setMaxOctets(2 * 34 - 1)
    expect(names(table)).toEqual(["c"])
    table.clear()
    expect([names(table), table.octets]).toEqual([[], 0])
  })

  test("keeps its order as it grows and goes round", () => {
    const table = new DynamicTable(20 * 36)
    for (let at = 0; at < 200; at++) table.insert(String(at).padStart(3, "0"), "1")
    expect(names(table)).toEqual(Array.from({ length: 20 }, (_, at) => String(199 - at).padStart(3, "0")))
  })
})

describe("the encoder's table", () => {
  const field = (name: string, value = "1"): HeaderList => new HeaderList([name, value])
  const both = () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    return {
      encoder,
      decoder,
      send: (list: HeaderList) => decode(decoder, Buffer.from(encoder.encode(list))),
    }
  }

  test("may be filled to its last octet", () => {
    const { encoder, send } = both()
    // Two of 2,048 octets, each just half of it.
    send(field("x-a", "v".repeat(2048 - 35)))
    send(field("x-b", "v".repeat(2048 - 35)))
    expect(encoder.tableOctets).toBe(4096)
  })

  test("takes no field of more than half of it", () => {
    const { encoder, send } = both()
    send(field("x-a", "v".repeat(2049 - 35)))
    expect(encoder.tableOctets).toBe(0)
  })

  test("a new field takes the place of old ones once in 32 blocks", () => {
    const { encoder, send } = both()
    const isIndexed = (list: HeaderList): boolean => {
      const block = Buffer.from(encoder.encode(list))
      return (block[0]! & 0xc0) === 0x40
    }
    send(field("x-a", "v".repeat(2048 - 35)))
    send(field("x-b", "v".repeat(2048 - 35)))
    // Two blocks have gone; the thirty-second may.
    const evicting = Array.from({ length: 64 }, (_, at) => isIndexed(field(`x-new-${at}`)))
    expect(evicting.flatMap((is, at) => (is ? [at] : []))).toEqual([
      29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54,
      55, 56, 57, 58, 59, 60, 61, 62, 63,
    ])
  })

  test("one that takes all of their place waits for the next 32", () => {
    const { encoder } = both()
    const large = (at: number): HeaderList => field(`x-${String(at).padStart(3, "0")}`, "v".repeat(2048 - 37))
    const evicting = Array.from({ length: 100 }, (_, at) => {
      const block = Buffer.from(encoder.encode(large(at)))
      return (block[0]! & 0xc0) === 0x40
    })
    expect(evicting.flatMap((is, at) => (is ? [at] : []))).toEqual([0, 1, 31, 63, 95])
  })

  test("resized by the peer, down and up again, is the same on both sides", () => {
    const { encoder, decoder, send } = both()
    for (const sizes of [[0], [0, 4096], [100, 4096], [4096], [50], [4096, 60], [4096]]) {
      for (const name of ["x-a", "x-b", "x-c"]) for (let round = 0; round < 3; round++) send(field(name))
      for (const size of sizes) encoder.setPeerMaxTableOctets(size)
      for (const name of ["x-c", "x-a", "x-b"])
        for (let round = 0; round < 3; round++) expect(send(field(name))).toEqual([name, "1"])
      expect(encoder.tableOctets).toBe(decoder.tableOctets)
    }
  })

  test("a list that is remembered is encoded anew once the table has changed", () => {
    const { encoder, send } = both()
    const list = new HeaderList(["x-a", "1", "x-b", "2"])
    for (let round = 0; round < 4; round++) send(list)
    encoder.setPeerMaxTableOctets(0)
    expect(send(field(":method", "GET"))).toEqual([":method", "GET"])
    expect(send(list)).toEqual(list.fields)
    encoder.setPeerMaxTableOctets(4096)
    for (let round = 0; round < 4; round++) expect(send(list)).toEqual(list.fields)
    for (let at = 0; at < 5; at++) send(field(`x-${at}`))
    expect(send(list)).toEqual(list.fields)
  })

  test("never-indexed fields stay so, in whatever place", () => {
    const { encoder, decoder } = both()
    for (let round = 0; round < 3; round++) {
      const list = new HeaderList(["x-a", "1", "x-b", "2", ":method", "GET"], new Set([1, 2]))
      const block = Buffer.from(encoder.encode(list))
      const read = decoder.decode(block, 0, block.length, LIMITS)!
      expect([read.fields, read.neverIndexed]).toEqual([list.fields, new Set([1, 2])])
    }
  })
})

describe("what is worth an entry", () => {
  test.each([
    [":path", "/".padEnd(128, "x"), false],
    [":path", "/".padEnd(129, "x"), true],
    [":path", "/a?b", true],
    ["authorization", "s".repeat(19), true],
    ["authorization", "s".repeat(20), false],
    ["cookie", "s".repeat(19), true],
    ["grpc-timeout", "1S", true],
    ["x-tenant", "blue", false],
  ])("%s: %s: varies: %s", (name, value, varies) => {
    expect(isVolatile(name, value)).toBe(varies)
  })
})

import { describe, expect, test } from "vitest"
import { HeaderList } from "../header-list.ts"
import { HpackDecoder } from "./decoder.ts"
import { HpackEncoder } from "./encoder.ts"

const LIMITS = { maxFields: 1000, maxOctets: 1_000_000 }

function listOf(fields: Record<string, string>, neverIndexed: number[] = []): HeaderList {
  return new HeaderList(Object.entries(fields).flat(), neverIndexed.length > 0 ? new Set(neverIndexed) : null)
}

const encodeHex = (encoder: HpackEncoder, fields: Record<string, string>, neverIndexed?: number[]): string =>
  Buffer.from(encoder.encode(listOf(fields, neverIndexed))).toString("hex")

const REQUEST = { ":method": "POST", ":path": "/chat.Chat/BidStream", te: "trailers", "x-tenant": "blue" }

/** Sends `count` requests, each with its own value of `name`; says how many octets the table holds then. */
function sendVarying(encoder: HpackEncoder, name: string, count: number, from = 0): number {
  for (let i = from; i < from + count; i++)
    encoder.encode(listOf({ ":method": "POST", [name]: `value-${i}` }))
  return encoder.tableOctets
}

test("requests come out as in RFC 7541 Appendix C.4, octet by octet", () => {
  const encoder = new HpackEncoder()
  const get = { ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "www.example.com" }
  expect(encodeHex(encoder, get)).toBe("828684418cf1e3c2e5f23a6ba0ab90f4ff")
  expect(encodeHex(encoder, { ...get, "cache-control": "no-cache" })).toBe("828684be5886a8eb10649cbf")
  expect(
    encodeHex(encoder, {
      ":method": "GET",
      ":scheme": "https",
      ":path": "/index.html",
      ":authority": "www.example.com",
      "custom-key": "custom-value",
    }),
  ).toBe("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf")
})

describe("strings", () => {
  test.each([
    ["Huffman code where it is shorter", "aaaa", "8318c63f"],
    ["plain octets where Huffman code is as long", "~", "017e"],
    ["plain octets where it is longer", "\u00ff\u00ff", "02ffff"],
    ["plain octets where Huffman code is as long: one letter", "a", "0161"],
  ])("%s", (_, value, hex) => {
    expect(encodeHex(new HpackEncoder(), { location: value })).toBe(`0f1f${hex}`)
  })

  test.each([126, 127, 128, 202, 203, 204, 410, 20_000, 30_000, 400_000])("of %d octets", (octets) => {
    for (const letter of ["a", "z", "\u0001"]) {
      const list = listOf({ "x-long": letter.repeat(octets), "x-after": "1" })
      const block = new HpackEncoder().encode(list)
      expect(new HpackDecoder().decode(block, 0, block.length, LIMITS)?.fields).toEqual(list.fields)
    }
  })
})

describe("never indexed", () => {
  test("stays so, is found in no table, and enters none", () => {
    const encoder = new HpackEncoder()
    encodeHex(encoder, { "x-key": "abc" })
    const octets = encoder.tableOctets
    // Name 62, the literal in full; and `:method: GET`, which the static table has, in full as well.
    expect(encodeHex(encoder, { "x-key": "abc", ":method": "GET" }, [0, 1])).toBe("1f2f821c641203474554")
    expect(encoder.tableOctets).toBe(octets)
  })
})

describe("what enters the table", () => {
  test.each([
    ["a content type", "content-type", "application/grpc", true],
    ["a method's path", ":path", "/chat.Chat/BidStream", true],
    ["a path with a query", ":path", "/search?q=1", false],
    ["a path of 129 octets", ":path", `/${"a".repeat(128)}`, false],
    ["a long token", "authorization", `Bearer ${"x".repeat(40)}`, true],
    ["a short secret", "authorization", "Basic YTpi", false],
    ["a short cookie", "cookie", "a=1", false],
    ["a length", "content-length", "17", false],
    ["a date", "date", "Mon, 21 Oct 2013 20:13:21 GMT", false],
    ["a value of half the table", "x-large", "a".repeat(2009), true],
    ["a value of more than half the table", "x-large", "a".repeat(2010), false],
  ])("%s", (_, name, value, indexed) => {
    const encoder = new HpackEncoder()
    encodeHex(encoder, { [name]: value })
    expect(encoder.tableOctets).toBe(indexed ? name.length + value.length + 32 : 0)
  })

  test("a volatile field once, for its name; then its values go without indexing", () => {
    const encoder = new HpackEncoder()
    const once = sendVarying(encoder, "grpc-timeout", 1)
    expect(once).toBe("grpc-timeout".length + "value-0".length + 32)
    expect(encodeHex(encoder, { "grpc-timeout": "5S" })).toBe("0f2f023553")
    expect(sendVarying(encoder, "grpc-timeout", 100, 1)).toBe(once)
  })

  test("sixteen values of one name at most", () => {
    const encoder = new HpackEncoder()
    const sixteen = sendVarying(encoder, "x-call", 16)
    expect(sendVarying(encoder, "x-call", 500, 16)).toBe(sixteen)
  })

  test("when it is full, one new field in 32 blocks: so what is steady stays", () => {
    const encoder = new HpackEncoder()
    for (let i = 0; encoder.tableOctets + 100 < 4096; i++)
      encodeHex(encoder, { [`x-filler-${i}`]: "a".repeat(50) })
    const full = encoder.tableOctets
    let blocksWithInsertion = 0
    for (let i = 0; i < 320; i++) {
      const name = `x-new-${i}`
      const block = encodeHex(encoder, { [name]: "b".repeat(60) })
      if (block.startsWith("40")) blocksWithInsertion++
    }
    expect(full).toBeGreaterThan(3900)
    expect(encoder.tableOctets).toBeLessThanOrEqual(4096)
    expect(blocksWithInsertion).toBeLessThanOrEqual(11)
    expect(blocksWithInsertion).toBeGreaterThan(0)
  })
})

describe("table sizes", () => {
  /** The updates at the start of the next block, the peer having set `sizes`. */
  const updates = (sizes: number[], own?: number): string => {
    const encoder = new HpackEncoder(own)
    for (const size of sizes) encoder.setPeerMaxTableOctets(size)
    const block = encodeHex(encoder, { ":method": "GET" })
    expect(block.endsWith("82")).toBe(true)
    expect(encodeHex(encoder, { ":method": "GET" })).toBe("82")
    return block.slice(0, -2)
  }
  const SIZE_0 = "20"
  const SIZE_256 = "3fe101"
  const SIZE_4096 = "3fe11f"
  const SIZE_8192 = "3fe13f"
  test.each([
    ["unchanged", [4096], ""],
    ["more than ours ever is", [65_536, 2 ** 32 - 1], ""],
    ["lowered", [256], SIZE_256],
    ["lowered to nothing", [0], SIZE_0],
    ["lowered and raised again: the smallest, then the last", [0, 256], SIZE_0 + SIZE_256],
    ["lowered and raised to what it was", [256, 65_536], SIZE_256 + SIZE_4096],
    ["lowered twice", [256, 0], SIZE_0],
    ["up and down", [256, 0, 4096, 256], SIZE_0 + SIZE_256],
  ])("the peer's %s", (_, sizes, expected) => {
    expect(updates(sizes)).toBe(expected)
  })

  test.each([
    ["none", 0, [], SIZE_0],
    ["smaller than what all start with", 256, [], SIZE_256],
    ["smaller, and the peer allows more", 256, [65_536], SIZE_256],
    ["smaller, and the peer allows less", 256, [0], SIZE_0],
    ["smaller, and the peer's was less for a time", 256, [0, 4096], SIZE_0 + SIZE_256],
    ["larger, which waits for the peer", 8192, [], ""],
    ["larger, and the peer allows it", 8192, [65_536], SIZE_8192],
    ["larger, and the peer allows less", 8192, [256], SIZE_256],
  ])("ours: %s", (_, own, sizes, expected) => {
    expect(updates(sizes, own)).toBe(expected)
  })

  test.each([
    [0, 0],
    [256, 256],
    [8192, 4096],
  ])("of ours, %i octets, at most %i are used, and the peer's decoder follows", (own, most) => {
    const encoder = new HpackEncoder(own)
    const decoder = new HpackDecoder()
    for (let i = 0; i < 200; i++) {
      const list = listOf({ [`x-name-${i % 150}`]: "a".repeat(20) })
      const block = encoder.encode(list)
      expect(decoder.decode(block, 0, block.length, LIMITS)?.fields).toEqual(list.fields)
    }
    expect(encoder.tableOctets).toBeLessThanOrEqual(most)
    expect(encoder.tableOctets).toBeGreaterThan(most / 2 - 1)
  })

  test("a table of no octets is still served", () => {
    const encoder = new HpackEncoder()
    encoder.setPeerMaxTableOctets(0)
    for (let i = 0; i < 3; i++) encodeHex(encoder, REQUEST)
    expect(encoder.tableOctets).toBe(0)
  })

  test("raised again after a block, the table grows again", () => {
    const encoder = new HpackEncoder()
    encoder.setPeerMaxTableOctets(0)
    encodeHex(encoder, REQUEST)
    encoder.setPeerMaxTableOctets(4096)
    expect(encodeHex(encoder, REQUEST).startsWith(SIZE_4096)).toBe(true)
    expect(encoder.tableOctets).toBeGreaterThan(0)
  })
})

describe("remembered lists", () => {
  test("give the same octets, until the table changes", () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    const list = listOf(REQUEST)
    const send = (sent: HeaderList) => {
      const block = encoder.encode(sent)
      expect(decoder.decode(block, 0, block.length, LIMITS)?.fields).toEqual(sent.fields)
      return block
    }
    for (let i = 0; i < 3; i++) send(list)
    const remembered = send(list)
    expect(send(list)).toBe(remembered)
    send(listOf({ "x-new": "entry" }))
    expect([...send(list)]).not.toEqual([...remembered])
    encoder.setPeerMaxTableOctets(64)
    decoder.setMaxTableOctets(64)
    for (let i = 0; i < 4; i++) send(list)
  })

  test("are bounded, however many lists come again and again", () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    const lists = Array.from({ length: 100 }, (_, i) =>
      listOf({ ":path": `/?${i}`.repeat(20), ":method": "GET" }),
    )
    for (let round = 0; round < 30; round++) {
      for (const list of lists) {
        const block = encoder.encode(list)
        expect(decoder.decode(block, 0, block.length, LIMITS)?.fields).toEqual(list.fields)
      }
    }
  })
})

test("an empty list is an empty block", () => {
  expect(encodeHex(new HpackEncoder(), {})).toBe("")
})

import { describe, expect, test } from "vitest"
import { HeaderList } from "../header-list.ts"
import { HpackDecoder } from "./decoder.ts"
import { HpackEncoder } from "./encoder.ts"
import { FirstBlocks } from "./first-blocks.ts"

const LIMITS = { maxFields: 128, maxOctets: 65_536 }

/** RFC 7541, C.4.1: it puts :authority into the table. */
const FIRST = "828684418cf1e3c2e5f23a6ba0ab90f4ff"
/** C.4.2 and C.4.3 go on from there. */
const SECOND = "828684be5886a8eb10649cbf"
const THIRD = "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"

function decodeHex(decoder: HpackDecoder, hex: string, limits = LIMITS): HeaderList | null {
  const block = Buffer.from(hex, "hex")
  return decoder.decode(block, 0, block.length, limits)
}

/** Decoders of connections that have begun so, one after the other, and what each made of it. */
function begun(many: number, hex: string, firsts = new FirstBlocks()) {
  return Array.from({ length: many }, () => {
    const decoder = new HpackDecoder(4096, firsts)
    return { decoder, list: decodeHex(decoder, hex), firsts }
  })
}

describe("connections that begin alike", () => {
  test("share the list once it has come twice", () => {
    const [, second, third, fourth] = begun(4, FIRST)
    expect(third!.list).toBe(second!.list)
    expect(fourth!.list).toBe(second!.list)
    expect(fourth!.list!.get(":authority")).toBe("www.example.com")
  })

  test("go on as if each had decoded it, and each by itself", () => {
    const alone = new HpackDecoder()
    decodeHex(alone, FIRST)
    const [, , known, other] = begun(4, FIRST)
    for (const hex of [SECOND, THIRD])
      expect(decodeHex(known!.decoder, hex)!.fields).toEqual(decodeHex(alone, hex)!.fields)
    expect(known!.decoder.tableOctets).toBe(164)
    // What one has added since is no other's, nor is it remembered.
    expect(other!.decoder.tableOctets).toBe(57)
    const [next] = begun(1, FIRST, known!.firsts)
    expect(next!.decoder.tableOctets).toBe(57)
    expect(decodeHex(next!.decoder, THIRD)).toBeNull()
    expect(next!.decoder.fault).toBe("index past the table")
  })

  test.each([
    ["another block", "828684418cf1e3c2e5f23a6ba0ab90f4fe"],
    ["a shorter one", "828684"],
    ["one more field", `${FIRST}88`],
  ])("not where %s begins them", (_, hex) => {
    const { firsts, list } = begun(3, FIRST)[2]!
    expect(begun(1, hex, firsts)[0]!.list).not.toBe(list)
  })

  test("not once the table is another, by a field or by its size", () => {
    const { firsts, list } = begun(3, FIRST)[2]!
    const afterField = new HpackDecoder(4096, firsts)
    decodeHex(afterField, "400161017a")
    expect(decodeHex(afterField, FIRST)).not.toBe(list)
    expect(afterField.tableOctets).toBe(57 + 34)
    const afterSize = new HpackDecoder(4096, firsts)
    decodeHex(afterSize, "20")
    expect(decodeHex(afterSize, FIRST)).not.toBe(list)
    expect(afterSize.tableOctets).toBe(0)
  })

  test("a size update is allowed by each connection for itself", () => {
    const firsts = new FirstBlocks()
    const grown = `3fe13f${FIRST}`
    for (let connection = 0; connection < 3; connection++) {
      const large = new HpackDecoder(4096, firsts)
      large.setMaxTableOctets(8192)
      expect(decodeHex(large, grown)!.fields.length).toBe(8)
    }
    const small = new HpackDecoder(4096, firsts)
    expect(decodeHex(small, grown)).toBeNull()
    expect(small.fault).toBe("table size update above the advertised size")
  })

  test("a connection that takes less is told less", () => {
    const { firsts } = begun(3, FIRST)[2]!
    const strict = new HpackDecoder(4096, firsts)
    expect(decodeHex(strict, FIRST, { maxFields: 2, maxOctets: 1000 })!.fields.length).toBe(4)
    expect(strict.overflowed).toBe(true)
    // Nor is what is told of a list that overflowed ever remembered.
    expect(begun(1, FIRST, firsts)[0]!.list!.fields.length).toBe(8)
  })

  test("large lists are each connection's own", () => {
    const encoder = new HpackEncoder()
    const block = Buffer.from(encoder.encode(new HeaderList(["x-large", "a".repeat(4100)]))).toString("hex")
    const [, second, third] = begun(3, block)
    expect(third!.list).not.toBe(second!.list)
  })
})

describe("an encoder's first blocks", () => {
  const HEAD = new HeaderList([":status", "200", "content-type", "application/grpc", "x-server", "one"])
  const TRAILERS = new HeaderList(["grpc-status", "0", "x-cost", "12"])

  test("put nothing into the table, and mean the same on every connection; then it is used", () => {
    for (let connection = 0; connection < 4; connection++) {
      const encoder = new HpackEncoder(4096, 2)
      const decoder = new HpackDecoder()
      const octets: number[] = []
      for (const list of [HEAD, TRAILERS, HEAD, TRAILERS, HEAD, TRAILERS]) {
        const block = encoder.encode(list)
        expect(decoder.decode(block, 0, block.length, LIMITS)!.fields).toEqual(list.fields)
        octets.push(block.length)
        if (octets.length === 2) expect(encoder.tableOctets).toBe(0)
      }
      expect(octets.slice(4)).toEqual([3, 2])
    }
  })

  test("a change of the table's size is told first, and of that connection alone", () => {
    for (let connection = 0; connection < 4; connection++) {
      const encoder = new HpackEncoder(4096, 2)
      encoder.setPeerMaxTableOctets(0)
      const block = encoder.encode(HEAD)
      expect(block[0]).toBe(0x20)
      expect(new HpackEncoder(4096, 2).encode(HEAD)[0]).not.toBe(0x20)
    }
  })
})

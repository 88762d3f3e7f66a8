import { describe, expect, test } from "vitest"
import type { HeaderList } from "../header-list.ts"
import { HpackDecoder } from "./decoder.ts"

const LIMITS = { maxFields: 128, maxOctets: 65_536 }

function decodeHex(decoder: HpackDecoder, hex: string, limits = LIMITS): HeaderList | null {
  const block = Buffer.from(hex.replaceAll(" ", ""), "hex")
  return decoder.decode(block, 0, block.length, limits)
}

/** "name: value" by field, or the fault. */
function fieldsOf(decoder: HpackDecoder, hex: string, limits = LIMITS): string[] | string {
  const list = decodeHex(decoder, hex, limits)
  if (list === null) return decoder.fault
  return Array.from(
    { length: list.fields.length / 2 },
    (_, i) => `${list.fields[2 * i]}: ${list.fields[2 * i + 1]}`,
  )
}

/** What the dynamic table holds, newest first, told by decoding an indexed field for each index from 62 on. */
function tableOf(decoder: HpackDecoder): string[] {
  const entries: string[] = []
  for (let index = 62; ; index++) {
    const fields = fieldsOf(decoder, (0x80 + index).toString(16))
    if (typeof fields === "string") return entries
    entries.push(...fields)
  }
}

const GET_HTTP = [":method: GET", ":scheme: http", ":path: /"]
const AUTHORITY = ":authority: www.example.com"
const CUSTOM = "custom-key: custom-value"
const LOCATION = "location: https://www.example.com"
const FIRST_DATE = "date: Mon, 21 Oct 2013 20:13:21 GMT"
const SECOND_DATE = "date: Mon, 21 Oct 2013 20:13:22 GMT"
const COOKIE = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"

interface Example {
  hex: string
  fields: string[]
  table: string[]
  tableOctets: number
}

const REQUESTS: Omit<Example, "hex">[] = [
  { fields: [...GET_HTTP, AUTHORITY], table: [AUTHORITY], tableOctets: 57 },
  {
    fields: [...GET_HTTP, AUTHORITY, "cache-control: no-cache"],
    table: ["cache-control: no-cache", AUTHORITY],
    tableOctets: 110,
  },
  {
    fields: [":method: GET", ":scheme: https", ":path: /index.html", AUTHORITY, CUSTOM],
    table: [CUSTOM, "cache-control: no-cache", AUTHORITY],
    tableOctets: 164,
  },
]
const RESPONSES: Omit<Example, "hex">[] = [
  {
    fields: [":status: 302", "cache-control: private", FIRST_DATE, LOCATION],
    table: [LOCATION, FIRST_DATE, "cache-control: private", ":status: 302"],
    tableOctets: 222,
  },
  {
    fields: [":status: 307", "cache-control: private", FIRST_DATE, LOCATION],
    table: [":status: 307", LOCATION, FIRST_DATE, "cache-control: private"],
    tableOctets: 222,
  },
  {
    fields: [
      ":status: 200",
      "cache-control: private",
      SECOND_DATE,
      LOCATION,
      "content-encoding: gzip",
      COOKIE,
    ],
    table: [COOKIE, "content-encoding: gzip", SECOND_DATE],
    tableOctets: 215,
  },
]

const story = (examples: Omit<Example, "hex">[], ...blocks: string[]): Example[] =>
  examples.map((example, i) => ({ ...example, hex: blocks[i]! }))

describe("RFC 7541 Appendix C", () => {
  test.each([
    [
      "C.2.1 literal with incremental indexing",
      "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
      ["custom-key: custom-header"],
      ["custom-key: custom-header"],
    ],
    ["C.2.2 literal without indexing", "040c 2f73 616d 706c 652f 7061 7468", [":path: /sample/path"], []],
    ["C.2.3 literal never indexed", "1008 7061 7373 776f 7264 0673 6563 7265 74", ["password: secret"], []],
    ["C.2.4 indexed field", "82", [":method: GET"], []],
  ])("%s", (_, hex, fields, table) => {
    const decoder = new HpackDecoder()
    expect(fieldsOf(decoder, hex)).toEqual(fields)
    expect(tableOf(decoder)).toEqual(table)
  })

  const stories: [name: string, tableOctets: number, Example[]][] = [
    [
      "C.3 requests without Huffman coding",
      4096,
      story(
        REQUESTS,
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ),
    ],
    [
      "C.4 requests with Huffman coding",
      4096,
      story(
        REQUESTS,
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ),
    ],
    [
      "C.5 responses without Huffman coding",
      256,
      story(
        RESPONSES,
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32
         3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
        "4803 3330 37c1 c0bf",
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
         7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
         6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
      ),
    ],
    [
      "C.6 responses with Huffman coding",
      256,
      story(
        RESPONSES,
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
         1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
        "4883 640e ffc1 c0bf",
        `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
         e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
      ),
    ],
  ]
  test.each(stories)("%s", (_, maxTableOctets, examples) => {
    const decoder = new HpackDecoder(maxTableOctets)
    for (const { hex, fields, table, tableOctets } of examples) {
      expect(fieldsOf(decoder, hex.replaceAll(/\s/g, ""))).toEqual(fields)
      expect(tableOf(decoder)).toEqual(table)
      expect(decoder.tableOctets).toBe(tableOctets)
    }
  })
})

describe("COMPRESSION_ERROR", () => {
  const literal = (lengthOctet: string, octets: string) => `00 01 61 ${lengthOctet} ${octets}`
  test.each([
    ["index 0", "80", "index 0"],
    ["an index past the empty dynamic table", "be", "index past the table"],
    ["an index past the dynamic table", "41 01 61 be bf", "index past the table"],
    ["a name past the table, to be indexed", "7e 01 61", "index past the table"],
    ["a name past the table, not to be indexed", "0f 2f 01 61", "index past the table"],
    ["an index that does not end", "ff", "block ends inside an integer"],
    ["an index of 2^28", "ff 81 ff ff 7f", "integer too large"],
    ["an index of six octets", "ff 80 80 80 80 80 00", "integer too large"],
    ["a name index that does not end", "7f 80", "block ends inside an integer"],
    ["a literal without a name", "40", "block ends inside an integer"],
    ["a name cut off", "40 05 61 62", "block ends inside a string"],
    ["a literal without a value", "40 01 61", "block ends inside an integer"],
    ["a value cut off", "41 05 61 62", "block ends inside a string"],
    ["a value of 2^28", "41 7f 81 ff ff 7f", "integer too large"],
    ["eight bits of padding", literal("82", "1f ff"), "Huffman padding is not EOS"],
    ["padding of zeroes", literal("81", "18"), "Huffman padding is not EOS"],
    ["EOS", literal("84", "ff ff ff ff"), "EOS in a Huffman string"],
    ["a size update after a field", "82 20", "table size update after the first field"],
    ["a size update above the advertised size", "3f e2 1f", "table size update above the advertised size"],
    ["a size update that does not end", "3f", "block ends inside an integer"],
  ])("%s", (_, hex, fault) => {
    const decoder = new HpackDecoder()
    expect(decodeHex(decoder, hex)).toBeNull()
    expect(decoder.fault).toBe(fault)
  })
})

describe("size updates", () => {
  test("an update evicts, and what it allows again comes back empty", () => {
    const decoder = new HpackDecoder()
    expect(fieldsOf(decoder, "41 01 61")).toEqual([":authority: a"])
    expect(fieldsOf(decoder, "20 3f e1 1f 82")).toEqual([":method: GET"])
    expect(tableOf(decoder)).toEqual([])
  })

  test("after a lowered setting the next block must start with an update", () => {
    const decoder = new HpackDecoder()
    decoder.setMaxTableOctets(100)
    expect(fieldsOf(decoder, "82")).toBe("no table size update after the advertised size was lowered")
  })

  test("even an empty block, or one that was remembered", () => {
    for (const hex of ["", "82"]) {
      const decoder = new HpackDecoder()
      for (let i = 0; i < 4; i++) decodeHex(decoder, hex)
      decoder.setMaxTableOctets(100)
      expect(decodeHex(decoder, hex)).toBeNull()
    }
  })

  test("lowered and raised between two blocks: the smallest must be signalled first (§4.2)", () => {
    const lowered = () => {
      const decoder = new HpackDecoder()
      decoder.setMaxTableOctets(0)
      decoder.setMaxTableOctets(200)
      return decoder
    }
    expect(fieldsOf(lowered(), "3f 45 82")).toBe("first table size update above the lowered size")
    expect(fieldsOf(lowered(), "20 3f a9 01 82")).toEqual([":method: GET"])
    expect(fieldsOf(lowered(), "20 3f aa 01 82")).toBe("table size update above the advertised size")
    expect(fieldsOf(lowered(), "20 82")).toEqual([":method: GET"])
  })

  test("nothing is required of an encoder that already keeps to less", () => {
    const decoder = new HpackDecoder()
    expect(fieldsOf(decoder, "3f 45 82")).toEqual([":method: GET"])
    decoder.setMaxTableOctets(1000)
    expect(fieldsOf(decoder, "82")).toEqual([":method: GET"])
  })
})

describe("limits", () => {
  /** `count` fields `a: <value of n octets>`, each 33 + n octets. */
  const literals = (count: number, n: number) =>
    `00 01 61 ${n.toString(16).padStart(2, "0")} ${"62".repeat(n)}`.repeat(count)

  test.each([
    ["as many fields as allowed", "82".repeat(5), 5, false],
    ["one indexed field more", "82".repeat(6), 5, true],
    ["one literal more", "82".repeat(5) + literals(1, 0), 5, true],
    ["as many octets as allowed", literals(2, 17), 2, false],
    ["one octet more", literals(1, 17) + literals(1, 18), 1, true],
    ["an indexed field past the octets", `${literals(2, 17)} 82`, 2, true],
    ["a field larger than all the room", `${literals(1, 90)} 82`, 0, true],
    ["a name larger than all the room", `00 5a ${"61".repeat(90)} 00 82`, 0, true],
    ["a Huffman name larger than all the room", `00 f3 ${"18c6318c63".repeat(23)} 00 82`, 0, true],
  ])("%s", (_, hex, kept, overflowed) => {
    const decoder = new HpackDecoder()
    const limits = { maxFields: 5, maxOctets: 100 + (hex.startsWith("82") ? 200 : 0) }
    const list = decodeHex(decoder, hex, limits)
    expect(list?.fields.length).toBe(kept * 2)
    expect(decoder.overflowed).toBe(overflowed)
  })

  test("fields past the limits still enter the table, so that the connection can go on", () => {
    const decoder = new HpackDecoder()
    expect(fieldsOf(decoder, "82 82 41 01 61", { maxFields: 1, maxOctets: 100 })).toEqual([":method: GET"])
    expect(decoder.overflowed).toBe(true)
    expect(fieldsOf(decoder, "be")).toEqual([":authority: a"])
    expect(decoder.overflowed).toBe(false)
  })

  const type = "content-type: application/grpc"
  test.each([
    ["content-type, indexed", "82 82 5f 10 6170706c69636174696f6e2f67727063", [type]],
    ["content-type, not indexed", "82 82 0f10 10 6170706c69636174696f6e2f67727063", [type]],
    ["from the table", "5f 01 61 82 be", ["content-type: a"]],
    ["the first of two", "82 82 5f 01 61 5f 01 62", ["content-type: a"]],
    ["grpc-status", "82 82 00 0b 677270632d737461747573 01 35", ["grpc-status: 5"]],
    ["grpc-message", "82 82 00 0c 677270632d6d657373616765 02 6e6f", ["grpc-message: no"]],
    ["none of them", "82 82 00 01 61 01 62", []],
    ["a content-type too long to be one", `82 82 0f10 7f 82 07 ${"61".repeat(1025)}`, []],
    [
      "the beginning of a message that is too large itself",
      `82 00 0c 677270632d6d657373616765 7f d1 0f ${"61".repeat(2128)}`,
      [`grpc-message: ${"a".repeat(1024)}`],
    ],
  ] as [string, string, string[]][])(
    "of a list past the limits this is still told: %s",
    (_, hex, expected) => {
      const decoder = new HpackDecoder()
      decodeHex(decoder, hex, { maxFields: 1, maxOctets: 100 })
      const late = decoder.late.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${decoder.late[i + 1]}`] : []))
      expect([decoder.overflowed, late]).toEqual([true, expected])
      decodeHex(decoder, "82")
      expect(decoder.late).toEqual([])
    },
  )

  test("Huffman code that cannot but be too long is passed over, and what follows it is read", () => {
    const decoder = new HpackDecoder()
    // 17,000 octets of code: at least 4,533 symbols, past the table and the list.
    const value = Buffer.alloc(17_000, 0x18)
    const block = Buffer.concat([
      Buffer.from("400161", "hex"),
      Buffer.from([0xff, 0xe9, 0x83, 0x01]),
      value,
      Buffer.from([0x82]),
    ])
    const list = decoder.decode(block, 0, block.length, { maxFields: 5, maxOctets: 100 })
    expect([list?.fields, decoder.overflowed, tableOf(decoder)]).toEqual([[], true, []])
  })

  test("a field larger than the limits and the table empties the table", () => {
    const decoder = new HpackDecoder()
    decodeHex(decoder, "41 01 61")
    const large = `41 7f f1 1e ${"61".repeat(127 + 0x0f71)}`
    expect(decodeHex(decoder, large, { maxFields: 5, maxOctets: 100 })?.fields).toEqual([])
    expect(decoder.overflowed).toBe(true)
    expect(tableOf(decoder)).toEqual([])
  })

  test("a fault past the limits is still a fault", () => {
    const decoder = new HpackDecoder()
    const limits = { maxFields: 1, maxOctets: 1000 }
    expect(fieldsOf(decoder, "82 82 00 01 61 81 18", limits)).toBe("Huffman padding is not EOS")
    expect(fieldsOf(decoder, "82 82 80", limits)).toBe("index 0")
  })

  test("an expansion bomb is held by the limits", () => {
    const decoder = new HpackDecoder()
    // One entry of 4000 octets, and 16,000 references of one octet to it: 64 MB if it were believed.
    const bomb = `41 7f a1 1e ${"61".repeat(4000)} ${"be".repeat(16_000)}`
    const list = decodeHex(decoder, bomb)
    expect(decoder.overflowed).toBe(true)
    expect(list!.octets).toBeLessThanOrEqual(LIMITS.maxOctets)
    expect(list!.fields.length).toBe(32)
  })
})

describe("never indexed", () => {
  test("is kept, by field number", () => {
    const list = decodeHex(new HpackDecoder(), "82 10 01 61 01 62 84 1f 08 01 63")
    expect(list!.fields).toEqual([":method", "GET", "a", "b", ":path", "/", "authorization", "c"])
    expect(list!.neverIndexed).toEqual(new Set([1, 3]))
  })

  test("is null when there is none, even after a list that had some", () => {
    const decoder = new HpackDecoder()
    decodeHex(decoder, "10 01 61 01 62")
    expect(decodeHex(decoder, "00 01 61 01 62")!.neverIndexed).toBeNull()
  })
})

test("empty names and values are handed on: what they mean is not for HPACK to say", () => {
  expect(fieldsOf(new HpackDecoder(), "00 00 00 40 00 01 61")).toEqual([": ", ": a"])
})

test("a block is decoded where it stands, and no octet outside is looked at", () => {
  const octets = Buffer.from("ffff8286be", "hex")
  expect(new HpackDecoder().decode(octets, 2, 4, LIMITS)!.fields).toEqual([
    ":method",
    "GET",
    ":scheme",
    "http",
  ])
})

test("octets above 127 come out one character each", () => {
  expect(fieldsOf(new HpackDecoder(), "00 01 61 02 e4 bd")).toEqual(["a: \u00e4\u00bd"])
})

describe("remembered blocks", () => {
  const REPEATED = "82 86 84 be"

  /** A decoder with one entry in its table, which has seen `hex` three times. */
  function warm(hex = REPEATED): { decoder: HpackDecoder; list: HeaderList } {
    const decoder = new HpackDecoder()
    decodeHex(decoder, "41 01 61")
    for (let i = 0; i < 2; i++) decodeHex(decoder, hex)
    return { decoder, list: decodeHex(decoder, hex)! }
  }

  test("give the very same list", () => {
    const { decoder, list } = warm()
    expect(decodeHex(decoder, REPEATED)).toBe(list)
    expect(list.fields).toEqual([":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"])
  })

  test("with literals that enter no table as well", () => {
    const { decoder, list } = warm("82 04 02 2f 61 10 01 62 01 63")
    expect(decodeHex(decoder, "82 04 02 2f 61 10 01 62 01 63")).toBe(list)
    expect(list.neverIndexed).toEqual(new Set([2]))
  })

  test.each([
    ["an insertion", "41 01 62", "b"],
    ["an insertion behind other fields", "82 84 41 01 62", "b"],
  ])("are forgotten at %s", (_, hex, authority) => {
    const { decoder, list } = warm()
    decodeHex(decoder, hex)
    const now = decodeHex(decoder, REPEATED)!
    expect(now).not.toBe(list)
    expect(now.get(":authority")).toBe(authority)
  })

  test("are forgotten when a size update evicts what they name", () => {
    const { decoder } = warm()
    decodeHex(decoder, "20")
    expect(fieldsOf(decoder, REPEATED)).toBe("index past the table")
  })

  test("obey lower limits than those they were decoded under", () => {
    const { decoder } = warm()
    expect(decodeHex(decoder, REPEATED, { maxFields: 2, maxOctets: 1000 })!.fields.length).toBe(4)
    expect(decoder.overflowed).toBe(true)
    expect(decodeHex(decoder, REPEATED)!.fields.length).toBe(8)
    expect(decoder.overflowed).toBe(false)
  })

  test("survive any number of blocks that come once", () => {
    const { decoder, list } = warm()
    for (let i = 0; i < 1000; i++) decodeHex(decoder, `00 01 61 04 ${(0x30303030 + i).toString(16)}`)
    expect(decodeHex(decoder, REPEATED)).toBe(list)
  })

  test("are told apart when many repeat", () => {
    const decoder = new HpackDecoder()
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 200; i++) {
        const value = String.fromCharCode(0x30 + i)
        expect(decodeHex(decoder, `00 01 61 01 ${(0x30 + i).toString(16)}`)?.fields ?? i).toEqual([
          "a",
          value,
        ])
      }
    }
  })
})

import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  decodeHuffman,
  encodeHuffman,
  HUFFMAN_BAD_PADDING,
  HUFFMAN_EOS,
  mostHuffmanSymbols,
} from "./huffman.ts"

/** The octets of `text` in Huffman code. */
function encode(text: string): Uint8Array {
  const target = new Uint8Array(text.length * 4 + 8)
  return target.subarray(0, encodeHuffman(text, target, 0, text.length * 4))
}

/** The text, or the reason why not. */
function decode(octets: Uint8Array): string | number {
  const target = new Uint8Array(mostHuffmanSymbols(octets.length))
  const length = decodeHuffman(octets, 0, octets.length, target)
  return length < 0 ? length : Buffer.from(target.subarray(0, length)).toString("latin1")
}

/** "1111 0000" or "ff 0" in the base given, to octets. */
function bits(text: string): Uint8Array {
  const digits = text.replaceAll(" ", "")
  return Uint8Array.from({ length: digits.length / 8 }, (_, i) =>
    Number.parseInt(digits.slice(i * 8, i * 8 + 8), 2),
  )
}

describe("strings of RFC 7541 Appendix C.4 and C.6", () => {
  test.each([
    ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
    ["no-cache", "a8eb10649cbf"],
    ["custom-key", "25a849e95ba97d7f"],
    ["custom-value", "25a849e95bb8e8b4bf"],
    ["302", "6402"],
    ["private", "aec3771a4b"],
    ["Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"],
    ["https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"],
    ["gzip", "9bd9ab"],
    [
      "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
      "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ],
  ])("%s", (text, hex) => {
    expect(Buffer.from(encode(text)).toString("hex")).toBe(hex)
    expect(decode(Buffer.from(hex, "hex"))).toBe(text)
  })
})

describe("single codes of RFC 7541 Appendix B, padded with ones", () => {
  test.each([
    [48, "00000 111"],
    [97, "00011 111"],
    [32, "010100 11"],
    [88, "11111100"],
    [33, "11111110 00 111111"],
    [39, "11111111 010 11111"],
    [35, "11111111 1010 1111"],
    [0, "11111111 11000 111"],
    [94, "11111111 111100 11"],
    [92, "11111111 11111110 000 11111"],
    [128, "11111111 11111110 0110 1111"],
    [9, "11111111 11111111 11101010"],
    [199, "11111111 11111111 11110110 0 1111111"],
    [255, "11111111 11111111 11111011 10 111111"],
    [203, "11111111 11111111 11111011 110 11111"],
    [1, "11111111 11111111 10110 00 1"],
    [2, "11111111 11111111 11111110 0010 1111"],
    [10, "11111111 11111111 11111111 111100 11"],
    [13, "11111111 11111111 11111111 111101 11"],
    [22, "11111111 11111111 11111111 111110 11"],
  ])("octet %d", (octet, code) => {
    const text = String.fromCharCode(octet)
    expect(encode(text)).toEqual(bits(code))
    expect(decode(bits(code))).toBe(text)
  })
})

describe("refuses", () => {
  test.each([
    ["eight bits of padding", "00000 111 11111111", HUFFMAN_BAD_PADDING],
    ["padding alone, a whole octet", "11111111", HUFFMAN_BAD_PADDING],
    ["padding with a zero in it", "00000 110", HUFFMAN_BAD_PADDING],
    ["padding of zeroes", "11111000 0000 0000", HUFFMAN_BAD_PADDING],
    ["a code cut off", "11111111 11111111 11101010 11111111 11111111", HUFFMAN_BAD_PADDING],
    ["a long code cut off by the end", "11111111 11111110", HUFFMAN_BAD_PADDING],
    ["EOS alone", "11111111 11111111 11111111 11111111", HUFFMAN_EOS],
    ["EOS after a letter", "00011 111 11111111 11111111 11111111 11111111", HUFFMAN_EOS],
    ["EOS with letters after it", "11111111 11111111 11111111 11111100 01100011", HUFFMAN_EOS],
  ])("%s", (_, code, reason) => {
    expect(decode(bits(code))).toBe(reason)
  })
})

test("the empty string is no octets, and back", () => {
  expect(encode("")).toEqual(new Uint8Array(0))
  expect(decode(new Uint8Array(0))).toBe("")
})

test("a code longer than allowed is given up, at any length", () => {
  const text = "/chat.Chat/BidStream?\u00ff\u0001\n"
  const octets = encode(text).length
  const target = new Uint8Array(octets + 8)
  expect(encodeHuffman(text, target, 0, octets)).toBe(octets)
  for (let most = -1; most < octets; most++) expect(encodeHuffman(text, target, 0, most)).toBe(-1)
})

test("a character above U+00FF, which no header string may hold, becomes a question mark", () => {
  // U+010A cut to its low octet would be a line feed.
  expect(decode(encode("a\u010ab"))).toBe("a?b")
})

test("any octets come back as they were", () => {
  const text = fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets).toString("latin1"))
  fc.assert(
    fc.property(text, (text) => {
      expect(decode(encode(text))).toBe(text)
    }),
  )
})

test("any octets decode to what one bit at a time would give, or are refused alike", () => {
  const code = fc.oneof(
    fc.uint8Array({ maxLength: 24 }),
    fc
      .array(fc.constantFrom(0xff, 0xfe, 0xf8, 0x00), { maxLength: 24 })
      .map((octets) => Uint8Array.from(octets)),
  )
  fc.assert(
    fc.property(code, (code) => {
      expect(decode(code)).toBe(decodeByBit(code))
    }),
    { numRuns: 2000 },
  )
})

/** The plainest decoder there can be. */
function decodeByBit(octets: Uint8Array): string | number {
  let text = ""
  let code = ""
  for (const octet of octets) {
    for (let bit = 7; bit >= 0; bit--) {
      code += (octet >> bit) & 1
      const symbol = symbolsByCode.get(code)
      if (symbol === "EOS") return HUFFMAN_EOS
      if (symbol === undefined) continue
      text += symbol
      code = ""
    }
  }
  return code.length <= 7 && !code.includes("0") ? text : HUFFMAN_BAD_PADDING
}

const symbolsByCode = new Map<string, string>([["1".repeat(30), "EOS"]])
for (let octet = 0; octet < 256; octet++) {
  const symbol = String.fromCharCode(octet)
  // Eight codes in a row take as many octets as one takes bits.
  const length = encode(symbol.repeat(8)).length
  const code = [...encode(symbol)].map((octet) => octet.toString(2).padStart(8, "0")).join("")
  symbolsByCode.set(code.slice(0, length), symbol)
}

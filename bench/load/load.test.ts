import { describe, expect, test } from "vitest"
import { REQUESTS, RESPONSE, TRAILERS_OK } from "./calls.ts"
import { FrameReader } from "./frame-reader.ts"
import { HeaderReader } from "./header-reader.ts"
import { HeaderWriter } from "./header-writer.ts"
import { CODE_LENGTHS, decodeHuffman } from "./huffman.ts"
import { MessageChecker, PREFIX_OCTETS, writeMessage } from "./message.ts"
import { Flag, Frame, HEAD_OCTETS, writeHead } from "./wire.ts"

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_OCTETS)
  writeHead(head, 0, payload.length, type, flags, streamId)
  return Buffer.concat([head, payload])
}

describe("frames", () => {
  const bytes = Buffer.concat([
    frame(Frame.settings, 0, 0, Buffer.alloc(0)),
    frame(Frame.data, 0, 3, Buffer.from("hello ")),
    frame(Frame.headers, Flag.endHeaders, 5, Buffer.from([0x88])),
    frame(Frame.data, Flag.endStream, 3, Buffer.from("world")),
    frame(Frame.data, Flag.endStream, 7, Buffer.alloc(0)),
    frame(Frame.ping, 0, 0, Buffer.from("12345678")),
  ])

  test.each([1, 2, 3, 7, 9, 10, 1000])("read alike in pieces of %i octets", (piece) => {
    const seen: string[] = []
    const text = new Map<number, string>()
    const reader = new FrameReader({
      data(streamId, chunk, from, to, end) {
        text.set(streamId, (text.get(streamId) ?? "") + chunk.toString("latin1", from, to))
        if (end) seen.push(`${streamId} ends`)
      },
      frame: (type, _flags, streamId, chunk, from, to) =>
        seen.push(`type ${type} on ${streamId}: ${chunk.toString("hex", from, to)}`),
    })
    for (let at = 0; at < bytes.length; at += piece) {
      const part = Buffer.from(bytes.subarray(at, at + piece))
      reader.read(part, 0, part.length)
    }
    expect(text.get(3)).toBe("hello world")
    expect(seen).toEqual([
      "type 4 on 0: ",
      "type 1 on 5: 88",
      "3 ends",
      "7 ends",
      "type 6 on 0: 3132333435363738",
    ])
  })
})

describe("header blocks", () => {
  test("the Huffman code is complete", () => {
    expect(CODE_LENGTHS).toHaveLength(257)
    expect(CODE_LENGTHS.reduce((sum, bits) => sum + 2 ** -bits, 0)).toBe(1)
  })

  // RFC 7541 Appendix C.4.1, C.6.1
  test.each([
    ["f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"],
    ["a8eb10649cbf", "no-cache"],
    ["d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"],
  ])("Huffman %s is %s", (hex, text) => {
    const bytes = Buffer.from(hex, "hex")
    expect(decodeHuffman(bytes, 0, bytes.length)).toBe(text)
  })

  test("a dynamic table over three responses (RFC 7541 Appendix C.6)", () => {
    const reader = new HeaderReader()
    const blocks = [
      "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      "4883640effc1c0bf",
    ].map((hex) => Buffer.from(hex, "hex"))
    expect(blocks.map((block) => reader.read(block, 0, block.length).status)).toEqual(["302", "307"])
  })

  test("what the writer writes, full and short, the reader reads", () => {
    const writer = new HeaderWriter()
    const reader = new HeaderReader()
    const read = (block: Buffer) => reader.read(block, 0, block.length)
    const first = writer.block(REQUESTS.echo)
    expect(read(first).path).toBe("/bench.Bench/Echo")
    expect(read(writer.block(TRAILERS_OK)).grpcStatus).toBe("0")
    expect(read(writer.block(RESPONSE)).status).toBe("200")
    const again = writer.block(REQUESTS.echo)
    expect(again.length).toBe(REQUESTS.echo.length)
    expect(read(again).path).toBe("/bench.Bench/Echo")
    expect(read(writer.block(TRAILERS_OK)).grpcStatus).toBe("0")
    expect(read(again).path).toBe("/bench.Bench/Echo")
  })

  test("a peer with a small table gets literals only", () => {
    const writer = new HeaderWriter()
    const reader = new HeaderReader()
    const read = (block: Buffer) => reader.read(block, 0, block.length)
    read(writer.block(REQUESTS.echo))
    writer.limitTable(0)
    const block = writer.block(REQUESTS.push)
    expect(block[0]).toBe(0x20)
    expect(read(block).path).toBe("/bench.Bench/Push")
    expect(read(writer.block(REQUESTS.push)).path).toBe("/bench.Bench/Push")
  })

  test.each([["ff"], ["be"], ["40"], ["4005"], ["7f8080808080"]])("block %s is refused", (hex) => {
    const bytes = Buffer.from(hex, "hex")
    expect(() => new HeaderReader().read(bytes, 0, bytes.length)).toThrow()
  })
})

describe("messages", () => {
  const messages = (octets: number, key: number, count: number) => {
    const bytes = Buffer.alloc((PREFIX_OCTETS + octets) * count)
    for (let number = 0, at = 0; number < count; number++) at = writeMessage(bytes, at, octets, key, number)
    return bytes
  }

  test.each([
    [8, 1],
    [100, 1],
    [100, 64],
    [16_000, 999],
    [16_000, 100_000],
  ])("of %i octets, in pieces of %i, are counted", (octets, piece) => {
    const bytes = messages(octets, 7, 300)
    const checker = new MessageChecker(octets, 7, 0)
    let completed = 0
    for (let at = 0; at < bytes.length; at += piece) {
      completed += checker.check(bytes, at, Math.min(bytes.length, at + piece))
    }
    expect(completed).toBe(300)
    expect(checker.whole).toBe(true)
  })

  test.each([0, 4, 5, 9, 13, 50, 104])("a wrong octet at %i is found", (offset) => {
    const bytes = messages(100, 7, 2)
    bytes[offset]! ^= 1
    expect(new MessageChecker(100, 7, 0).check(bytes, 0, bytes.length)).toBe(-1)
  })

  test("a wrong octet of a large message is found", () => {
    const bytes = messages(16_000, 7, 1)
    bytes[15_000]! ^= 1
    expect(new MessageChecker(16_000, 7, 0).check(bytes, 0, bytes.length)).toBe(-1)
  })

  test("another stream's message is found, and a repeated one", () => {
    const bytes = messages(100, 7, 1)
    expect(new MessageChecker(100, 8, 0).check(bytes, 0, bytes.length)).toBe(-1)
    const checker = new MessageChecker(100, 7, 0)
    expect(checker.check(bytes, 0, bytes.length)).toBe(1)
    expect(checker.check(bytes, 0, bytes.length)).toBe(-1)
  })
})

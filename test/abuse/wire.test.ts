import { describe, expect, test } from "vitest"
import { block, Decoder, indexed, inserted, integer } from "./hpack.ts"
import * as wire from "./wire.ts"

describe("frames", () => {
  test("come out of the reader as they went in, however the bytes are split", () => {
    const sent = Buffer.concat([
      wire.settings([[wire.Setting.INITIAL_WINDOW_SIZE, 0]]),
      wire.headers(1, block([[":method", "POST"]])),
      wire.data(1, Buffer.from("chat"), wire.Flag.END_STREAM),
      wire.rstStream(3, wire.ErrorCode.CANCEL),
      wire.priority(5, 3),
      wire.goaway(7, wire.ErrorCode.ENHANCE_YOUR_CALM),
    ])
    for (const step of [1, 2, 3, 10, sent.length]) {
      const seen: Buffer[] = []
      const reader = new wire.FrameReader()
      for (let at = 0; at < sent.length; at += step) {
        reader.push(sent.subarray(at, at + step), (f) =>
          seen.push(wire.frame(f.type, f.flags, f.streamId, Buffer.from(f.payload))),
        )
      }
      expect(Buffer.concat(seen)).toEqual(sent)
    }
  })

  test("of impossible length end the reading", () => {
    expect(new wire.FrameReader().push(Buffer.from("HTTP/1.1 400 Bad Request\r\n"), () => {})).toBe(false)
  })

  test("lose their padding and priority", () => {
    const payload = Buffer.from([2, 0, 0, 0, 0, 9, 0x82, 0, 0])
    const flags = wire.Flag.PADDED | wire.Flag.PRIORITY
    expect(wire.unpadded({ type: wire.FrameType.HEADERS, flags, streamId: 1, payload })).toEqual(
      Buffer.of(0x82),
    )
  })

  test("error codes have names", () => {
    expect(wire.errorName(11)).toBe("ENHANCE_YOUR_CALM")
    expect(wire.errorName(255)).toBe("0xff")
  })
})

describe("HPACK", () => {
  test("integers: RFC 7541 §C.1", () => {
    expect(integer(10, 5, 0)).toEqual(Buffer.of(10))
    expect(integer(1337, 5, 0)).toEqual(Buffer.of(31, 154, 10))
  })

  test("requests with Huffman and a dynamic table: RFC 7541 §C.4", () => {
    const decoder = new Decoder()
    const decode = (hex: string) => decoder.decode(Buffer.from(hex, "hex"))
    expect(decode("828684418cf1e3c2e5f23a6ba0ab90f4ff")).toContainEqual([":authority", "www.example.com"])
    expect(decode("828684be5886a8eb10649cbf")).toContainEqual(["cache-control", "no-cache"])
    expect(decode("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf")).toContainEqual([
      "custom-key",
      "custom-value",
    ])
  })

  test("what the attacker writes is read back", () => {
    const decoder = new Decoder()
    const bomb = Buffer.concat([inserted("x-bomb", "a".repeat(3000)), indexed(62), indexed(62)])
    expect(decoder.decode(bomb).map(([name, value]) => [name, value.length])).toEqual([
      ["x-bomb", 3000],
      ["x-bomb", 3000],
      ["x-bomb", 3000],
    ])
    expect(decoder.decode(block([["te", "tra\r\nilers"]]))).toEqual([["te", "tra\r\nilers"]])
  })

  test("the Huffman code is complete: every octet string of RFC 7541 §C.6 reads", () => {
    const decoder = new Decoder()
    const fields = decoder.decode(
      Buffer.from(
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        "hex",
      ),
    )
    expect(fields).toEqual([
      [":status", "302"],
      ["cache-control", "private"],
      ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
      ["location", "https://www.example.com"],
    ])
  })
})

import { crc32 } from "node:zlib"

const SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex")

/** A chunk of a PNG file. */
function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), data])
  const whole = Buffer.alloc(named.length + 8)
  whole.writeUInt32BE(data.length, 0)
  named.copy(whole, 4)
  whole.writeUInt32BE(crc32(named), named.length + 4)
  return whole
}

function* chunksOf(png: Buffer): Generator<{ type: string; data: Buffer }> {
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at)
    const type = png.toString("latin1", at + 4, at + 8)
    yield { type, data: png.subarray(at + 8, at + 8 + length) }
    at += length + 12
  }
}

function numbers(...values: readonly number[]): Buffer {
  const octets = Buffer.alloc(values.length * 4)
  for (const [at, value] of values.entries()) octets.writeUInt32BE(value, at * 4)
  return octets
}

/**
 * One animated PNG of pictures of one size and kind, over and over; what shows a PNG alone shows the first. Source: PNG,
 * third edition, §11.3.6.
 */
export function animatedPng(frames: readonly { png: Buffer; ms: number }[]): Buffer {
  const header = [...chunksOf(frames[0]!.png)].find(({ type }) => type === "IHDR")!.data
  const parts = [SIGNATURE, chunk("IHDR", header), chunk("acTL", numbers(frames.length, 0))]
  let sequence = 0
  for (const [index, { png, ms }] of frames.entries()) {
    const delay = Buffer.alloc(6)
    delay.writeUInt16BE(ms, 0)
    delay.writeUInt16BE(1000, 2)
    const size = [header.readUInt32BE(0), header.readUInt32BE(4)] as const
    parts.push(chunk("fcTL", Buffer.concat([numbers(sequence++, ...size, 0, 0), delay])))
    for (const { type, data } of chunksOf(png)) {
      if (type !== "IDAT") continue
      if (index === 0) parts.push(chunk("IDAT", data))
      else parts.push(chunk("fdAT", Buffer.concat([numbers(sequence++), data])))
    }
  }
  return Buffer.concat([...parts, chunk("IEND", Buffer.alloc(0))])
}

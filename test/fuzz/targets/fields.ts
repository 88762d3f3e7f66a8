import assert from "node:assert/strict"
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire"
import { seededRandom } from "../../../src/base/random.ts"
import type { FieldPath, FieldValue } from "../../../src/grpc/field-path.ts"
import { FieldReader } from "../../../src/grpc/field-reader.ts"
import { withField } from "../../../src/grpc/field-writer.ts"
import { randomly } from "../../support/memory-link.ts"
import type { Target } from "../engine/target.ts"

const MOST_OCTETS = 64
const TOKEN: FieldValue = { wireType: WireType.LengthDelimited, octets: Buffer.from("a token") }

/** Fields of messages without a schema, by number, beside protobuf's own reader; and written where they were not. */
export const fields: Target = {
  steps: { base: 2000, perOctet: 200 },
  *seeds() {
    const messages = [
      "2203616263",
      "12050a03616263",
      "12051a03220161",
      "1b2b2c1c220161",
      "20ac02",
      "250100000021",
      "",
    ]
    for (const hex of messages)
      for (const path of ["\u0001\u0004", "\u0002\u0002\u0001", "\u0003\u0002\u0003\u0004"])
        yield Buffer.concat([Buffer.from(`\u0003${path}`, "latin1"), Buffer.from(hex, "hex")])
  },
  run(input) {
    const length = 1 + ((input[1] ?? 0) % 4)
    const path = [...input.subarray(2, 2 + length)].map((number) => 1 + (number % 31))
    if (path.length === 0) return
    const message = input.subarray(2 + length)
    const found = read(message, path, randomly(seededRandom(input[0] ?? 0), 9)(message))
    assert.deepEqual(found, read(message, path, [message]), "it depends on how reads are cut")
    const plain = plainly(message, path)
    // A group is not looked into, nor a value kept that is too large: then it may only say less than protobuf's reader.
    if (plain === null) assert.equal(found, undefined, "a message that protobuf cannot read")
    else if (found !== undefined) assert.equal(told(found), plain)
    const written = withField(message, path, TOKEN)
    if (written === null) return
    const again = read(written, path, [written], written.length)
    assert(again !== undefined && told(again) === told(TOKEN), "what was written is not read")
    assert(written.length <= message.length + TOKEN.octets.length + 12 * path.length)
  },
}

function told(value: FieldValue | null): string {
  return value === null ? "" : value.octets.toString("hex")
}

function read(
  whole: Buffer,
  path: FieldPath,
  pieces: readonly Buffer[],
  mostOctets = MOST_OCTETS,
): FieldValue | null | undefined {
  const reader = new FieldReader(path, mostOctets)
  reader.begin(whole.length)
  for (const piece of pieces) reader.push(piece, 0, piece.length)
  return reader.finish()
}

/** The last value in hex, none where it is empty or 0; null: the message cannot be read. */
function plainly(message: Uint8Array, path: FieldPath): string | null {
  let value = ""
  try {
    const reader = new BinaryReader(message)
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag()
      const from = reader.pos
      const isWanted = number === path[0] && wireType !== WireType.StartGroup
      const isWithin = isWanted && path.length > 1 && wireType === WireType.LengthDelimited
      if (isWithin) {
        const inner = reader.bytes()
        const found = plainly(inner, path.slice(1))
        if (found === null) return null
        if (hasField(inner, path.slice(1))) value = found
        continue
      }
      reader.skip(wireType, number)
      if (!isWanted || path.length > 1) continue
      const octets = Buffer.from(message.subarray(from, reader.pos))
      value =
        wireType === WireType.LengthDelimited
          ? contents(octets)
          : isZero(wireType, octets)
            ? ""
            : octets.toString("hex")
    }
    return reader.pos === message.length ? value : null
  } catch {
    return null
  }
}

/** Empty ones count too: they take the place of what was said before. */
function hasField(message: Uint8Array, path: FieldPath): boolean {
  const reader = new BinaryReader(message)
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag()
    if (number === path[0] && wireType !== WireType.StartGroup) {
      if (path.length === 1) return true
      if (wireType === WireType.LengthDelimited) {
        if (hasField(reader.bytes(), path.slice(1))) return true
        continue
      }
    }
    reader.skip(wireType, number)
  }
  return false
}

function contents(sized: Buffer): string {
  return Buffer.from(new BinaryReader(sized).bytes()).toString("hex")
}

function isZero(wireType: WireType, octets: Buffer): boolean {
  return octets.every((octet) => (octet & (wireType === WireType.Varint ? 0x7f : 0xff)) === 0)
}

import { HpackDecoder } from "../../../src/http2/hpack/index.ts"
import type { Target } from "../engine/target.ts"
import { agree, integer, LIMITS, PlainDecoder, report, string, TABLE_OCTETS } from "../oracles/plain-hpack.ts"

/** Our decoder and the plainest one say the same of every block, every time it comes. */
export const hpack: Target = {
  steps: { base: 20_000, perOctet: 1000 },
  *seeds() {
    for (const [pattern, mask] of [
      [0x40, 0x3f],
      [0x00, 0x0f],
      [0x10, 0x0f],
    ] as const)
      for (const coded of [false, true])
        for (const value of ["", "www.example.com", "\u00ff\u0000\n", "y".repeat(90)]) {
          yield blocks([...integer(pattern, mask, 1), ...string(value, coded)])
          yield blocks(
            [pattern, ...string("x-name", coded), ...string(value, !coded)],
            [0x80 | 62, 0x82, 0x84],
          )
        }
    yield blocks(integer(0x20, 0x1f, 100), integer(0x20, 0x1f, 4096))
    yield Buffer.from([0, 50, 2, ...integer(0x20, 0x1f, 50), 0x82])
  },
  run(input) {
    const decoder = new HpackDecoder(TABLE_OCTETS)
    const plain = new PlainDecoder(TABLE_OCTETS)
    for (let at = 0; at < input.length; ) {
      const length = input[at++]!
      if (length === 0) {
        // 0 to 300, so that it may be raised above what was said at first.
        const octets = Math.round(((input[at++] ?? 0) * 300) / 255)
        decoder.setMaxTableOctets(octets)
        plain.setMaxTableOctets(octets)
        continue
      }
      const block = input.subarray(at, at + length)
      at += length
      // Three times, so that what is remembered is compared as well.
      for (let time = 0; time < 3; time++) {
        const list = decoder.decode(block, 0, block.length, LIMITS)
        const expected = plain.decode(block)
        if (!agree(list, expected, decoder)) throw new Error(report(block, list, expected, decoder))
        if (list === null) return
      }
    }
  },
}

const blocks = (...all: number[][]): Buffer => Buffer.from(all.flatMap((block) => [block.length, ...block]))

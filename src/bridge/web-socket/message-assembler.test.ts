import { createRequire } from "node:module"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { MessageAssembler } from "./message-assembler.ts"

interface Receiver extends NodeJS.WritableStream {
  on(event: "message", listener: (data: Buffer, isBinary: boolean) => void): this
  on(event: "ping" | "pong", listener: (data: Buffer) => void): this
  on(event: "conclude", listener: (code: number, reason: Buffer) => void): this
  on(event: "error", listener: (error: Error & { code: string }) => void): this
}
const { Receiver } = createRequire(import.meta.url)("ws") as { Receiver: new (options: object) => Receiver }

const MAX = 70_000

/** What `ws` makes of octets, in words. */
class Heard {
  readonly words: string[] = []
  readonly #receiver = new Receiver({
    isServer: true,
    maxPayload: MAX,
    maxFragments: 0,
    maxBufferedChunks: 0,
  })

  constructor() {
    this.#receiver.on("message", (data, isBinary) => {
      this.words.push(`${isBinary ? "binary" : "text"} ${data.toString("latin1")}`)
    })
    for (const event of ["ping", "pong"] as const)
      this.#receiver.on(event, (data) => this.words.push(`${event} ${data.toString("latin1")}`))
    this.#receiver.on("conclude", (code, reason) => this.words.push(`close ${code} ${reason.toString()}`))
    this.#receiver.on("error", (error) => this.words.push(error.code))
  }

  write(octets: Buffer): void {
    this.#receiver.write(octets)
  }

  /** Once errors have been told. */
  async all(): Promise<string[]> {
    await new Promise((resolve) => setImmediate(resolve))
    return this.words
  }
}

interface Frame {
  first: number
  payload: Buffer
  mask: Buffer | null
}

function octetsOf({ first, payload, mask }: Frame): Buffer {
  const { length } = payload
  const long = length > 0xffff ? 8 : length > 125 ? 2 : 0
  const head = Buffer.alloc(2 + long)
  head[0] = first
  head[1] = (mask === null ? 0 : 0x80) | (long === 8 ? 127 : long === 2 ? 126 : length)
  if (long === 2) head.writeUInt16BE(length, 2)
  if (long === 8) head.writeBigUInt64BE(BigInt(length), 2)
  if (mask === null) return Buffer.concat([head, payload])
  return Buffer.concat([head, mask, payload.map((octet, i) => octet ^ mask[i & 3]!)])
}

/** Feeds `octets` in pieces cut at `cuts`, and tells the memory held at its highest and at the end. */
function assemble(octets: Buffer, cuts: readonly number[], heard: Heard) {
  let held = 0
  let most = 0
  const assembler = new MessageAssembler({
    maxOctets: MAX,
    onHeld: (more) => {
      held += more
      most = Math.max(most, held)
    },
    onTooLarge: () => {},
  })
  const ends = [...new Set(cuts.map((cut) => cut % (octets.length + 1)))].sort((a, b) => a - b)
  let start = 0
  for (const end of [...ends, octets.length]) {
    // As a read: in a buffer that is used for something else afterwards.
    const read = Buffer.from(octets.subarray(start, end))
    for (let at = 0; at < read.length; ) {
      at += assembler.read(read, at, read.length)
      const piece = assembler.take()
      if (piece !== null) heard.write(Buffer.from(piece))
    }
    read.fill(0xee)
    start = end
  }
  return { assembler, held, most }
}

const opcode = fc.constantFrom(0, 0, 0, 1, 2, 8, 9, 10)
const arbitraryFrame = fc.record({
  first: fc.tuple(fc.constantFrom(0, 0, 0x80), opcode).map(([fin, code]) => (code >= 8 ? 0x80 : fin) | code),
  payload: fc
    .oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 8 }) },
      { weight: 2, arbitrary: fc.constantFrom(124, 125, 126, 127, 5000, 65_535, 65_536) },
    )
    .map((length) => Buffer.from(Array.from({ length }, (_, i) => 32 + (i % 90)))),
  mask: fc.oneof(
    {
      weight: 40,
      arbitrary: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((octets) => Buffer.from(octets)),
    },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
})
const wild = fc.record({
  first: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 20 }).map((octets) => Buffer.from(octets)),
  mask: fc.constant(Buffer.from([1, 2, 3, 4])),
})

test("ws hears the same of an assembler as of the octets themselves, however they are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 12, arbitrary: arbitraryFrame }, { weight: 1, arbitrary: wild }), {
        maxLength: 30,
      }),
      fc.array(fc.nat(200_000), { maxLength: 40 }),
      async (frames, cuts) => {
        const octets = Buffer.concat(frames.map(octetsOf))
        const directly = new Heard()
        directly.write(Buffer.from(octets))
        const assembled = new Heard()
        assemble(octets, cuts, assembled)
        expect(await assembled.all()).toEqual(await directly.all())
      },
    ),
    { numRuns: 300 },
  )
})

const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d])
const frame = (first: number, payload: Buffer | string): Buffer =>
  octetsOf({ first, payload: Buffer.from(payload), mask: MASK })

describe("memory", () => {
  test.for([
    ["16,001 fragments of one octet", 16_001, 1, 16_384],
    ["60,000 fragments of one octet", 60_000, 1, 65_536],
    ["60,000 empty fragments", 60_000, 0, 0],
    ["30 fragments of two thousand", 30, 2_000, 65_536],
  ] as const)("of %s is that of their octets", async ([, many, size, most], _t) => {
    const part = frame(0, Buffer.alloc(size, "x"))
    const octets = Buffer.concat([frame(1, ""), ...Array.from({ length: many }, () => part), frame(0x80, "")])
    const heard = new Heard()
    const cuts = Array.from({ length: 1000 }, (_, i) => i * 97)
    const seen = assemble(octets, cuts, heard)
    expect(seen.most).toBeLessThanOrEqual(most)
    expect(seen.held).toBe(0)
    expect(await heard.all()).toEqual([`text ${"x".repeat(many * size)}`])
  })

  test("of what follows the end of a call is none; pings are heard, and the Close", () => {
    let held = 0
    const assembler = new MessageAssembler({
      maxOctets: MAX,
      onHeld: (more) => (held += more),
      onTooLarge: () => {
        throw new Error("a message that is discarded has no size")
      },
    })
    const message = frame(0x81, "x".repeat(5000))
    expect(assembler.read(message, 0, 3000)).toBe(3000)
    expect(held).toBe(4096)
    assembler.discard()
    expect(held).toBe(0)
    const rest = Buffer.concat([
      message.subarray(3000),
      frame(0x82, Buffer.alloc(MAX + 1)),
      frame(2, "half"),
      frame(0x89, "still?"),
      frame(0x88, Buffer.from([3, 232])),
    ])
    const opcodes: number[] = []
    for (let at = 0; at < rest.length; ) {
      at += assembler.read(rest, at, rest.length)
      const piece = assembler.take()
      if (piece !== null) opcodes.push(piece[0]! & 0x0f)
      expect(held).toBe(0)
    }
    expect(opcodes).toEqual([9, 8])
  })
})

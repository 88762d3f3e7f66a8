import fc from "fast-check"
import { expect, test } from "vitest"
import { HeaderList } from "../header-list.ts"
import { HpackDecoder } from "./decoder.ts"
import { HpackEncoder } from "./encoder.ts"

const LIMITS = { maxFields: 1000, maxOctets: 1_000_000 }

const octets = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((octets) => Buffer.from(octets).toString("latin1"))

const name = fc.oneof(
  fc.constantFrom(
    ":method",
    ":path",
    ":status",
    "content-type",
    "authorization",
    "cookie",
    "grpc-timeout",
    "x-a",
    "",
  ),
  octets(12),
)
const value = fc.oneof(
  fc.constantFrom("GET", "POST", "/", "200", "application/grpc", "", "a=1", "x".repeat(200)),
  fc.nat({ max: 40 }).map((n) => `value-${n}`),
  octets(30),
  octets(1500),
)
const field = fc.record({ name, value, never: fc.integer({ min: 0, max: 9 }).map((n) => n === 0) })
const list = fc.array(field, { maxLength: 12 }).map(
  (fields) =>
    new HeaderList(
      fields.flatMap(({ name, value }) => [name, value]),
      new Set(fields.flatMap(({ never }, i) => (never ? [i] : []))),
    ),
)

/** One thing that happens on a connection: a list is sent (any of those so far may be sent again), or the setting changes. */
const step = fc.oneof(
  { weight: 4, arbitrary: list },
  { weight: 12, arbitrary: fc.record({ again: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ tableOctets: fc.constantFrom(0, 31, 40, 100, 256, 1000, 4096, 65_536) }),
  },
)

test("the decoder sees what the encoder was given, and both tables agree, whatever is sent and however they are resized", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const encoder = new HpackEncoder()
      const decoder = new HpackDecoder()
      const sent: HeaderList[] = [new HeaderList([":method", "GET", "x-first", "1"])]
      for (const step of steps) {
        if ("tableOctets" in step) {
          encoder.setPeerMaxTableOctets(step.tableOctets)
          decoder.setMaxTableOctets(step.tableOctets)
          continue
        }
        const list = step instanceof HeaderList ? step : sent[step.again % sent.length]!
        if (list === step) sent.push(list)
        const block = encoder.encode(list)
        const decoded = decoder.decode(block, 0, block.length, LIMITS)
        expect(decoder.fault).toBe("")
        expect(decoded!.fields).toEqual(list.fields)
        expect(decoded!.neverIndexed ?? new Set()).toEqual(list.neverIndexed ?? new Set())
        expect(decoder.tableOctets).toBe(encoder.tableOctets)
      }
    }),
    { numRuns: 500 },
  )
})

test("lists pass any number of hops, a codec pair to each, and come out the same", () => {
  fc.assert(
    fc.property(fc.array(list, { minLength: 1, maxLength: 10 }), (lists) => {
      const hops = Array.from({ length: 3 }, () => ({
        encoder: new HpackEncoder(),
        decoder: new HpackDecoder(),
      }))
      for (const list of [...lists, ...lists, ...lists]) {
        let current = list
        for (const { encoder, decoder } of hops) {
          const block = encoder.encode(current)
          current = decoder.decode(block, 0, block.length, LIMITS)!
        }
        expect(current.fields).toEqual(list.fields)
        expect(current.neverIndexed ?? new Set()).toEqual(list.neverIndexed ?? new Set())
      }
    }),
    { numRuns: 50 },
  )
})

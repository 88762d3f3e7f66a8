import { describe, expect, test } from "vitest"
import { readCheck } from "./check-message.ts"
import { readRate } from "./rate-message.ts"
import { MessageWriter } from "./wire.ts"

/** `HeaderValue`. */
const value = (writer: MessageWriter, name: string): MessageWriter => writer.text(1, name).text(2, "1")

/** So many options of each list that a `CheckResponse` has. */
const CHECKS: Record<string, (count: number) => Uint8Array> = {
  "fields of the request": (count) => ok(count, 2),
  "fields of the answer": (count) => ok(count, 6),
  "fields taken out": (count) =>
    new MessageWriter()
      .message(3, (inner) => {
        for (let i = 0; i < count; i++) inner.text(5, `x-${i}`)
      })
      .finish(),
  "fields of a denial": (count) =>
    new MessageWriter()
      .message(1, (status) => status.number(1, 7))
      .message(2, (denied) => {
        for (let i = 0; i < count; i++)
          denied.message(2, (option) => option.message(1, (field) => value(field, `x-${i}`)))
      })
      .finish(),
}

function ok(count: number, list: number): Uint8Array {
  return new MessageWriter()
    .message(3, (inner) => {
      for (let i = 0; i < count; i++)
        inner.message(list, (option) => option.message(1, (field) => value(field, `x-${i}`)))
    })
    .finish()
}

const RATES: Record<string, number> = { "fields of the answer": 3, "fields of the request": 4 }

// Each is laid over all before it: thousands would hold up every stream.
describe("an answer of so many header changes is none", () => {
  test.for(Object.entries(CHECKS))("CheckResponse: %s", ([, make]) => {
    expect(readCheck(Buffer.from(make(256)))).not.toBeNull()
    expect(readCheck(Buffer.from(make(257)))).toBeNull()
  })

  test.for(Object.entries(RATES))("RateLimitResponse: %s", ([, list]) => {
    const make = (count: number): Buffer => {
      const writer = new MessageWriter().number(1, 1)
      for (let i = 0; i < count; i++) writer.message(list, (field) => value(field, `x-${i}`))
      return Buffer.from(writer.finish())
    }
    expect(readRate(make(256))).not.toBeNull()
    expect(readRate(make(257))).toBeNull()
  })
})

test.each([
  ["text", Buffer.from("Bearer of no message")],
  ["a length beyond the end", Buffer.from([0x1a, 0xff, 0x7f])],
  ["a tag that does not end", Buffer.from(Array(12).fill(0xff))],
  ["a group without an end", Buffer.from([0x0b])],
  ["field 0", Buffer.from([0x00, 0x01])],
  ["a status that is no message", Buffer.from([0x0a, 0x02, 0x08, 0xff])],
])("octets that are no message let no call in: %s", (_, octets) => {
  expect([readCheck(octets), readRate(octets)]).toEqual([null, null])
})

test("a code whose lowest 32 bits are 0 is not OK", () => {
  const answer = new MessageWriter().message(1, (status) => status.number(1, 2 ** 32)).finish()
  expect(readCheck(Buffer.from(answer))).toMatchObject({ kind: "denied", status: 403 })
})

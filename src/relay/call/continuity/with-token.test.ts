import { describe, expect, test } from "vitest"
import { message } from "../../../../test/support/call-bed.ts"
import { WireType } from "../../../grpc/wire-type.ts"
import { TokenScanner } from "./token-scanner.ts"
import { withToken } from "./with-token.ts"

/** A message of gRPC of these octets. */
function framed(body: number[], isCompressed = false): Buffer {
  return Buffer.from([isCompressed ? 1 : 0, 0, 0, body.length >> 8, body.length & 255, ...body])
}
const field = (number: number, text: string): number[] => [number * 8 + 2, text.length, ...Buffer.from(text)]

describe("the first message of a call that goes on from a token", () => {
  const token = { wireType: WireType.LENGTH, octets: Buffer.from("t1") }

  test("has it in its field, and the rest as it was", () => {
    const made = withToken(framed(field(1, "a")), [4], token)
    expect(made).toEqual(framed([...field(1, "a"), ...field(4, "t1")]))
  })

  test("that is empty has nothing else", () => {
    expect(withToken(message(""), [4], token)).toEqual(framed(field(4, "t1")))
  })

  test("is none where it is compressed, or no message", () => {
    expect(withToken(framed(field(1, "a"), true), [4], token)).toBe(null)
    expect(withToken(framed([10, 200, 1]), [4], token)).toBe(null)
  })
})

describe("the resume token of a response", () => {
  const scan = (octets: Buffer, piece = octets.length) => {
    const scanner = new TokenScanner([4])
    const ends: number[] = []
    const around = Buffer.concat([Buffer.from("###"), octets])
    for (let at = 3; at < around.length; ) {
      const to = Math.min(at + piece, around.length)
      const cut = scanner.scan(around, at, to)
      if (cut >= 0) ends.push(cut - 3)
      at = cut < 0 ? to : cut
    }
    const { token } = scanner
    const said = token === undefined ? "unreadable" : token === null ? "none" : token.octets.toString()
    return { ends, said }
  }

  test.each([1, 2, 3, 1000])("is that of the last message, cut into pieces of %i", (piece) => {
    const first = framed([...field(1, "a"), ...field(4, "t1")])
    const second = framed(field(1, "b".repeat(300 - 3)).map((octet) => octet & 127))
    expect(scan(first, piece)).toMatchObject({ said: "t1", ends: [first.length] })
    const both = Buffer.concat([second, first])
    expect(scan(both, piece)).toMatchObject({ said: "t1", ends: [second.length, both.length] })
  })

  test("is none of one without, nor of one that cannot be read", () => {
    expect(scan(framed(field(1, "a"))).said).toBe("none")
    expect(scan(framed(field(4, "t1"), true)).said).toBe("unreadable")
    expect(scan(Buffer.concat([framed(field(4, "t1"), true), framed(field(4, "t2"))])).said).toBe("t2")
  })

  test("an empty message is whole with its prefix", () => {
    expect(scan(framed([])).ends).toEqual([5])
  })

  test("how long the message under way is, is known with its prefix", () => {
    const octets = framed(Array.from({ length: 700 }, () => 0))
    const scanner = new TokenScanner([4])
    const lengths: number[] = [scanner.messageOctets]
    for (let at = 0; at < 6; at++) {
      scanner.scan(octets, at, at + 1)
      lengths.push(scanner.messageOctets)
    }
    expect(lengths).toEqual([0, 0, 0, 0, 0, 705, 705])
    scanner.restart()
    expect(scanner.messageOctets).toBe(0)
    expect(scanner.scan(framed(field(4, "t")), 0, 8)).toBe(8)
    expect(scanner.token!.octets.toString()).toBe("t")
  })
})

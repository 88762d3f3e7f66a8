import fc from "fast-check"
import { expect, test } from "vitest"
import { Base64Decoder } from "./base64-stream.ts"

/** Decodes pieces one after another; null where it is no base64. */
function decode(...pieces: string[]): string | null {
  const decoder = new Base64Decoder()
  const decoded: Buffer[] = []
  for (const piece of pieces) {
    const text = Buffer.from(piece, "latin1")
    const octets = decoder.decode(text, 0, text.length)
    if (octets === null) return null
    decoded.push(Buffer.from(octets))
  }
  const rest = decoder.finish()
  return rest === null ? null : Buffer.concat([...decoded, rest]).toString("latin1")
}

test.each([
  [[""], ""],
  [["Zg=="], "f"],
  [["Zm8="], "fo"],
  [["Zm9v"], "foo"],
  [["Zg"], "f"],
  [["Zm8"], "fo"],
  [["Zg="], "f"],
  [["Zg==", "Zm8=", "Zm9v"], "ffofoo"],
  [["Zg==Zg=="], "ff"],
  [["Z", "m", "9", "v"], "foo"],
  [["Zm9vYg", "==", "YmFy"], "foobbar"],
  [["_-8="], "\xff\xef"],
  [["/+8="], "\xff\xef"],
])("%j is %j", (pieces, octets) => {
  expect(decode(...pieces)).toBe(octets)
})

test.each([[["Z"]], [["Z==="]], [["===="]], [["Zm=v"]], [["Zm9v!"]], [["Zm 9v"]], [["Zm9v\r\n"]]])(
  "%j is no base64",
  (pieces) => {
    expect(decode(...pieces)).toBe(null)
  },
)

test("encodings in any number, cut anywhere, come out whole", () => {
  const run = fc.property(
    fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }),
    fc.array(fc.nat(100), { maxLength: 10 }),
    (messages, cuts) => {
      const text = messages.map((one) => Buffer.from(one).toString("base64")).join("")
      const at = [0, ...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b)
      const pieces = at.slice(1).map((end, i) => text.slice(at[i], end))
      expect(decode(...pieces)).toBe(Buffer.concat(messages).toString("latin1"))
    },
  )
  fc.assert(run, { numRuns: 1000 })
})

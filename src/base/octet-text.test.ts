import { expect, test } from "vitest"
import { cutPercentEncoded } from "./octet-text.ts"

test("text that fits is left as it is", () => {
  expect(cutPercentEncoded("not%20found", 11)).toBe("not%20found")
})

test.for([
  "plain ASCII, nothing to decode, long enough",
  encodeURIComponent("Straße über Größe ß"),
  encodeURIComponent("没有找到没有找到"),
  encodeURIComponent("😀 a 😀😀"),
  "%25%25%25%0A%0A",
])("cut anywhere, %s decodes, to a beginning of what it was", (text) => {
  const whole = decodeURIComponent(text)
  for (let most = 0; most <= text.length; most++) {
    const cut = cutPercentEncoded(text, most)
    expect(cut.length).toBeLessThanOrEqual(most)
    // No more is lost than the character that was cut: at most 12 octets.
    expect(cut.length).toBeGreaterThan(most - 12)
    expect(whole.startsWith(decodeURIComponent(cut))).toBe(true)
  }
})

test("what was no UTF-8 before is cut all the same", () => {
  expect(cutPercentEncoded("%80%80%80%80%80%80", 15)).toBe("%80%80%80%80%80")
  expect(cutPercentEncoded("100%", 3)).toBe("100")
  expect(cutPercentEncoded("a%zzb", 4)).toBe("a%zz")
})

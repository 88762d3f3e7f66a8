/** Below 2^53. */
const DIGITS_MAX = 15

/** The number that `text` is, of digits alone, as a length or a status is written; -1: it is none, or has over 15 of them. */
export function readDigits(text: string): number {
  if (text.length === 0 || text.length > DIGITS_MAX) return -1
  let number = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
  }
  return number
}

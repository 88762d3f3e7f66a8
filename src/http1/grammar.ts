/** RFC 9110 §5.6.2: 1 for the octets that a token may hold, 2 for those among them that are letters in upper case. */
export const tokenOctets = new Uint8Array(256)
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
  tokenOctets[character.charCodeAt(0)] = 1
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZ") tokenOctets[character.charCodeAt(0)] = 2

/** RFC 9110 §5.5: 1 for the octets that a field's value may hold. Control characters but the tab are none of them. */
export const valueOctets = new Uint8Array(256).fill(1, 0x20)
valueOctets[0x09] = 1
valueOctets[0x7f] = 0

/** What a number of hexadecimal digits, RFC 9112 §7.1, may hold: the digit's value; -1 for all else. */
export const hexDigits = new Int8Array(256).fill(-1)
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16)
  hexDigits[text.charCodeAt(0)] = digit
  hexDigits[text.toUpperCase().charCodeAt(0)] = digit
}

export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i)
    if (octet > 0xff || tokenOctets[octet] === 0) return false
  }
  return text.length > 0
}

/** One octet per character: RFC 9110 §5.5. */
export function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i)
    if (octet > 0xff || valueOctets[octet] === 0) return false
  }
  return true
}

/** The elements of a list, in lower case. Of white space only spaces and tabs stand around them: RFC 9110 §5.6.1. */
export function listElements(value: string): string[] {
  return value.split(",").map((each) => each.replace(/^[\t ]+|[\t ]+$/g, "").toLowerCase())
}

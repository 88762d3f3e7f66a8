/**
 * The Huffman code of header strings. Source: RFC 7541 §5.2 and Appendix B.
 *
 * The code is canonical: sorted by length and then by symbol, each code is the one before it plus one. So Appendix B
 * is kept as its 257 code lengths alone, and the tables are built from them when the module loads.
 */

/** Bits in the code of each octet; the last is EOS. RFC 7541 Appendix B, column "len in bits". */
// biome-ignore format: sixteen to a row, as the octets run
const CODE_BITS = new Uint8Array([
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
   6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
   5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
  13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
   7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
  15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,
   6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
])

const EOS = 256
const LONGEST_BITS = 30
/** Codes this short, and pairs that fit in it together, are found by one look into `LOOKUP`. */
const LOOKUP_BITS = 12

/** The padding is longer than 7 bits or not all ones, or the last code is cut off. */
export const HUFFMAN_BAD_PADDING = -1
/** The string holds the EOS symbol. */
export const HUFFMAN_EOS = -2

const CODES = new Uint32Array(257)
/** Symbols by length, then by value: the order in which codes were given out. */
const BY_CODE: number[] = []
/** For each length: the first 30-bit window (code, then anything) that is past the codes of that length. */
const WINDOW_LIMITS = new Float64Array(LONGEST_BITS + 1)
/** For each length: its first code, and where its symbols start in `BY_CODE`. */
const FIRST_CODES = new Uint32Array(LONGEST_BITS + 1)
const FIRST_SYMBOLS = new Uint16Array(LONGEST_BITS + 1)
/**
 * By the next 12 bits: first symbol (bits 0–7), second (8–15), bits of the first (16–19), bits of both (20–23),
 * whether there are two (24). Zero: the code is longer than 12 bits.
 */
const LOOKUP = new Uint32Array(1 << LOOKUP_BITS)

let nextCode = 0
for (let bits = 1; bits <= LONGEST_BITS; bits++) {
  nextCode <<= 1
  FIRST_CODES[bits] = nextCode
  FIRST_SYMBOLS[bits] = BY_CODE.length
  for (let symbol = 0; symbol <= EOS; symbol++) {
    if (CODE_BITS[symbol] !== bits) continue
    CODES[symbol] = nextCode++
    BY_CODE.push(symbol)
  }
  WINDOW_LIMITS[bits] = nextCode * 2 ** (LONGEST_BITS - bits)
}

// Each of the 37 codes of up to 12 bits covers a run of windows; the second symbol is one among few, so this is quick.
const SHORT_SYMBOLS = BY_CODE.filter((symbol) => CODE_BITS[symbol]! <= LOOKUP_BITS)
for (const first of SHORT_SYMBOLS) {
  const firstBits = CODE_BITS[first]!
  const restBits = LOOKUP_BITS - firstBits
  for (let rest = 0; rest < 1 << restBits; rest++) {
    LOOKUP[(CODES[first]! << restBits) | rest] = (firstBits << 20) | (firstBits << 16) | first
  }
  for (const second of SHORT_SYMBOLS) {
    const bits = firstBits + CODE_BITS[second]!
    if (bits > LOOKUP_BITS) continue
    const pair = (CODES[first]! << CODE_BITS[second]!) | CODES[second]!
    for (let rest = 0; rest < 1 << (LOOKUP_BITS - bits); rest++) {
      LOOKUP[(pair << (LOOKUP_BITS - bits)) | rest] =
        (1 << 24) | (bits << 20) | (firstBits << 16) | (second << 8) | first
    }
  }
}

/** Most octets that `octets` of Huffman code can stand for: no code is shorter than 5 bits. */
export function mostHuffmanSymbols(octets: number): number {
  return Math.floor((octets * 8) / 5)
}

/**
 * Decodes `source[start, end)` into `target` from its first octet on, which must have room for `mostHuffmanSymbols`.
 *
 * @returns the number of octets written, or one of the negative constants above.
 */
export function decodeHuffman(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let written = 0
  let position = start
  // The low `pending` bits of `bits` are read and not yet decoded; what lies above them is stale.
  let bits = 0
  let pending = 0
  for (;;) {
    if (pending < LOOKUP_BITS) {
      if (position + 1 < end) {
        bits = (bits << 16) | (source[position]! << 8) | source[position + 1]!
        position += 2
        pending += 16
      } else if (position < end) {
        bits = (bits << 8) | source[position++]!
        pending += 8
      }
      if (pending < LOOKUP_BITS) break
    }
    const entry = LOOKUP[(bits >>> (pending - LOOKUP_BITS)) & 0xfff]!
    if (entry !== 0) {
      target[written++] = entry
      if (entry >= 1 << 24) target[written++] = entry >>> 8
      pending -= (entry >>> 20) & 15
      continue
    }
    const bitPosition = position * 8 - pending
    const symbol = longSymbol(source, bitPosition, end)
    if (symbol === EOS) return HUFFMAN_EOS
    if (symbol < 0) return HUFFMAN_BAD_PADDING
    target[written++] = symbol
    const next = bitPosition + CODE_BITS[symbol]!
    position = next >>> 3
    pending = 0
    if ((next & 7) !== 0) {
      bits = source[position++]!
      pending = 8 - (next & 7)
    }
  }
  return decodeTail(bits, pending, target, written)
}

/** The last 0–11 bits: short codes, then a padding of up to 7 ones. */
function decodeTail(bits: number, pending: number, target: Uint8Array, written: number): number {
  while (pending > 0) {
    const ones = LOOKUP_BITS - pending
    const entry = LOOKUP[((bits << ones) | ((1 << ones) - 1)) & 0xfff]!
    const firstBits = (entry >>> 16) & 15
    if (entry === 0 || firstBits > pending) break
    target[written++] = entry
    pending -= firstBits
  }
  const padding = (1 << pending) - 1
  return pending <= 7 && (bits & padding) === padding ? written : HUFFMAN_BAD_PADDING
}

/** The symbol of more than 12 bits at `bitPosition`, EOS included; -1 when it runs past the end. */
function longSymbol(source: Uint8Array, bitPosition: number, end: number): number {
  const first = bitPosition >>> 3
  const skip = bitPosition & 7
  let window = 0
  for (let i = first; i < first + 4; i++) window = (window << 8) | (i < end ? source[i]! : 0xff)
  const last = first + 4 < end ? source[first + 4]! : 0xff
  window = ((window << skip) | (last >>> (8 - skip))) >>> 2
  let length = LOOKUP_BITS + 1
  while (window >= WINDOW_LIMITS[length]!) length++
  if (bitPosition + length > end * 8) return -1
  const code = window >>> (LONGEST_BITS - length)
  return BY_CODE[FIRST_SYMBOLS[length]! + code - FIRST_CODES[length]!]!
}

/**
 * Writes `text` in Huffman code if that takes at most `most` octets. The target must have room for eight more: a longer
 * code is given up a little late.
 *
 * @returns the position after it, or -1 when the code is longer than `most`.
 */
export function encodeHuffman(text: string, target: Uint8Array, position: number, most: number): number {
  const limit = position + most
  let bits = 0
  let pending = 0
  for (let i = 0; i < text.length; i++) {
    const octet = octetAt(text, i)
    const length = CODE_BITS[octet]!
    if (length > 15) {
      // Up to 15 bits wait: a longer code would push them out of the 32, so it goes in two halves.
      bits = (bits << (length - 15)) | (CODES[octet]! >>> 15)
      pending += length - 15
      while (pending >= 8) target[position++] = bits >>> (pending -= 8)
      bits = (bits << 15) | (CODES[octet]! & 0x7fff)
      pending += 15
    } else {
      bits = (bits << length) | CODES[octet]!
      pending += length
    }
    if (pending >= 16) {
      target[position] = bits >>> (pending - 8)
      target[position + 1] = bits >>> (pending -= 16)
      position += 2
      if (position > limit) return -1
    }
  }
  if (pending >= 8) target[position++] = bits >>> (pending -= 8)
  if (pending > 0) target[position++] = (bits << (8 - pending)) | (0xff >>> pending)
  return position > limit ? -1 : position
}

/**
 * The octet that character `i` of a header string stands for. Strings hold one octet per character; should a caller
 * bring a character above U+00FF it becomes `?`, for to cut it to its low octet could make a CR or LF of it.
 */
export function octetAt(text: string, i: number): number {
  const unit = text.charCodeAt(i)
  return unit > 0xff ? 0x3f : unit
}

/**
 * HPACK's Huffman code. It is canonical: the code follows from the lengths alone, so only they are listed.
 * Source: RFC 7541 §5.2, Appendix B.
 */
const END_OF_STRING = 256

/** Bits of the code of symbols 0 to 256, as runs of [length, how many symbols in a row]. */
const RUNS = `13 1,23 1,28 7,24 1,30 1,28 2,30 1,28 8,30 1,28 9,6 1,10 2,12 1,13 1,6 1,8 1,11 1,10 2,8 1,11 1,8 1,6 3,5 3,
6 7,7 1,8 1,15 1,6 1,12 1,10 1,13 1,6 1,7 22,8 1,7 1,8 1,13 1,19 1,13 1,14 1,6 1,15 1,5 1,6 1,5 1,6 1,5 1,6 3,5 1,7 2,6 3,
5 1,6 1,7 1,6 1,5 2,6 1,7 5,15 1,11 1,14 1,13 1,28 1,20 1,22 1,20 2,22 3,23 1,22 1,23 5,24 1,23 1,24 2,22 1,23 1,24 1,23 4,
21 1,22 1,23 1,22 1,23 2,24 1,22 1,21 1,20 1,22 2,23 2,21 1,23 1,22 2,24 1,21 1,22 1,23 2,21 2,22 1,21 1,23 1,22 1,23 2,
20 1,22 3,23 1,22 2,23 1,26 2,20 1,19 1,22 1,23 1,22 1,25 1,26 3,27 2,26 1,24 1,25 1,19 1,21 1,26 1,27 2,26 1,27 1,24 1,
21 2,26 2,28 1,27 3,20 1,24 1,20 1,21 1,22 1,21 2,23 1,22 2,25 2,24 2,26 1,23 1,26 1,27 1,26 2,27 5,28 1,27 5,26 1,30 1`

export const CODE_LENGTHS: readonly number[] = RUNS.split(",").flatMap((run) => {
  const [bits, times] = run.trim().split(" ").map(Number)
  return Array.from({ length: times! }, () => bits!)
})

/** Per code length: the first code, and the symbols in code order. */
const byLength = buildCodes()

function buildCodes(): { first: number; symbols: number[] }[] {
  const levels: { first: number; symbols: number[] }[] = []
  let code = 0
  for (let bits = 0; bits <= 30; bits++) {
    const symbols = CODE_LENGTHS.flatMap((length, symbol) => (length === bits ? [symbol] : []))
    levels.push({ first: code, symbols })
    code = (code + symbols.length) * 2
  }
  return levels
}

export function decodeHuffman(bytes: Buffer, from: number, to: number): string {
  let text = ""
  let code = 0
  let bits = 0
  for (let at = from; at < to; at++) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((bytes[at]! >> bit) & 1)
      bits++
      const level = byLength[bits]
      if (level === undefined) throw new Error("Huffman code is too long")
      const symbol = level.symbols[code - level.first]
      if (symbol === undefined) continue
      if (symbol === END_OF_STRING) throw new Error("Huffman string holds EOS")
      text += String.fromCharCode(symbol)
      code = 0
      bits = 0
    }
  }
  return text
}

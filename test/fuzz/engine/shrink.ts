const TRIES_MAX = 600

/**
 * A smaller input of which `isAlike` still holds: parts are left out, halves first and single octets last, as
 * long as that helps, then octets are made plain. Tries some thousand inputs at most.
 */
export async function shrink(octets: Buffer, isAlike: (octets: Buffer) => Promise<boolean>): Promise<Buffer> {
  let smallest = octets
  let tries = 0
  const isSmaller = async (candidate: Buffer): Promise<boolean> => {
    if (tries++ >= TRIES_MAX || !(await isAlike(candidate))) return false
    smallest = candidate
    return true
  }
  for (let before = -1; before !== smallest.length; ) {
    before = smallest.length
    for (let length = 2 ** Math.floor(Math.log2(before)); length >= 1; length /= 2)
      for (let at = 0; at + length <= smallest.length; ) {
        const without = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + length)])
        if (!(await isSmaller(without))) at += length
      }
  }
  for (let at = 0; at < smallest.length; at++)
    for (const plain of [0, 0x61]) {
      if (smallest[at] === 0 || smallest[at] === plain) break
      const plainer = Buffer.from(smallest)
      plainer[at] = plain
      if (await isSmaller(plainer)) break
    }
  return smallest
}

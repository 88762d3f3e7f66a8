/** Far above what a core has of its own, and what the smaller pages of its address tables reach. */
const OCTETS = 64 << 20
const READS = 1_000_000

/**
 * How far away memory is just now: makes a walk through 64 MiB on which every read must wait for the one before, and returns
 * what takes it, in nanoseconds a read. A virtual machine's neighbours and its page tables show in it. They cost a program
 * whose code and data are larger than its core's cache much, and one that fits hardly anything.
 */
export function memoryProbe(): () => number {
  const next = randomCycle(OCTETS / Uint32Array.BYTES_PER_ELEMENT)
  let at = 0
  return () => {
    const began = process.hrtime.bigint()
    for (let i = 0; i < READS; i++) at = next[at]!
    return Number(process.hrtime.bigint() - began) / READS
  }
}

/** One cycle through all places in random order (Sattolo's shuffle): element `i` says what follows `i`. */
export function randomCycle(length: number): Uint32Array {
  const next = Uint32Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * i)
    const kept = next[i]!
    next[i] = next[other]!
    next[other] = kept
  }
  return next
}

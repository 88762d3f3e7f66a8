/** To call `Buffer.copy` takes as long as so many octets one by one. */
const FEW_OCTETS = 24

/** Copies `from[start, end)` to `to` at `at`, where there is room for them. Heads that repeat are some ten octets. */
export function copyOctets(from: Buffer, start: number, end: number, to: Buffer, at: number): void {
  if (end - start > FEW_OCTETS) from.copy(to, at, start, end)
  else for (let i = start, next = at; i < end; i++, next++) to[next] = from[i]!
}

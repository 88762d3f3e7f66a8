import type { Template } from "../template.ts"
import type { Variable } from "../variables.ts"

/** `$name` of nginx's `split_clients`: the part that the MurmurHash2 of the source falls into. */
export function splitVariable(
  { source, parts }: { source: string; parts: readonly [percent: number | null, value: string][] },
  template: (source: string) => Template,
): Variable {
  const key = template(source)
  const bounds: { below: number; value: string }[] = []
  let sum = 0
  let last = 0
  for (const [percent, value] of parts) {
    const hundredths = percent === null ? 10_000 - sum : Math.round(percent * 100)
    sum += hundredths
    last += Number((BigInt(hundredths) * 0xffff_ffffn) / 10_000n)
    bounds.push({ below: sum >= 10_000 ? Number.POSITIVE_INFINITY : last, value: octets(value) })
  }
  return (record, env) => {
    const hash = murmurHash2(key.render(record, env))
    return bounds.find(({ below }) => hash < below)?.value ?? ""
  }
}

function octets(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}

const M = 0x5bd1e995

/** Austin Appleby's MurmurHash2 of octets, seed 0, as nginx has it: 32 bits, unsigned. */
export function murmurHash2(text: string): number {
  let h = text.length
  let at = 0
  const at8 = (i: number): number => text.charCodeAt(i) & 0xff
  for (; text.length - at >= 4; at += 4) {
    let k = at8(at) | (at8(at + 1) << 8) | (at8(at + 2) << 16) | (at8(at + 3) << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    h = Math.imul(h, M) ^ Math.imul(k, M)
  }
  const left = text.length - at
  if (left >= 3) h ^= at8(at + 2) << 16
  if (left >= 2) h ^= at8(at + 1) << 8
  if (left >= 1) h = Math.imul(h ^ at8(at), M)
  h ^= h >>> 13
  h = Math.imul(h, M)
  return (h ^ (h >>> 15)) >>> 0
}

import type { BufferBudget } from "../http2/buffer-budget.ts"
import type { HeaderList } from "../http2/header-list.ts"

/** Nearly all lists are smaller, and streams are bounded in number: no more than this goes uncounted for one. */
const UNCOUNTED_OCTETS = 4096

/** What a list that a stream keeps for as long as it lives adds to what is held. */
export function keptOctets(list: HeaderList | null): number {
  return list === null || list.octets <= UNCOUNTED_OCTETS ? 0 : list.octets
}

/** Counts a list that one more stream keeps. Streams that repeat a head share its list, which is held once. */
export function keepList(list: HeaderList, budget: BufferBudget): void {
  const octets = keptOctets(list)
  if (octets > 0 && list.keepers++ === 0) budget.add(octets)
}

/** The stream is over. */
export function dropList(list: HeaderList | null, budget: BufferBudget): void {
  const octets = keptOctets(list)
  if (octets > 0 && --list!.keepers === 0) budget.add(-octets)
}

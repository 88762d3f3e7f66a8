import type { BufferBudget } from "../../http2/buffer-budget.ts"
import type { HeaderList } from "../../http2/header-list.ts"

/** Nearly all lists are smaller, and streams are bounded in number: no more than this goes uncounted for one. */
const UNCOUNTED_OCTETS = 4096

const isCounted = (list: HeaderList): boolean => list.octets > UNCOUNTED_OCTETS

/** One stream's part of a list that it holds: ending the stream frees no more. */
export function heldOctets(list: HeaderList | null): number {
  return list === null || !isCounted(list) ? 0 : list.octets / Math.max(1, list.refCount)
}

/** Counts a list that one more stream holds. Streams that repeat a head share its list, which is held once. */
export function holdHeaders(list: HeaderList, budget: BufferBudget): void {
  if (isCounted(list) && list.refCount++ === 0) budget.add(list.octets)
}

/** The stream is over. */
export function releaseHeaders(list: HeaderList | null, budget: BufferBudget): void {
  if (list !== null && isCounted(list) && --list.refCount === 0) budget.add(-list.octets)
}

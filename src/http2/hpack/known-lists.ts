import type { HeaderList } from "../header-list.ts"

const SLOTS = 64
/** Larger lists are not shared: peers choose them, and no budget counts what is kept here. */
const LIST_OCTETS_MAX = 4096

/**
 * Lists that several connections of a side have sent: one object for all that are equal. What each connection had of its
 * own would pass by what the steps behind remember of lists: of 100 connections that make one call after the other, each
 * head was rewritten and encoded anew, a fifth of what a call costs.
 */
export class KnownLists {
  /** By the lists' octets, which are the same for equal lists. */
  readonly #lists = new Array<HeaderList | undefined>(SLOTS).fill(undefined)

  /** The list equal to `list` that came before it; else `list`, for those that come after. */
  share(list: HeaderList): HeaderList {
    if (list.octets > LIST_OCTETS_MAX || list.neverIndexed !== null) return list
    const slot = list.octets % SLOTS
    const known = this.#lists[slot]
    if (known !== undefined && hasSameFields(known, list)) return known
    this.#lists[slot] = list
    return list
  }
}

function hasSameFields({ fields }: HeaderList, other: HeaderList): boolean {
  if (fields.length !== other.fields.length) return false
  for (let i = 0; i < fields.length; i++) if (fields[i] !== other.fields[i]) return false
  return true
}

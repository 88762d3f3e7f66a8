import type { HeaderList } from "./header-list.ts"
import {
  type Malformed,
  type RequestHead,
  type ResponseHead,
  readRequestHead,
  readResponseHead,
} from "./message-head.ts"

const SLOTS = 32

/**
 * Heads already read. The HPACK decoder gives repeated blocks back as the very same list, so checking it once is enough;
 * on unary calls this saves more than the decoding does. Bounded: one list a slot, the newest stays.
 */
export class MessageHeads {
  #requests: (RequestHead | undefined)[] | null = null
  #responses: (ResponseHead | undefined)[] | null = null

  request(list: HeaderList): RequestHead | Malformed {
    this.#requests ??= new Array<RequestHead | undefined>(SLOTS).fill(undefined)
    const slot = list.id % SLOTS
    const known = this.#requests[slot]
    if (known !== undefined && known.list === list) return known
    const head = readRequestHead(list)
    if (typeof head !== "string") this.#requests[slot] = head
    return head
  }

  response(list: HeaderList): ResponseHead | Malformed {
    this.#responses ??= new Array<ResponseHead | undefined>(SLOTS).fill(undefined)
    const slot = list.id % SLOTS
    const known = this.#responses[slot]
    if (known !== undefined && known.list === list) return known
    const head = readResponseHead(list)
    if (typeof head !== "string") this.#responses[slot] = head
    return head
  }
}

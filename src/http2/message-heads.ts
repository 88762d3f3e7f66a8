import type { HeaderList } from "./header-list.ts"
import {
  type Malformed,
  type RequestHead,
  type ResponseHead,
  readRequestHead,
  readResponseHead,
  readTrailers,
} from "./message-head.ts"

/*
 * Heads are read once per list and stay with it. The HPACK decoder gives repeated blocks back as the very same list; on
 * unary calls this saves more than the decoding does. A list comes from one decoder, and so from one side only.
 */

export function requestHeadOf(list: HeaderList): RequestHead | Malformed {
  if (list.head !== null) return list.head as RequestHead
  const head = readRequestHead(list)
  if (typeof head !== "string") list.head = head
  return head
}

export function responseHeadOf(list: HeaderList): ResponseHead | Malformed {
  if (list.head !== null) return list.head as ResponseHead
  const head = readResponseHead(list)
  if (typeof head !== "string") list.head = head
  return head
}

/** The trailers to send on: remembered where they are the list itself. */
export function trailersOf(list: HeaderList, isResponse: boolean): HeaderList | Malformed {
  if (list.areTrailers) return list
  const trailers = readTrailers(list, isResponse)
  if (trailers === list) list.areTrailers = true
  return trailers
}

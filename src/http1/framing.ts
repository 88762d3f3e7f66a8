import { readDigits } from "../http2/digits.ts"

import { listElements } from "./grammar.ts"

/** What a message says of the length of its body. */
export interface Framing {
  /** Octets; -1: not said. */
  readonly contentLength: number
  readonly isChunked: boolean
  /** It has a transfer coding other than chunked, which cannot be taken off. */
  readonly hasUnknownCoding: boolean
}

const NOTHING_SAID: Framing = { contentLength: -1, isChunked: false, hasUnknownCoding: false }
const CHUNKED: Framing = { contentLength: -1, isChunked: true, hasUnknownCoding: false }
const UNKNOWN: Framing = { contentLength: -1, isChunked: false, hasUnknownCoding: true }

/**
 * Reads how a message is framed from its fields, names and values in turn. A string says why that has more than one meaning:
 * a length that is not one number, said once; a length and a coding; chunked that is not the last coding, or is there twice.
 *
 * Source: RFC 9112 §6, stricter where it leaves a choice.
 */
export function readFraming(fields: readonly string[]): Framing | string {
  let length: string | null = null
  let coding: string | null = null
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name === "content-length") {
      if (length !== null) return "content-length stands there twice"
      length = fields[i + 1]!
    } else if (name === "transfer-encoding")
      coding = coding === null ? fields[i + 1]! : `${coding}, ${fields[i + 1]!}`
  }
  if (coding !== null) return length === null ? framingOfCoding(coding) : "it says a length and a coding"
  if (length === null) return NOTHING_SAID
  const contentLength = readDigits(length)
  if (contentLength < 0) return "content-length is not one number"
  return { contentLength, isChunked: false, hasUnknownCoding: false }
}

function framingOfCoding(coding: string): Framing | string {
  if (coding === "chunked") return CHUNKED
  const codings = listElements(coding)
  const first = codings.indexOf("chunked")
  if (first < 0) return UNKNOWN
  if (first < codings.length - 1) return "chunked is not its last transfer coding"
  return codings.length === 1 ? CHUNKED : UNKNOWN
}

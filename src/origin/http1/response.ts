import { HeaderList } from "../../http2/header-list.ts"
import type { ResponseHead } from "../../http2/message-head.ts"

/** Fields that concern one connection: RFC 9110 §7.6.1. */
const HOP_BY_HOP = new Set([
  ...["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"],
])

const NO_CONTENT = 204

/** What `connection` says most: none of it names a field of the response's. */
const PLAIN_OPTIONS = new Set(["keep-alive", "close", "upgrade"])

/** What a response's head says of its connection. */
export interface ConnectionOptions {
  readonly closes: boolean
  readonly keepsAlive: boolean
  /** The protocol that it switches to, where it says so in both fields; empty: none. */
  readonly upgrade: string
}

/** The options that `connection` says, in lower case; null: none. */
function optionsOf(fields: readonly string[]): string[] | null {
  let options: string[] | null = null
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== "connection") continue
    options ??= []
    for (const option of fields[i + 1]!.split(",")) options.push(option.trim().toLowerCase())
  }
  return options
}

const NO_OPTIONS: ConnectionOptions = { closes: false, keepsAlive: false, upgrade: "" }

export function connectionOptions(fields: readonly string[]): ConnectionOptions {
  const options = optionsOf(fields)
  if (options === null) return NO_OPTIONS
  return {
    closes: options.includes("close"),
    keepsAlive: options.includes("keep-alive"),
    upgrade: options.includes("upgrade") ? (new HeaderList(fields).get("upgrade") ?? "") : "",
  }
}

/** The head of a response in the terms of HTTP/2: its fields, names in lower case, without those of the connection. */
export function originHead(status: number, fields: readonly string[], contentLength: number): ResponseHead {
  const kept = endToEnd([":status", String(status)], fields)
  const isLengthless = status < 200 || status === NO_CONTENT
  return {
    list: new HeaderList(isLengthless ? lengthless(kept) : kept),
    status,
    contentLength: isLengthless ? -1 : contentLength,
  }
}

/** The head that switches protocols, with the fields that say so. */
export function switchHead(fields: readonly string[], upgrade: string): ResponseHead {
  const told = endToEnd([":status", "101", "connection", "upgrade", "upgrade", upgrade], fields)
  return { list: new HeaderList(lengthless(told)), status: 101, contentLength: -1 }
}

/** The head of a response whose body is not there. */
export function withoutLength({ list, status }: ResponseHead): ResponseHead {
  return { list: new HeaderList(lengthless(list.fields)), status, contentLength: -1 }
}

/** Where a length has no meaning, a client might find one: RFC 9110 §8.6. */
function lengthless(told: readonly string[]): readonly string[] {
  if (!told.includes("content-length")) return told
  const kept: string[] = []
  for (let i = 0; i < told.length; i += 2) if (told[i] !== "content-length") kept.push(told[i]!, told[i + 1]!)
  return kept
}

/** Trailers without what concerns the connection. */
export function originTrailers(fields: readonly string[]): HeaderList {
  return new HeaderList(endToEnd([], fields))
}

/** Appends to `kept` the fields that do not concern the connection. */
function endToEnd(kept: string[], fields: readonly string[]): string[] {
  const named = optionsOf(fields)?.filter((option) => !PLAIN_OPTIONS.has(option)) ?? null
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (!HOP_BY_HOP.has(name) && named?.includes(name) !== true) kept.push(name, fields[i + 1]!)
  }
  return kept
}

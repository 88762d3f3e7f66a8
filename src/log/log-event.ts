import type { LogLevel } from "../config/model.ts"

/** What operators are told of as it happens: the kinds of `/events`. */
export type EventKind =
  | "start"
  | "reload"
  | "ejection"
  | "back"
  | "health"
  | "drain"
  | "membership"
  | "balance"
  | "limit"
  | "thread"
  | "upgrade"
  | "stop"
  | "order"

export interface LogEvent {
  readonly kind: EventKind
  readonly level: LogLevel
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Which messages of the log are events. What no row knows is the log's alone. */
const KINDS: Readonly<Record<string, EventKind>> = {
  order: "order",
  listening: "start",
  "endpoints changed": "membership",
  "cluster is out of balance, streams move": "balance",
  "cluster is in balance again": "balance",
  "endpoint drains by order": "drain",
  "endpoint takes streams again by order": "drain",
  "listener drains by order": "drain",
  "listener takes clients again by order": "drain",
  "endpoint has another weight by order": "order",
  "stream ended by order": "order",
  "stream moves by order": "order",
  "streams move by order": "order",
  draining: "stop",
  stopped: "stop",
  "stopping at once": "stop",
  "configuration reloaded": "reload",
  "cannot reload; the old configuration stays": "reload",
  "the configuration has errors; the old one stays": "reload",
  "the configuration has warnings, and --strict lets none pass; the old one stays": "reload",
  "changed settings that hold from the next start only": "reload",
  "endpoint is ejected": "ejection",
  "endpoint is back": "back",
  "a data thread died; its streams are lost, and another takes its place": "thread",
  "a data thread listens again": "thread",
  "a data thread cannot start; tried again": "thread",
  "starting the new version": "upgrade",
  "the new version listens; this one ends": "upgrade",
  "the new version does not start; this one goes on": "upgrade",
  "stream ended to free memory": "limit",
  "connection ended to free memory": "limit",
  "caught up, no new stream is refused any more": "limit",
  "certificates read again": "reload",
  "certificates changed and cannot be used; the old ones stay": "reload",
}

/** Null: no event. */
export function eventKindOf(message: string): EventKind | null {
  if (Object.hasOwn(KINDS, message)) return KINDS[message]!
  return message.startsWith("limit reached: ") ? "limit" : null
}

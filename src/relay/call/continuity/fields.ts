/** The fields of Stream Continuity 0.1 as they stand in heads and trailers: docs/stream-continuity.md. */
import { HeaderList } from "../../../http2/header-list.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"

const PREFIX = "continuity-"
/** Of a session's name, and of a reason. */
export const TOKEN_OCTETS_MAX = 4096

/** What of the protocol a backend takes part in. */
export interface Accepts {
  readonly handoff: boolean
  readonly resume: boolean
  /** The method has one request: a leg that goes on is sent it at once, before its head. */
  readonly oneRequest: boolean
}

/** What a backend says in a head or in trailers. */
export interface BackendSays {
  /** Null: it says nothing of continuity. */
  readonly accepts: Accepts | null
  /** Null: none. */
  readonly session: string | null
  /** Whole client messages; null: not said; -1: said so that it cannot be read. */
  readonly received: number | null
  /** Null: it does not refuse. */
  readonly refuses: string | null
  readonly isHandoff: boolean
}

/** What a proxy says of a leg. */
export interface LegSays {
  /** 128 random bits in hex, the same on all legs of a call. */
  readonly call: string
  readonly leg: number
  readonly offer: string
  /** Null: the leg begins at the call's beginning. */
  readonly goesOn: {
    readonly session: string | null
    readonly delivered: number
    /** The first client message that can be sent again, counted from 1. */
    readonly holds: number
  } | null
  /** What remains of the call's deadline; null: as the client said it. */
  readonly timeoutMs: number | null
}

/** The client is a proxy of its own to this call, where the route trusts it with that: all fields pass, both ways. */
export function keepsItsStreams({ config }: ContinuityPlan, list: HeaderList): boolean {
  return config.clients === "trusted" && list.get("continuity-offer") !== undefined
}

const isContinuity = (name: string): boolean => name.startsWith(PREFIX)

/** What was made of lists: a backend that says the same again has the same list. */
const stripped = new WeakMap<HeaderList, HeaderList>()

/** The same list without such fields; the very same where it has none. They are never passed on. */
export function withoutContinuity(list: HeaderList): HeaderList {
  const { fields } = list
  for (let i = 0; i < fields.length; i += 2) if (isContinuity(fields[i]!)) return strip(list)
  return list
}

function strip(list: HeaderList): HeaderList {
  const known = stripped.get(list)
  if (known !== undefined) return known
  const rest = kept(list, isContinuity)
  stripped.set(list, rest)
  return rest
}

function kept(list: HeaderList, isDropped: (name: string) => boolean): HeaderList {
  const fields: string[] = []
  const neverIndexed = new Set<number>()
  for (let i = 0; i < list.fields.length; i += 2) {
    if (isDropped(list.fields[i]!)) continue
    if (list.neverIndexed?.has(i / 2)) neverIndexed.add(fields.length / 2)
    fields.push(list.fields[i]!, list.fields[i + 1]!)
  }
  return new HeaderList(fields, neverIndexed.size > 0 ? neverIndexed : null)
}

/** The head of a leg: without what the client says of continuity, with what the proxy does. */
export function legHead(list: HeaderList, says: LegSays): HeaderList {
  const { call, leg, offer, goesOn, timeoutMs } = says
  // What a later leg is sent is not all that the client has said the length of.
  const isDropped = (name: string) =>
    isContinuity(name) ||
    (timeoutMs !== null && name === "grpc-timeout") ||
    (leg > 0 && name === "content-length")
  const rest = kept(list, isDropped)
  const fields = [...rest.fields]
  const neverIndexed = new Set(rest.neverIndexed)
  const add = (name: string, value: string): void => {
    // Each is another, or a secret: no table is to hold them.
    neverIndexed.add(fields.length / 2)
    fields.push(name, value)
  }
  if (timeoutMs !== null) add("grpc-timeout", timeoutText(timeoutMs))
  add("continuity-call", call)
  fields.push("continuity-leg", String(leg), "continuity-offer", offer)
  if (goesOn !== null) {
    if (goesOn.session !== null) add("continuity-session", goesOn.session)
    add("continuity-delivered", String(goesOn.delivered))
    add("continuity-holds", String(goesOn.holds))
  }
  return new HeaderList(fields, neverIndexed)
}

/** At most eight digits: PROTOCOL-HTTP2.md, "Timeout". */
function timeoutText(ms: number): string {
  const left = Math.max(1, Math.floor(ms))
  return left < 100_000_000 ? `${left}m` : `${Math.min(99_999_999, Math.floor(left / 1000))}S`
}

const SILENT: BackendSays = { accepts: null, session: null, received: null, refuses: null, isHandoff: false }
/** A handoff that says no more than that it is one: the session is the one given before. */
const PLAIN_HANDOFF: ReadonlySet<string> = new Set(["", "1", "true"])

/** Reads a backend's head or trailers. What is said twice, or is too long, cannot be read. */
export function readBackend(list: HeaderList): BackendSays {
  const { fields } = list
  let says: { -readonly [Name in keyof BackendSays]: BackendSays[Name] } | null = null
  let handoff: string | null = null
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (!isContinuity(name)) continue
    const value = fields[i + 1]!
    says ??= { ...SILENT }
    switch (name.slice(PREFIX.length)) {
      case "accept":
        says.accepts = readAccept(value)
        break
      case "session":
        if (isToken(value)) says.session = value
        break
      case "received":
        says.received = says.received === null && /^\d{1,15}$/.test(value) ? Number(value) : -1
        break
      case "refuse":
        says.refuses = value
        break
      case "handoff":
        says.isHandoff = true
        handoff = value
        break
    }
  }
  if (says === null) return SILENT
  if (handoff !== null && says.session === null && !PLAIN_HANDOFF.has(handoff) && isToken(handoff))
    says.session = handoff
  return says
}

/** The backend that says so takes part in the protocol itself. */
export function takesPart({ accepts }: BackendSays): boolean {
  return accepts !== null && (accepts.handoff || accepts.resume)
}

const isToken = (value: string): boolean => value.length > 0 && value.length <= TOKEN_OCTETS_MAX

function readAccept(value: string): BackendSays["accepts"] {
  const words = value.split(",").map((word) => word.trim().toLowerCase())
  return {
    handoff: words.includes("handoff"),
    resume: words.includes("resume"),
    oneRequest: words.includes("one-request"),
  }
}

/** Trailers-Only as trailers, for a client that has a head. */
export function trailersOf(list: HeaderList): HeaderList {
  return kept(list, (name) => name === ":status" || name === "content-type")
}

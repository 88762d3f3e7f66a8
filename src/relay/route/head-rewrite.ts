import type { RouteSettings } from "../../config/model.ts"
import { isGrpcContentType } from "../../grpc/status.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { RequestState } from "../../record/request-state.ts"
import { escapeUri } from "../../record/uri.ts"
import { builtIn, type VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { isAuthority, isWritableTe } from "../../record/written-field.ts"
import { bareTarget } from "./bare-target.ts"
import { Charset } from "./charset.ts"
import { Expires } from "./expires.ts"
import { without } from "./without-fields.ts"
import { type WrittenField, writtenField } from "./written-field.ts"

const SLOTS = 32
/** Larger lists are not remembered: clients choose them, and no budget counts what is kept here. */
const LIST_OCTETS_MAX = 4096

/** Of all memories that have nothing to remember yet: most routes of thousands. */
const NOTHING: (HeaderList | undefined)[] = new Array<HeaderList | undefined>(SLOTS).fill(undefined)

/** Remembers what a list became, so that the HPACK encoder meets the same list again. Bounded: one entry a slot. */
class RewriteMemory {
  #from = NOTHING
  #to = NOTHING

  get(from: HeaderList): HeaderList | undefined {
    const slot = from.id % SLOTS
    return this.#from[slot] === from ? this.#to[slot] : undefined
  }

  set(from: HeaderList, to: HeaderList): void {
    if (from.octets > LIST_OCTETS_MAX) return
    if (this.#from === NOTHING) {
      this.#from = NOTHING.slice()
      this.#to = NOTHING.slice()
    }
    const slot = from.id % SLOTS
    this.#from[slot] = from
    this.#to[slot] = to
  }
}

type Pair = readonly [name: string, value: string]
const none: readonly Pair[] = []

/**
 * Fields to set by name; the value, when empty, removes the field. Order kept, the rest appended.
 *
 * @param more further values of names that are in `set`
 */
function withFields(list: HeaderList, set: ReadonlyMap<string, string>, more = none): HeaderList {
  const fields: string[] = []
  const neverIndexed = new Set<number>()
  const left = new Set(set.keys())
  for (let i = 0; i < list.fields.length; i += 2) {
    const name = list.fields[i]!
    const value = set.get(name)
    if (value === "" || (value !== undefined && !left.delete(name))) continue
    if (list.neverIndexed?.has(i / 2)) neverIndexed.add(fields.length / 2)
    fields.push(name, value ?? list.fields[i + 1]!)
  }
  for (const name of left) {
    const value = set.get(name)!
    if (value === "") continue
    if (name.startsWith(":")) fields.unshift(name, value)
    else fields.push(name, value)
  }
  for (const [name, value] of more) if (value !== "") fields.push(name, value)
  const shifted = left.has(":authority") ? new Set([...neverIndexed].map((at) => at + 1)) : neverIndexed
  return new HeaderList(fields, shifted.size > 0 ? shifted : null)
}

/** Turns a request's head into what the upstream is sent. nginx: `grpc_set_header`. */
export class RequestRewrite {
  /** The first template of each name. */
  readonly #set: readonly WrittenField[]
  /** The others, as nginx sends them too. */
  readonly #more: readonly WrittenField[]
  readonly #isConstant: boolean
  readonly #scheme: string
  readonly #memory = new RewriteMemory()

  constructor(settings: RouteSettings, isUpstreamTls: boolean, table: VariableSource = builtIn) {
    this.#scheme = isUpstreamTls ? "https" : "http"
    const named = settings.setHeaders.flatMap(([name, template]) =>
      writtenField(name, template, "request", table),
    )
    // There can be only one :authority: the last.
    const isFirst = ({ name }: WrittenField, at: number) =>
      name === ":authority" || named.findIndex((other) => other.name === name) === at
    this.#set = named.filter(isFirst)
    this.#more = named.filter((one, at) => !isFirst(one, at))
    this.#isConstant = named.every(({ constant }) => constant !== null)
  }

  apply(list: HeaderList, record: StreamRecord, env: TemplateEnvironment): HeaderList {
    const { state } = record
    const isConstant = this.#isConstant && state?.isRewritten !== true
    const known = isConstant ? this.#memory.get(list) : undefined
    if (known !== undefined) return known
    const set = new Map<string, string>()
    if (state?.isRewritten === true) {
      set.set(":path", requestTarget(state))
      if (state.method !== null && !isGrpcContentType(list.get("content-type")))
        set.set(":method", state.method)
    }
    if (list.get(":scheme") !== undefined && list.get(":scheme") !== this.#scheme)
      set.set(":scheme", this.#scheme)
    for (const field of this.#set) {
      const value =
        field.name === ":authority" ? bareTarget(field.value(record, env)) : field.value(record, env)
      if (field.constant === null && !isTaken(field.name, value)) continue
      set.set(field.name, value)
    }
    if (set.get(":authority") === "") set.delete(":authority")
    // Where :authority stands, host says nothing more, and after a change of it would disagree.
    if (set.has(":authority") && list.get("host") !== undefined) set.set("host", "")
    const more = this.#more.length === 0 ? none : this.#rendered(record, env)
    const rewritten = set.size === 0 ? list : withFields(list, set, more)
    if (isConstant) this.#memory.set(list, rewritten)
    return rewritten
  }

  #rendered(record: StreamRecord, env: TemplateEnvironment): readonly Pair[] {
    return this.#more.map((field) => [field.name, field.value(record, env)])
  }
}

/** The path that a rewrite has left. */
function requestTarget({ uri, args }: RequestState): string {
  return args === "" ? escapeUri(uri) : `${escapeUri(uri)}?${args}`
}

/** Of values made of variables: those that the client's own field stays in place of. */
function isTaken(name: string, value: string): boolean {
  if (name === "te") return value === "" || isWritableTe(value)
  return name !== ":authority" || isAuthority(value)
}

/** Those to which nginx adds without `always`. */
export const ADDED_TO: ReadonlySet<number> = new Set([200, 201, 204, 206, 301, 302, 303, 304, 307, 308])

/** By these a backend steers nginx; it keeps them to itself. */
const STEERING = ["expires", "redirect", "limit-rate", "buffering", "charset"].map(
  (name) => `x-accel-${name}`,
)

/** An answer has each of them once: what is added takes the place of what is there, and is nothing where it is empty. */
const REPLACED: ReadonlySet<string> = new Set(["last-modified", "etag"])

/** What `expires` takes the place of. */
const EXPIRING: ReadonlySet<string> = new Set(["expires", "cache-control"])

/** An answer has each of them once. */
export const GRPC_STATUS: ReadonlySet<string> = new Set(["grpc-status", "grpc-message"])

/**
 * Turns a response's head and trailers into what the downstream is sent. nginx: `grpc_hide_header`, `add_header`, `expires`,
 * `charset`.
 */
export class ResponseRewrite {
  readonly #hidden: ReadonlySet<string>
  readonly #added: readonly { field: WrittenField; always: boolean }[]
  readonly #addsGrpcStatus: boolean
  readonly #expires: Expires | null
  readonly #charset: Charset | null
  /** Heads stay as they are, but for what is hidden. */
  readonly #isConstant: boolean
  /** Of heads and of trailers: no list is both. */
  readonly #memory = new RewriteMemory()

  constructor(settings: RouteSettings, table: VariableSource = builtIn) {
    const passed = new Set(settings.passHeaders.map((name) => name.toLowerCase()))
    this.#hidden = new Set(
      [...settings.hideHeaders.map((name) => name.toLowerCase()), ...STEERING]
        // Without its :status a response is none.
        .filter((name) => !passed.has(name) && !name.startsWith(":")),
    )
    this.#added = settings.addHeaders.flatMap(({ name, template, always }) =>
      writtenField(name, template, "response", table).map((field) => ({ field, always })),
    )
    this.#addsGrpcStatus = this.#added.some(({ field }) => GRPC_STATUS.has(field.name))
    const { expires, charset, charsetTypes } = settings
    this.#expires = expires === "off" ? null : new Expires(expires, table)
    this.#charset = charset === null ? null : new Charset(charset, charsetTypes, table)
    this.#isConstant = this.#added.length === 0 && this.#expires === null && this.#charset === null
  }

  /** What a head would say of a body of this type, for one that is a part of another. */
  contentType(type: string, status: number, record: StreamRecord, env: TemplateEnvironment): string {
    const fields = ["content-type", type]
    this.#charset?.applyTo(fields, status, record, env)
    return fields[1]!
  }

  apply(list: HeaderList, status: number, record: StreamRecord, env: TemplateEnvironment): HeaderList {
    if (this.#hidden.size === 0 && this.#isConstant) return list
    const known = this.#isConstant ? this.#memory.get(list) : undefined
    if (known !== undefined) return known
    const shown = without(this.#hidden, list)
    if (!this.#isConstant) return this.addTo(shown, status, record, env)
    this.#memory.set(list, shown)
    return shown
  }

  /** What is added to a head; of answers of Sluice's own nothing is hidden. Where it has a grpc-status, it keeps that. */
  addTo(list: HeaderList, status: number, record: StreamRecord, env: TemplateEnvironment): HeaderList {
    if (this.#isConstant) return list
    const before = record.responseHeaders
    try {
      return this.#addedTo(list, status, record, env)
    } finally {
      // What is sent in the end is noted where it is sent.
      record.responseHeaders = before
    }
  }

  /** While templates are rendered the record has the answer as far as it is made: nginx's `$sent_http_*`. */
  #addedTo(list: HeaderList, status: number, record: StreamRecord, env: TemplateEnvironment): HeaderList {
    record.responseHeaders = list
    const isAddedTo = ADDED_TO.has(status)
    const expires = (isAddedTo && this.#expires?.fieldsFor(list.fields, record, env)) || []
    const kept = expires.length === 0 ? list : without(EXPIRING, list)
    const fields = [...kept.fields, ...expires]
    this.#charset?.applyTo(fields, status, record, env)
    const hasGrpcStatus = this.#addsGrpcStatus && list.get("grpc-status") !== undefined
    const removed = new Set<string>()
    for (const { field, always } of this.#added) {
      const { name } = field
      if ((!always && !isAddedTo) || (hasGrpcStatus && GRPC_STATUS.has(name))) continue
      if (field.constant === null) record.responseHeaders = new HeaderList(fields)
      const value = field.value(record, env)
      const at = REPLACED.has(name) ? namedAt(fields, name) : -1
      if (value === "") {
        if (at >= 0) removed.add(name)
      } else if (at < 0) fields.push(name, value)
      else {
        fields[at + 1] = value
        removed.delete(name)
      }
    }
    const made = new HeaderList(fields, kept.neverIndexed)
    return removed.size === 0 ? made : without(removed, made)
  }

  trailers(list: HeaderList): HeaderList {
    if (this.#hidden.size === 0) return cleanTrailers(list)
    const known = this.#memory.get(list)
    if (known !== undefined) return known
    const cleaned = without(this.#hidden, cleanTrailers(list))
    this.#memory.set(list, cleaned)
    return cleaned
  }
}

/** Fields that say how a message is framed have no business in trailers: RFC 9110 §6.5.1. */
const FRAMING = new Set(["content-length", "host", "te", "trailer", "content-encoding", "content-range"])

export function cleanTrailers(list: HeaderList): HeaderList {
  return without(FRAMING, list)
}

/** Where its name stands; -1: nowhere. */
function namedAt(fields: readonly string[], name: string): number {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return i
  return -1
}

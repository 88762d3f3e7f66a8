import type { RouteSettings } from "../../config/model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import { isOriginAllowed, mayUseCookies } from "../shared/cors.ts"
import type { Refusal } from "../shared/refusal.ts"

/** What a WebSocket's messages are. */
export type WebSocketKind = "json" | "grpc-websockets"

/** What a client asked for in a handshake. */
export interface Handshake {
  readonly kind: WebSocketKind
  /** The handshake's own, without the cookies that its page may not use. */
  readonly head: RequestHead
  /** The subprotocol to answer with; none when none was offered. */
  readonly subprotocol: string | null
  /** Request headers that the page could not set as such. */
  readonly metadata: string[]
}

const JSON_SUBPROTOCOL = "sluice.json"
const GRPC_SUBPROTOCOL = "grpc-websockets"
const BEARER = "Bearer"
/** Most of an origin that a refusal repeats. */
const SHOWN_OCTETS = 200

/** Reads what a WebSocket handshake asks of a bridge, or says why it is refused. */
export function readHandshake(asked: RequestHead, settings: RouteSettings): Handshake | Refusal {
  const { list, authority } = asked
  const origin = list.get("origin")
  if (origin !== undefined && !isOriginAllowed(origin, authority, settings))
    return { status: 403, reason: foreignOrigin(origin, authority) }
  // Cookies come along from any page, with no preflight to ask whether they may: CWE-1385.
  const isTrusted = origin === undefined || mayUseCookies(origin, authority, settings)
  const head = isTrusted ? asked : withoutCookies(asked)
  const offered = offeredSubprotocols(list)
  const bearerAt = offered.indexOf(BEARER)
  const token = bearerAt < 0 ? undefined : offered[bearerAt + 1]
  if (bearerAt >= 0 && token === undefined)
    return { status: 400, reason: "the subprotocol Bearer comes without a token" }
  const others = offered.filter((_, i) => bearerAt < 0 || (i !== bearerAt && i !== bearerAt + 1))
  const subprotocol = [GRPC_SUBPROTOCOL, JSON_SUBPROTOCOL].find((name) => others.includes(name))
  if (subprotocol === undefined && others.length > 0)
    return {
      status: 400,
      reason: `of the subprotocols none is known: there is ${GRPC_SUBPROTOCOL} and ${JSON_SUBPROTOCOL}`,
    }
  const metadata = readMetadata(head, settings, token)
  if (typeof metadata === "string") return { status: 400, reason: metadata }
  return {
    head,
    kind: subprotocol === GRPC_SUBPROTOCOL ? GRPC_SUBPROTOCOL : "json",
    subprotocol: subprotocol ?? (token === undefined ? null : BEARER),
    metadata,
  }
}

/** Both sides, as they were compared: which of them is wrong is often a surprise, behind a proxy that rewrites the host. */
function foreignOrigin(origin: string, authority: string): string {
  const shown = (text: string): string => text.replace(/[^!-~]/g, "?").slice(0, SHOWN_OCTETS)
  return `pages of the origin ${shown(origin)} may not call here: it is neither this host, ${shown(authority)}, nor allowed by name`
}

function withoutCookies(head: RequestHead): RequestHead {
  const { fields } = head.list
  return { ...head, list: new HeaderList(fields.filter((_, i) => fields[i - (i % 2)] !== "cookie")) }
}

/** In order; lists may come in one field or in several. */
function offeredSubprotocols({ fields }: HeaderList): string[] {
  const offered: string[] = []
  for (let i = 0; i < fields.length; i += 2)
    if (fields[i] === "sec-websocket-protocol")
      offered.push(
        ...fields[i + 1]!.split(",")
          .map((name) => name.trim())
          .filter((name) => name !== ""),
      )
  return offered
}

/**
 * From the query parameters and the cookie that the route names, and the token of a subprotocol. Who asks is said once, by
 * the token, else a parameter, else the cookie: of two a backend might believe either. A string says what is wrong.
 */
function readMetadata(
  head: RequestHead,
  { bridge }: RouteSettings,
  token: string | undefined,
): string[] | string {
  const metadata: string[] = []
  const mark = head.path.indexOf("?")
  const query = new URLSearchParams(mark < 0 ? "" : head.path.slice(mark))
  let isSaid = token !== undefined
  for (const name of bridge.metadataQuery) {
    const value = query.get(name)
    if (value === null) continue
    if (!/^[!-~](?:[ -~]*[!-~])?$/.test(value)) return `the query parameter ${name} is no header value`
    const field = name.toLowerCase()
    if (field === "authorization" && isSaid) continue
    if (field === "authorization") isSaid = true
    metadata.push(field, value)
  }
  const cookie = bridge.metadataCookie === null ? undefined : cookieOf(head.list, bridge.metadataCookie)
  // Of an empty one nothing but a blank would stand at the value's end.
  const bearer = token ?? (isSaid || cookie === "" ? undefined : cookie)
  if (bearer !== undefined) metadata.push("authorization", `${BEARER} ${bearer}`)
  return metadata
}

function cookieOf({ fields }: HeaderList, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== "cookie") continue
    for (const crumb of fields[i + 1]!.split(";")) {
      const equals = crumb.indexOf("=")
      if (equals > 0 && crumb.slice(0, equals).trim() === name) return crumb.slice(equals + 1).trim()
    }
  }
  return undefined
}

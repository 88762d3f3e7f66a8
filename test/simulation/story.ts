import { errorCodeName } from "../../src/http2/error-code.ts"
import { Setting } from "../../src/http2/frame/settings.ts"
import { Flag, FrameType } from "../../src/http2/frame/types.ts"
import { PLAIN } from "./plain.ts"
import type { CallPlan, FaultPlan, Piece, Plan } from "./plan.ts"
import type { Frame } from "./wire/frame-scanner.ts"
import type { Witness } from "./witness.ts"

const settingNames = new Map<number, string>(Object.entries(Setting).map(([name, id]) => [id, name]))
const frameNames = new Map<number, string>(Object.entries(FrameType).map(([name, type]) => [type, name]))

/** Keeps what happened, a line each: every frame that crosses the balancer's sockets and everything that is said. */
export class Chronicle implements Witness {
  readonly lines: string[] = []

  frame(atMs: number, link: string, fromBalancer: boolean, frame: Frame): void {
    const way = fromBalancer ? `balancer → ${link}` : `${link} → balancer`
    this.lines.push(`${time(atMs)}  ${way.padEnd(26)} ${describeFrame(frame)}`)
  }

  say(atMs: number, what: string): void {
    this.lines.push(`${time(atMs)}  ${what}`)
  }
}

function time(atMs: number): string {
  return `${String(atMs).padStart(6)} ms`
}

function describeFrame({ type, flags, id, length, payload }: Frame): string {
  const name = frameNames.get(type) ?? `type 0x${type.toString(16)}`
  const end = (type === FrameType.DATA || type === FrameType.HEADERS) && (flags & Flag.END_STREAM) !== 0
  const ack = (type === FrameType.SETTINGS || type === FrameType.PING) && (flags & Flag.ACK) !== 0
  const more = type === FrameType.HEADERS && (flags & Flag.END_HEADERS) === 0
  const notes = [end && "END_STREAM", ack && "ACK", more && "to be continued"].filter(
    (note) => note !== false,
  )
  return [name, id === 0 ? "" : `stream ${id}`, detail(type, length, payload, ack), ...notes]
    .filter(Boolean)
    .join("  ")
}

function detail(type: number, length: number, payload: Buffer, isAck: boolean): string {
  switch (type) {
    case FrameType.DATA:
      return `${length} octets`
    case FrameType.RST_STREAM:
      return errorCodeName(payload.readUInt32BE(0))
    case FrameType.WINDOW_UPDATE:
      return `+${payload.readUInt32BE(0)}`
    case FrameType.GOAWAY:
      return `last ${payload.readUInt32BE(0)} ${errorCodeName(payload.readUInt32BE(4))} ${payload.toString("latin1", 8)}`
    case FrameType.SETTINGS: {
      if (isAck) return ""
      const entries: string[] = []
      for (let at = 0; at + 6 <= length; at += 6)
        entries.push(`${settingNames.get(payload.readUInt16BE(at))}=${payload.readUInt32BE(at + 2)}`)
      return entries.join(" ")
    }
    default:
      return ""
  }
}

/** What a plan sets out to do, for people: of peers and settings only what is special. */
export function describePlan(plan: Plan): string[] {
  const { conditions, limits, clients, endpoints, calls, faults, close, cluster, route, listener } = plan
  const { delayMs, capacityOctets, cutShare } = conditions
  const cut = Math.round(cutShare * 100)
  const closing = close.atMs === null ? "once all calls have ended" : `at ${close.atMs} ms`
  return [
    `Network: up to ${delayMs} ms late, ${capacityOctets} octets under way, ${cut} % of writes cut.`,
    `Limits: ${special(limits, {})}. Listener: ${special(listener, PLAIN.listener)}. Route: ${special(route, PLAIN.route)}. Cluster: ${special(cluster, PLAIN.cluster)}.`,
    ...endpoints.map((endpoint, index) => `Endpoint ${index}: ${special(endpoint, PLAIN.endpoint)}.`),
    ...clients.map((client, index) => `Client ${index}: ${special(client, PLAIN.peer)}.`),
    ...calls.map(describeCall),
    ...faults.map(describeFault),
    `The balancer closes ${closing}, with a grace of ${close.graceMs} ms.`,
  ]
}

/** The fields that differ from the plain ones. */
function special(fields: object, plain: object): string {
  const differing = Object.entries(fields).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify((plain as Record<string, unknown>)[name]),
  )
  return differing.length === 0
    ? "plain"
    : differing.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ")
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`
}

function describeCall(call: CallPlan): string {
  const { response } = call
  const parts = [
    `Call ${call.id}: client ${call.client} at ${call.atMs} ms, ${call.protocol} ${call.method}, ${count(call.metadata, "field")}`,
    `sends ${describePieces(call.request)}, END_STREAM ${call.requestEnd}`,
  ]
  if (call.cancel !== null)
    parts.push(`cancels after ${call.cancel.afterMs} ms with ${errorCodeName(call.cancel.code)}`)
  if (call.timeoutMs !== null) parts.push(`has ${call.timeoutMs} ms`)
  if (response.refusals > 0) parts.push(`is refused ${response.refusals}x`)
  if (response.isInformed) parts.push("gets a 103")
  const end = response.end === "reset" ? `reset ${errorCodeName(response.resetCode)}` : response.end
  parts.push(
    `answered ${response.begin} +${response.headAfterMs} ms: ${response.status}, ${describePieces(response.pieces)}, ${end} +${response.endAfterMs} ms`,
  )
  return parts.join("; ")
}

function describePieces(pieces: readonly Piece[]): string {
  if (pieces.length === 0) return "no body"
  return pieces
    .map(({ afterMs, octets, padding }) => `${octets}${padding > 0 ? `+${padding}` : ""} (+${afterMs} ms)`)
    .join(" ")
}

/** One fault, as a sentence. */
export function describeFault(fault: FaultPlan): string {
  const { atMs, kind } = fault
  if (kind === "reload")
    return `At ${atMs} ms: a reload${fault.isChanged ? " that replaces the cluster" : ""}`
  const who =
    "side" in fault
      ? `${fault.side} ${fault.index}`
      : kind === "leaves"
        ? `client ${fault.index}`
        : `endpoint ${fault.index}`
  const forMs = "forMs" in fault ? ` for ${fault.forMs} ms` : ""
  const how =
    "how" in fault ? fault.how : "noise" in fault ? fault.noise : "manner" in fault ? fault.manner : ""
  const change = "change" in fault ? Object.values(fault.change).join(" ") : ""
  return (
    [`At ${atMs} ms: ${who} ${kind}`, change, how === "" ? "" : `(${how})`].filter(Boolean).join(" ") + forMs
  )
}

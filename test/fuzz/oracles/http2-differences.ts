import { ErrorCode } from "../../../src/http2/error-code.ts"
import { Flag, FrameType } from "../../../src/http2/frame/types.ts"
import type { Role } from "../../../src/http2/stream-table.ts"
import type { Account } from "./http2-account.ts"

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
  /** Its head too. */
  readonly octets: Buffer
}

/** The first frame that makes a difference, with the rest of its header block, and what was made of all up to it. */
export interface Context {
  readonly role: Role
  readonly frames: readonly Frame[]
  readonly before: readonly Frame[]
  readonly ours: Account
  readonly theirs: Account
}

/** A difference between our connection and Node's that is meant to be. */
export interface Difference {
  readonly name: string
  readonly why: string
  readonly applies: (context: Context) => boolean
}

/** RFC 7838 §4, RFC 8336 §2.1. */
const ALTSVC = 0x0a
const ORIGIN = 0x0c

const isAck = ({ flags }: Frame): boolean => (flags & Flag.ACK) !== 0
const only =
  (type: number, holds: (frame: Frame, context: Context) => boolean) =>
  (context: Context): boolean =>
    context.frames[0]!.type === type && holds(context.frames[0]!, context)

/** One of its settings comes twice. */
function repeatsSetting(payload: Buffer): boolean {
  const ids = new Set<number>()
  for (let at = 0; at + 6 <= payload.length; at += 6) ids.add(payload.readUInt16BE(at))
  return ids.size < Math.floor(payload.length / 6)
}

/** Control octets that §8.2.1 does not forbid: all but NUL, CR, LF and HTAB. */
const CONTROL = /[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f]/

/** What the two hand on is the same but for fields with control octets, which are not among theirs. */
function leavesOutControls({ ours, theirs }: Context): boolean {
  const without = (lines: string): string =>
    lines
      .split("\n")
      .filter((line) => !CONTROL.test(line))
      .join("\n")
  return [...ours.streams].every(([id, { heads, trailers }]) => {
    const other = theirs.streams.get(id)
    return (
      heads.every((lines, i) => without(lines) === other?.heads[i]) &&
      (trailers === null ? null : without(trailers)) === other?.trailers
    )
  })
}

const isResetByUs = ({ streamId }: Frame, { ours }: Context): boolean => ours.refused.has(streamId)
const weGoOn = ({ ours }: Context): boolean => ours.fault === null

export const DIFFERENCES: readonly Difference[] = [
  {
    name: "after the end",
    why: "a GOAWAY with no stream left ends our connection, and nothing more is read",
    applies: ({ ours }) => ours.isOver,
  },
  {
    name: "a limit of ours",
    why: "the connection ends by name where a peer does what no honest one does (docs/limits.md)",
    applies: ({ ours }) => ours.fault === ErrorCode.ENHANCE_YOUR_CALM && ours.limit !== null,
  },
  {
    name: "an ACK that nobody waits for",
    why: "Node ends the connection; §6.5 and §6.7 ask for nothing, and it does no harm",
    applies: (context) =>
      weGoOn(context) &&
      [FrameType.SETTINGS, FrameType.PING].includes(context.frames[0]!.type as never) &&
      isAck(context.frames[0]!),
  },
  {
    name: "a wrong setting, then a right one",
    why: "§6.5.3 has settings processed in their order; Node looks at the last of each",
    applies: only(
      FrameType.SETTINGS,
      ({ payload }, { ours, theirs }) =>
        theirs.fault === null && ours.reason.startsWith("SETTINGS_") && repeatsSetting(payload),
    ),
  },
  {
    name: "GOAWAY names a stream that its receiver has not opened",
    why: "Node ends the connection; §6.8 has senders say 2^31-1 at first, and no stream is concerned",
    applies: only(FrameType.GOAWAY, (_frame, context) => weGoOn(context)),
  },
  {
    name: "frames of extensions",
    why: "ALTSVC and ORIGIN mean nothing to a balancer and are ignored unread (§5.5); Node reads them",
    applies: ({ frames, ...context }) =>
      (frames[0]!.type === ALTSVC || frames[0]!.type === ORIGIN) && weGoOn({ frames, ...context }),
  },
  {
    name: "PRIORITY on no stream",
    why: "§6.3 has it end the connection; Node reads no PRIORITY",
    applies: only(
      FrameType.PRIORITY,
      ({ streamId }, { ours }) => streamId === 0 && ours.reason === "PRIORITY on stream 0",
    ),
  },
  {
    name: "DATA before the head of a response",
    why: "the response is malformed, which §8.1.1 has end the stream; Node ends the connection",
    applies: only(
      FrameType.DATA,
      (frame, context) => context.role === "client" && isResetByUs(frame, context),
    ),
  },
  {
    name: "DATA on a stream that is over or was passed over",
    why: "§5.1 and §6.1 have it answered by STREAM_CLOSED, once; Node says nothing",
    applies: only(
      FrameType.DATA,
      ({ streamId }, { ours }) => ours.refused.get(streamId) === ErrorCode.STREAM_CLOSED,
    ),
  },
  {
    name: "DATA on a stream that the peer has ended",
    why: "it ends the connection by STREAM_CLOSED (§5.1, §5.4.1); Node ignores it once the stream is over",
    applies: only(
      FrameType.DATA,
      (_frame, { ours, theirs }) =>
        theirs.fault === null && ["DATA after END_STREAM", "DATA on a closed stream"].includes(ours.reason),
    ),
  },
  {
    name: "DATA on a stream that we reset",
    why: "it may have been under way when the reset was (§5.1); Node ends the connection if the peer had ended its half",
    applies: only(
      FrameType.DATA,
      (frame, context) =>
        weGoOn(context) && context.theirs.fault === ErrorCode.STREAM_CLOSED && isResetByUs(frame, context),
    ),
  },
  {
    name: "wrong padding of DATA on a stream that is over",
    why: "§6.1 has it end the connection whichever the stream; Node does not read such DATA",
    applies: only(
      FrameType.DATA,
      (_frame, { ours, theirs }) =>
        theirs.fault === null &&
        ["padded DATA has no pad length", "padding is longer than its frame"].includes(ours.reason),
    ),
  },
  {
    name: "a stream's window passes 2^31-1",
    why: "§6.9.1 has it end the stream; Node ends the connection",
    applies: only(
      FrameType.WINDOW_UPDATE,
      ({ streamId }, { ours, theirs }) =>
        theirs.fault === ErrorCode.FLOW_CONTROL_ERROR &&
        ours.refused.get(streamId) === ErrorCode.FLOW_CONTROL_ERROR,
    ),
  },
  {
    name: "a window of a stream that was reset passes 2^31-1",
    why: "we know that stream no more; Node does until its RST_STREAM has been sent, and ends the connection",
    applies: (context) =>
      [FrameType.SETTINGS, FrameType.WINDOW_UPDATE].includes(context.frames[0]!.type as never) &&
      weGoOn(context) &&
      context.theirs.fault === ErrorCode.FLOW_CONTROL_ERROR &&
      context.ours.refused.size > 0,
  },
  {
    name: "WINDOW_UPDATE of 0",
    why: "only an attacker sends it (CVE-2025-8671), so the connection ends (§5.4.1); Node resets the stream, or ignores it if that is over",
    applies: only(FrameType.WINDOW_UPDATE, (_frame, { ours }) => ours.reason === "WINDOW_UPDATE of 0"),
  },
  {
    name: "a stream depends on itself",
    why: "RFC 7540 §5.3.1 calls it an error; RFC 9113 and Node ignore it",
    applies: ({ ours, theirs }) => theirs.fault === null && ours.reason === "a stream depends on itself",
  },
  {
    name: "HEADERS on a stream that we reset",
    why: "it was under way when the reset was, and is ignored (§5.1); Node ends the connection",
    applies: only(
      FrameType.HEADERS,
      (frame, context) => weGoOn(context) && context.theirs.fault !== null && isResetByUs(frame, context),
    ),
  },
  {
    name: "HEADERS on a stream that is over or was passed over",
    why: "§5.1 and §5.1.1 allow or ask for the connection's end; Node ignores them",
    applies: only(
      FrameType.HEADERS,
      (_frame, { ours, theirs }) =>
        theirs.fault === null &&
        ["HEADERS on a stream that cannot be opened", "HEADERS on a closed stream"].includes(ours.reason),
    ),
  },
  {
    name: "a control octet in a value",
    why: "§8.2.1 forbids NUL, CR and LF; others may stay (RFC 9110 §5.5), and Node leaves the field out",
    applies: only(
      FrameType.HEADERS,
      (_frame, context) => weGoOn(context) && context.theirs.fault === null && leavesOutControls(context),
    ),
  },
  {
    name: "a request without :authority and host",
    why: "§8.3.1 lets a request have neither, and what to do with it is the relay's; Node resets it",
    applies: only(
      FrameType.HEADERS,
      ({ streamId }, { role, ours, theirs }) =>
        role === "server" &&
        theirs.refused.get(streamId) === ErrorCode.PROTOCOL_ERROR &&
        ours.streams.get(streamId)?.heads.every((lines) => !/^(?:host|:authority): /m.test(lines)) === true,
    ),
  },
  {
    name: "an authority that is no URI's",
    why: "nginx takes what RFC 3986 §3.2 has no place for, so we do, but for what another parser could read otherwise; Node resets it",
    applies: only(
      FrameType.HEADERS,
      ({ streamId }, { role, ours, theirs }) =>
        role === "server" &&
        theirs.refused.get(streamId) === ErrorCode.PROTOCOL_ERROR &&
        /^(?:host|:authority): .*["<>\\^`{|}]/m.test(ours.streams.get(streamId)?.heads[0] ?? ""),
    ),
  },
  {
    name: "a value that is mended",
    why: "blanks at its ends, and an answer's NUL, CR, LF and connection fields are taken out (§8.2.1, RFC 9110 §5.5); Node leaves the field out, or resets the stream",
    applies: only(
      FrameType.HEADERS,
      (_frame, context) => weGoOn(context) && context.theirs.fault === null && context.ours.isMended,
    ),
  },
  {
    name: "an expectation",
    why: "it is met by the balancer, and left out of what it hands on (RFC 9110 §10.1.1); Node hands it on",
    applies: only(
      FrameType.HEADERS,
      ({ streamId }, { role, theirs }) =>
        role === "server" && /^expect: /m.test(theirs.streams.get(streamId)?.heads[0] ?? ""),
    ),
  },
  {
    name: "a length that a grpc-status makes void",
    why: "how a call ended is worth more to its client than octets that gRPC does not count; Node resets the stream",
    applies: only(
      FrameType.HEADERS,
      ({ streamId }, { role, ours, theirs }) =>
        role === "client" &&
        theirs.refused.get(streamId) === ErrorCode.PROTOCOL_ERROR &&
        /^grpc-status: /m.test(
          `${ours.streams.get(streamId)?.heads.at(-1)}${ours.streams.get(streamId)?.trailers}`,
        ),
    ),
  },
  {
    name: "a field that must not be",
    why: "the request or response is malformed and its stream reset (§8.2.1); Node leaves the field out",
    applies: only(
      FrameType.HEADERS,
      (frame, context) => isResetByUs(frame, context) && weGoOn(context) && context.theirs.fault === null,
    ),
  },
]

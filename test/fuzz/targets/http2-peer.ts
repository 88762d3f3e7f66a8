import { isDeepStrictEqual } from "node:util"
import { errorCodeName } from "../../../src/http2/error-code.ts"
import { Flag, FrameType } from "../../../src/http2/frame/types.ts"
import type { Role } from "../../../src/http2/stream-table.ts"
import type { Target } from "../engine/target.ts"
import { FRAMES } from "../frame-corpus.ts"
import { type Account, nodeAccount, ourAccount } from "../oracles/http2-account.ts"
import { type Context, DIFFERENCES, type Frame } from "../oracles/http2-differences.ts"
import { mutateFrames } from "./frames.ts"

const HEAD_OCTETS = 9
const IS_CLIENT = 0x80

/**
 * The same octets for our connection and for Node's, which is nghttp2. Both must hand on the same heads, data, trailers
 * and endings, reset the same streams, and find a connection error in the same inputs. Where they do not, the first frame
 * that makes a difference must be one that `DIFFERENCES` names.
 */
export const http2Peer: Target = {
  steps: { base: 60_000, perOctet: 1000 },
  *seeds() {
    for (const frame of FRAMES)
      for (const options of [0, IS_CLIENT]) yield Buffer.concat([Buffer.from([options]), frame])
  },
  mutate: (octets, material) =>
    Buffer.concat([octets.subarray(0, 1), mutateFrames(octets.subarray(1), material)]),
  async run(input) {
    const role = ((input[0] ?? 0) & IS_CLIENT) !== 0 ? "client" : "server"
    const units = unitsOf(input.subarray(1))
    if ((await compare(role, units)) === null) return
    for (let count = 1; count <= units.length; count++) {
      const found = await compare(role, units.slice(0, count))
      if (found === null) continue
      const frames = units[count - 1]!
      const context: Context = { role, ...found, frames, before: units.slice(0, count - 1).flat() }
      if (DIFFERENCES.some(({ applies }) => applies(context))) return
      throw new Error(describe(context))
    }
  },
}

/** Null: the same. */
async function compare(
  role: Role,
  units: readonly Frame[][],
): Promise<{ ours: Account; theirs: Account } | null> {
  const octets = Buffer.concat(units.flat().map(({ octets }) => octets))
  const ours = ourAccount(role, octets)
  const theirs = await nodeAccount(role, octets)
  const isSame =
    ours.fault !== null || theirs.fault !== null
      ? ours.fault !== null && theirs.fault !== null
      : isDeepStrictEqual(told(ours), told(theirs))
  return isSame ? null : { ours, theirs }
}

/** What must be the same. Of a stream that was cut off, what had been handed on of its body is a matter of time. */
const told = ({ streams, refused, pings }: Account): unknown => ({
  streams: [...streams]
    .sort(([a], [b]) => a - b)
    .map(([id, { heads, data, trailers, ended, over }]) =>
      over ? [id, heads] : [id, heads, data, trailers, ended],
    ),
  over: [...streams]
    .filter(([, { over }]) => over)
    .map(([id]) => id)
    .sort((a, b) => a - b),
  refused: [...refused].sort(([a], [b]) => a - b),
  pings,
})

/** Whole frames; a header block and its CONTINUATIONs are one unit. What is not whole at the end is left out. */
function unitsOf(octets: Buffer): Frame[][] {
  const units: Frame[][] = []
  let open: Frame[] | null = null
  for (let at = 0; at + HEAD_OCTETS <= octets.length; ) {
    const end = at + HEAD_OCTETS + octets.readUIntBE(at, 3)
    if (end > octets.length) break
    const [type, flags] = [octets[at + 3]!, octets[at + 4]!]
    const frame: Frame = {
      type,
      flags,
      streamId: octets.readUInt32BE(at + 5) & 0x7fff_ffff,
      payload: octets.subarray(at + HEAD_OCTETS, end),
      octets: octets.subarray(at, end),
    }
    at = end
    const unit: Frame[] = open === null ? [frame] : [...open, frame]
    const begins = type === FrameType.HEADERS || type === FrameType.PUSH_PROMISE
    const isOpen: boolean =
      (open === null ? begins : type === FrameType.CONTINUATION) && (flags & Flag.END_HEADERS) === 0
    open = isOpen ? unit : null
    if (!isOpen) units.push(unit)
  }
  return units
}

const typeNames = new Map<number, string>(Object.entries(FrameType).map(([name, type]) => [type, name]))

/** The first line says what kind of difference it is, without numbers, so that each kind is told once. */
function describe({ role, frames, ours, theirs }: Context): string {
  const verdict = ({ fault }: Account): string =>
    fault === null ? "goes on" : `ends: ${errorCodeName(fault)}`
  const [{ type, flags, streamId }] = frames as readonly [Frame]
  const name = typeNames.get(type) ?? "unknown type"
  const octets = frames.map((frame) => frame.octets.toString("hex"))
  return `${role}, ${name}: ours ${verdict(ours)}, node ${verdict(theirs)}\nflags ${flags}, stream ${streamId}: ${octets.join(" ")}\n${inspect({ ours, theirs })}`
}

function inspect({ ours, theirs }: { ours: Account; theirs: Account }): string {
  const line = (account: Account): string =>
    JSON.stringify({ ...account, streams: [...account.streams], refused: [...account.refused] })
  return `ours   ${line(ours)}\nnode's ${line(theirs)}`
}

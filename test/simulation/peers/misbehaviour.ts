import { Setting } from "../../../src/http2/frame/settings.ts"
import { Flag, FrameType } from "../../../src/http2/frame/types.ts"
import type { Misbehaviour, Noise } from "../plan.ts"
import type { Peer } from "./peer.ts"

function frame(type: number, flags: number, id: number, payload: Buffer | number[] | string): Buffer {
  const octets = typeof payload === "string" ? Buffer.from(payload, "latin1") : Buffer.from(payload)
  const head = Buffer.alloc(9)
  head.writeUIntBE(octets.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, octets])
}

/** A stream that is open on the connection, or one that is not. */
function someStream(peer: Peer): number {
  for (const { id } of peer.http2.streams.values()) return id
  return 1
}

/** Filling a larger one would take a run too long. */
const LARGE_WINDOW = 16_000

const broken: Record<Misbehaviour, (peer: Peer) => Buffer> = {
  garbage: () => Buffer.from("GET / HTTP/1.1\r\nhost: sim.test\r\n\r\n".repeat(3), "latin1"),
  "half a frame": (peer) => frame(FrameType.DATA, 0, someStream(peer), "some octets").subarray(0, 13),
  "frame too large": (peer) =>
    frame(FrameType.DATA, 0, someStream(peer), Buffer.alloc(20_000)).subarray(0, 9),
  "window overflow": () => frame(FrameType.WINDOW_UPDATE, 0, 0, [0x7f, 0xff, 0xff, 0xff]),
  "stream window overflow": (peer) =>
    frame(FrameType.WINDOW_UPDATE, 0, someStream(peer), [0x7f, 0xff, 0xff, 0xff]),
  "settings overflow windows": (peer) =>
    Buffer.concat([
      frame(FrameType.WINDOW_UPDATE, 0, someStream(peer), [0x7f, 0, 0, 0]),
      frame(FrameType.SETTINGS, 0, 0, [0, Setting.INITIAL_WINDOW_SIZE, 0x7f, 0xff, 0xff, 0xff]),
    ]),
  "window update of 0": (peer) => frame(FrameType.WINDOW_UPDATE, 0, someStream(peer), [0, 0, 0, 0]),
  "data on an idle stream": () => frame(FrameType.DATA, 0, 2 ** 20 + 1, "too early"),
  "data past the window": (peer) => {
    for (const { id, sendWindow } of peer.http2.streams.values())
      if (sendWindow >= 0 && sendWindow < LARGE_WINDOW)
        return frame(FrameType.DATA, 0, id, Buffer.alloc(sendWindow + 1))
    return Buffer.alloc(0)
  },
  "trailers that do not end": (peer) =>
    frame(FrameType.HEADERS, Flag.END_HEADERS, someStream(peer), [0, 1, 0x61, 1, 0x62]),
  "upper-case field": (peer) =>
    frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, someStream(peer), [0, 1, 0x41, 1, 0x62]),
  "broken header block": (peer) =>
    frame(FrameType.HEADERS, Flag.END_HEADERS, someStream(peer), [0xff, 0xff, 0xff, 0x0f]),
  "continuation without headers": (peer) =>
    frame(FrameType.CONTINUATION, Flag.END_HEADERS, someStream(peer), [0x82]),
  "goaway raises its last stream": () =>
    Buffer.concat([1, 3].map((last) => frame(FrameType.GOAWAY, 0, 0, [0, 0, 0, last, 0, 0, 0, 0]))),
}

/** Breaks the protocol on one connection. From now on the balancer may end it as it likes. */
export function misbehave(peer: Peer, how: Misbehaviour): void {
  peer.isForgiven = true
  peer.link.forgive()
  for (const { owner } of peer.http2.streams.values()) owner?.spoil()
  peer.sendRaw(broken[how](peer))
}

const noises: Record<Noise, (peer: Peer) => Buffer | null> = {
  ping: () => frame(FrameType.PING, 0, 0, "12345678"),
  "two pings": () => Buffer.concat(["12345678", "87654321"].map((text) => frame(FrameType.PING, 0, 0, text))),
  "stray pong": () => frame(FrameType.PING, Flag.ACK, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
  "unknown frame": (peer) => frame(0xba, 0xff, someStream(peer), "whatever"),
  priority: () => frame(FrameType.PRIORITY, 0, 101, [0, 0, 0, 0, 15]),
  "empty data": (peer) => {
    for (const stream of peer.http2.streams.values()) {
      const isBodyUnderWay = !stream.localEnded && stream.queue === null && stream.owner?.hasSentHead === true
      if (isBodyUnderWay) return frame(FrameType.DATA, 0, stream.id, "")
    }
    return null
  },
}

/** Sends what is allowed and rare; nothing may come of it. */
export function makeNoise(peer: Peer, noise: Noise): void {
  const octets = peer.http2.isReady ? noises[noise](peer) : null
  if (octets !== null) peer.sendRaw(octets)
}

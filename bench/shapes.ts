import type { WorkloadSpec } from "./load/workload.ts"
import type { Peer } from "./peers/peer.ts"

/** Work whose cost per message is measured, over and over. */
export interface TimedShape {
  kind: "timed"
  name: string
  title: string
  spec: WorkloadSpec
  /** Whether a second phase measures latency at half the peak rate. */
  latency: boolean
  /** What one "message" is here. */
  unit: string
  entrants: Entrants
}

/** Who takes part: every peer, Sluice alone (and what --also names), or Sluice and a variant of it. */
type Entrants = "all" | "sluice" | NonNullable<Peer["variant"]>

/** Streams that stay open and silent: memory, sockets, and CPU while nothing happens. */
export interface IdleShape {
  kind: "idle"
  name: string
  title: string
  spec: WorkloadSpec
  /** How long the silence is watched. */
  silenceSeconds: number
  entrants: Entrants
}

export type Shape = TimedShape | IdleShape

const SMALL_OCTETS = 100
const STREAMED_OCTETS = 200
/** With its prefix and frame head it fits one DATA frame of the usual 16,384. */
const LARGE_OCTETS = 16_000

type Kind = WorkloadSpec["kind"]

function timed(
  name: string,
  kind: Kind,
  connections: number,
  streams: number,
  octets: number,
  title: string,
): TimedShape {
  return {
    kind: "timed",
    name,
    title,
    spec: { kind, connections, streams, octets, pace: "peak" },
    latency: (kind === "bidi" || kind === "unary") && connections * streams <= 100,
    entrants: "all",
    unit: kind === "unary" || kind === "connect" ? "call" : "message",
  }
}

function tlsTimed(...given: Parameters<typeof timed>): TimedShape {
  const shape = timed(...given)
  return { ...shape, spec: { ...shape.spec, tls: true } }
}

function idle(connections: number, streams: number, name = `idle-${connections}x${streams}`): IdleShape {
  return {
    kind: "idle",
    name,
    title: `${connections * streams} idle streams on ${connections} connections`,
    spec: { kind: "bidi", connections, streams, octets: SMALL_OCTETS, pace: "idle" },
    silenceSeconds: 3,
    entrants: "all",
  }
}

/** Names say connections x streams on each. */
export const SHAPES: readonly Shape[] = [
  timed("bidi-10x10", "bidi", 10, 10, SMALL_OCTETS, "Bidi ping-pong, 10 connections x 10 streams, 100 B"),
  timed("bidi-100x1", "bidi", 100, 1, SMALL_OCTETS, "Bidi ping-pong, 100 connections x 1 stream, 100 B"),
  timed("bidi-1x100", "bidi", 1, 100, SMALL_OCTETS, "Bidi ping-pong, 1 connection x 100 streams, 100 B"),
  timed("bidi-16k", "bidi", 10, 10, LARGE_OCTETS, "Bidi ping-pong, 10 x 10, 16 kB"),
  tlsTimed("bidi-tls", "bidi", 10, 10, SMALL_OCTETS, "Bidi ping-pong, 10 x 10, 100 B, clients on TLS 1.3"),
  tlsTimed(
    "bidi-tls-16k",
    "bidi",
    10,
    10,
    LARGE_OCTETS,
    "Bidi ping-pong, 10 x 10, 16 kB, clients on TLS 1.3",
  ),
  tlsTimed(
    "connect-tls",
    "connect",
    10,
    1,
    SMALL_OCTETS,
    "Connect storm on TLS 1.3: a handshake for every call",
  ),
  timed("push-10x10", "push", 10, 10, STREAMED_OCTETS, "Server push, 10 x 10, endless 200 B messages"),
  timed("upload-10x10", "upload", 10, 10, STREAMED_OCTETS, "Upload, 10 x 10, endless 200 B messages"),
  timed("unary-10x10", "unary", 10, 10, SMALL_OCTETS, "Unary calls, 10 connections x 10 at once, 100 B"),
  timed("unary-100x1", "unary", 100, 1, SMALL_OCTETS, "Unary calls, 100 connections x 1 at once, 100 B"),
  timed(
    "connect",
    "connect",
    10,
    1,
    SMALL_OCTETS,
    "Connect storm: a new connection for every call, 10 at once",
  ),
  timed(
    "bidi-100x100",
    "bidi",
    100,
    100,
    SMALL_OCTETS,
    "Bidi ping-pong, 100 connections x 100 streams, 100 B",
  ),
  timed(
    "bidi-10x1000",
    "bidi",
    10,
    1000,
    SMALL_OCTETS,
    "Bidi ping-pong, 10 connections x 1000 streams, 100 B",
  ),
  {
    ...timed("log-bidi", "bidi", 10, 10, SMALL_OCTETS, "Sluice's access log off and on, bidi 10 x 10"),
    latency: false,
    entrants: "log",
  },
  {
    ...timed("log-unary", "unary", 10, 10, SMALL_OCTETS, "Sluice's access log off and on, unary 10 x 10"),
    latency: false,
    entrants: "log",
  },
  {
    ...timed(
      "continuity-bidi",
      "bidi",
      10,
      10,
      SMALL_OCTETS,
      "Sluice's continuity off and on, bidi 10 x 10, backends that take part",
    ),
    spec: { kind: "bidi", connections: 10, streams: 10, octets: SMALL_OCTETS, pace: "peak", continued: true },
    latency: false,
    entrants: "continuity",
  },
  {
    ...idle(100, 100, "continuity-idle"),
    title: "Sluice's continuity off and on: 10,000 idle streams, a message of 100 B kept of each",
    spec: {
      kind: "bidi",
      connections: 100,
      streams: 100,
      octets: SMALL_OCTETS,
      pace: "idle",
      continued: true,
    },
    entrants: "continuity",
  },
  idle(10, 800),
  idle(100, 1000),
  idle(4000, 1),
  { ...idle(100, 1000, "idle-100k"), silenceSeconds: 60, entrants: "sluice" },
]

/** Enough to see every kind of load work, in well under a minute. */
export const QUICK_SHAPES = [
  "bidi-10x10",
  "push-10x10",
  "upload-10x10",
  "unary-10x10",
  "connect",
  "idle-10x800",
] as const

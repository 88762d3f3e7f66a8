import { connect } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import type { CounterName } from "../../../src/base/counters.ts"
import type { Attack } from "../attack.ts"
import { block } from "../hpack.ts"
import { Peer, request } from "../peer.ts"
import * as wire from "../wire.ts"

const SOCKETS = 50
/** A limit of 10 s, and what it may take to act on it. */
const PATIENCE_MS = 13_000

const start = Buffer.concat([wire.PREFACE, wire.settings(), wire.settingsAck()])
const half = block(request("/abuse.Attack/Hold"))
const firstHalf = wire.headers(1, half, 0)

/** Half of something, then silence (or one octet a second): a socket each, held for as long as the target waits. */
const halves: [name: string, how: string, counters: CounterName[], first: Buffer, then: Buffer][] = [
  ["nothing", "sockets that send nothing at all", ["preface_timeout"], Buffer.alloc(0), Buffer.alloc(0)],
  [
    "preface",
    "half a connection preface",
    ["preface_timeout"],
    wire.PREFACE.subarray(0, 12),
    Buffer.alloc(0),
  ],
  [
    "http1",
    "half an HTTP/1.1 request head",
    ["header_block_timeout"],
    Buffer.from("GET / HTTP/1.1\r\nHost: a"),
    Buffer.alloc(0),
  ],
  ["settings", "a preface whose SETTINGS never come", ["preface_timeout"], wire.PREFACE, Buffer.alloc(0)],
  [
    "header-block",
    "HEADERS without END_HEADERS",
    ["header_block_timeout"],
    Buffer.concat([start, firstHalf]),
    Buffer.alloc(0),
  ],
  [
    "header-dribble",
    "a CONTINUATION of one field each second",
    ["header_block_timeout", "continuation_flood"],
    Buffer.concat([start, firstHalf]),
    wire.continuation(1, block([["x", "y"]])),
  ],
  [
    "frame",
    "half of a HEADERS frame",
    ["header_block_timeout"],
    Buffer.concat([start, wire.headers(1, half).subarray(0, 40)]),
    Buffer.alloc(0),
  ],
  [
    "no-settings-ack",
    "a call, and SETTINGS that are never acknowledged",
    [],
    Buffer.concat([wire.PREFACE, wire.settings(), wire.headers(1, half)]),
    Buffer.alloc(0),
  ],
]

export const slowloris: Attack[] = halves.map(([name, how, counters, first, then]) => ({
  name: `slowloris-${name}`,
  source:
    name === "no-settings-ack"
      ? "RFC 9113 §6.5.3"
      : "CVE-2007-6750 (slowloris), as HTTP/2 has it; RFC 9113 §10.5",
  how: `${how}, on ${SOCKETS} connections`,
  side: "downstream",
  pace: "slow",
  unread: false,
  counters,
  // Honest servers acknowledge with their first answer. An open call without it costs what one with it does.
  bar:
    name === "no-settings-ack"
      ? { held: "memory stays bounded; closing is no virtue", end: "may" }
      : { held: "all closed within 13 s", end: "must" },
  async run(stage) {
    const startMs = performance.now()
    const peers = Array.from({ length: SOCKETS }, () => {
      const peer = new Peer(connect(stage.at), "client")
      peer.acknowledges = false
      peer.send(first)
      return peer
    })
    const open = () => peers.filter((peer) => !peer.closed)
    while (open().length > 0 && performance.now() - startMs < PATIENCE_MS) {
      await Promise.all([pause(1000), open()[0]?.until(() => false, 1000)])
      if (then.length > 0) for (const peer of open()) peer.send(then)
    }
    const left = open().length
    const goaways = peers.filter((peer) => peer.goaway !== null)
    for (const peer of peers) peer.destroy()
    return {
      end: left > 0 ? "open" : goaways.length > 0 ? "GOAWAY" : "close",
      code: goaways.length > 0 ? wire.errorName(goaways[0]!.goaway!.code) : "",
      frames: peers.reduce((sum, peer) => sum + peer.framesSent, 0),
      octets: peers.reduce((sum, peer) => sum + peer.octetsSent, 0),
      ms: Math.round(performance.now() - startMs),
      note: left > 0 ? `${left} of ${SOCKETS} still open` : `all ${SOCKETS} closed`,
      wrong: [],
    }
  },
}))

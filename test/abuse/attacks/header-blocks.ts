import type { Attack, Sight, Stage } from "../attack.ts"
import { endOf, flood } from "../flood.ts"
import { block, indexed, inserted, literal } from "../hpack.ts"
import { request } from "../peer.ts"
import * as wire from "../wire.ts"

const HOLD = block(request("/abuse.Attack/Hold"))
const FILLER = literal("x-filler", "f".repeat(1000))

/** CVE-2024-27316 and its family: a header block that never ends. */
const continuationFloods: Attack[] = (
  [
    [
      "continuation-flood",
      "CONTINUATION frames of 1 KiB that never end the block, up to 6 MiB",
      FILLER,
      6000,
      16,
    ],
    [
      "continuation-small",
      "CONTINUATION frames of one field of 3 octets, up to 50,000",
      literal("", ""),
      50_000,
      64,
    ],
    [
      "continuation-empty",
      "CONTINUATION frames with nothing in them, up to 50,000",
      Buffer.alloc(0),
      50_000,
      64,
    ],
  ] as const
).map(([name, how, payload, blowsMax, batch]) => ({
  name,
  source: "CVE-2024-27316, CVE-2024-24549, CVE-2023-45288; RFC 9113 §6.10",
  how,
  side: "downstream",
  pace: "flood",
  counters: ["continuation_flood", "continuation_empty", "header_block_too_large", "header_malformed"],
  bar: { held: "ended within 256 KiB and 1,000 frames", end: "must", octetsMax: 256 * 1024, framesMax: 1000 },
  async run(stage) {
    const peer = await stage.connect()
    peer.send(wire.headers(1, HOLD, 0))
    return await flood(peer, stage, { blow: () => wire.continuation(1, payload), blowsMax, batch })
  },
}))

const STREAMS = 50

/** Sends the same small, expanding block on 50 streams that can never be answered: their window is 0. */
async function bomb(stage: Stage, prelude: Buffer, crumbs: Buffer): Promise<Sight> {
  const startMs = performance.now()
  const peer = await stage.connect([[wire.Setting.INITIAL_WINDOW_SIZE, 0]])
  const head = block(request("/abuse.Attack/Big"))
  if (!stage.reading) peer.stopReading()
  for (let i = 0; i < STREAMS && !peer.over; i++) {
    const whole = Buffer.concat(i === 0 ? [head, prelude, crumbs] : [head, crumbs])
    const frames = []
    for (let at = 0; at < whole.length; at += 16_384) {
      const part = whole.subarray(at, at + 16_384)
      const flags = at + 16_384 >= whole.length ? wire.Flag.END_HEADERS : 0
      frames.push(at === 0 ? wire.headers(2 * i + 1, part, flags) : wire.continuation(2 * i + 1, part, flags))
    }
    peer.send(...frames)
    await peer.until(() => peer.over, 20)
  }
  await peer.until(() => peer.over, 500)
  if (!stage.reading) {
    peer.resumeReading()
    await peer.until(() => peer.over, 300)
  }
  const answered = [...peer.streams.values()].filter((view) => view.headers.length > 0).length
  const end = endOf(peer)
  return {
    ...(end.end === "open" && answered > 0 && stage.backend.calls === 0 ? { end: "refused", code: "" } : end),
    frames: peer.framesSent - 2,
    octets: peer.octetsSent,
    ms: Math.round(performance.now() - startMs),
    note: `${answered} of ${STREAMS} answered, ${stage.backend.calls} reached the backend`,
    wrong: [],
  }
}

/** CVE-2016-6581 and the "HTTP/2 bomb" of 2026: octets that expand in the decoder. */
const bombs: Attack[] = (
  [
    [
      "hpack-bomb",
      "one table entry of 4,000 octets and 16,000 references to it, on 50 streams with window 0",
      () => inserted("x-bomb", "b".repeat(3950)),
      () => Buffer.alloc(16_000, indexed(62)),
    ],
    [
      "cookie-crumbs",
      "16,000 cookie crumbs of one octet each, on 50 streams with window 0",
      () => inserted("cookie", "a"),
      () => Buffer.alloc(16_000, indexed(62)),
    ],
  ] as const
).map(([name, how, prelude, crumbs]) => ({
  name,
  source: "CVE-2016-6581; RFC 7541 §7.3, RFC 9113 §8.2.3",
  how,
  side: "downstream",
  pace: "flood",
  counters: ["header_list_too_large", "header_fields_exceeded", "header_block_too_large"],
  bar: { held: "ended or refused; no call reaches the backend", end: "must", callsMax: 0 },
  run: (stage) => bomb(stage, prelude(), crumbs()),
}))

/** CVE-2019-9516: fields without name or value, each kept by some at a cost. */
const zeroLength: Attack = {
  name: "zero-length-names",
  source: "CVE-2019-9516; RFC 9113 §8.2.1",
  how: "500 header blocks, each with 1,000 fields of empty name and empty value",
  side: "downstream",
  pace: "flood",
  counters: ["header_malformed", "header_fields_exceeded", "abuse_exhausted"],
  bar: { held: "ended, reset or refused; none reaches the backend", end: "must", callsMax: 0 },
  async run(stage) {
    const peer = await stage.connect()
    const fields = Buffer.concat([HOLD, Buffer.alloc(3000)])
    return await flood(peer, stage, { blow: (i) => wire.headers(2 * i + 1, fields), blowsMax: 500, batch: 4 })
  },
}

export const headerBlocks: Attack[] = [...continuationFloods, ...bombs, zeroLength]
